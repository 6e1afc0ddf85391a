"""``weir audit``: one file a group of commands."""

from __future__ import annotations

import typer

from weir.cli.audit.asking import path, sql
from weir.cli.audit.ingest import ingest
from weir.cli.audit.verify import verify

__all__ = ["app"]

app = typer.Typer(help="The audit: query the store, find it, verify spool and store.", no_args_is_help=True)

# A query may begin with a comment, and "-- …" looks like an option: what is no option of ours is taken as the query.
app.command(context_settings={"ignore_unknown_options": True})(sql)
app.command()(path)
app.command()(verify)
app.command()(ingest)
