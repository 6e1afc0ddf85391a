"""``weir audit``: one file a group of commands."""

from __future__ import annotations

import typer

from weir.cli.audit.asking import path, sql
from weir.cli.audit.content import content, erase
from weir.cli.audit.contentkeys import app as content_keys
from weir.cli.audit.evidence import evidence
from weir.cli.audit.export import export
from weir.cli.audit.ingest import ingest
from weir.cli.audit.proofs import prove, rotate_key, verify_proof
from weir.cli.audit.rebuild import prune, rebuild
from weir.cli.audit.timeline import timeline
from weir.cli.audit.verify import verify
from weir.cli.audit.views import views

__all__ = ["app"]

app = typer.Typer(
    help="The audit: ask it, check and prove it, read kept texts or erase them, hand it to others.",
    no_args_is_help=True,
)

# A query may begin with a comment, and "-- …" looks like an option: what is no option of ours is taken as the query.
app.command(context_settings={"ignore_unknown_options": True})(sql)
app.command()(path)
app.command()(verify)
app.command()(prove)
app.command("verify-proof")(verify_proof)
app.command("rotate-key")(rotate_key)
app.command()(evidence)
app.command()(ingest)
app.command()(rebuild)
app.command()(prune)
app.command()(export)
app.command()(content)
app.command()(timeline)
app.command()(erase)
app.add_typer(content_keys, name="content-keys")
app.command()(views)
