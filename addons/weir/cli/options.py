"""The options that several commands share, so that they are called and explained the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from weir.cli.output import fail

__all__ = ["DATA", "PROXY", "DataOption", "FormatOption", "PolicyOption", "ProxyOption", "TableOption", "need_data"]

DATA = Path("data")
PROXY = "http://127.0.0.1:8080"

DataOption = Annotated[Path, typer.Option("--data", help="weir's data directory.")]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="Policy file; default: the shipped observe.yaml.")]
ProxyOption = Annotated[
    str,
    typer.Option("--proxy", metavar="URL", help=f"Where weir listens; default: where it says it does, else {PROXY}."),
]
FormatOption = Annotated[
    Literal["table", "json"], typer.Option("--format", help="table for people, json for programs.")
]
TableOption = Annotated[
    Literal["table", "json", "csv"], typer.Option("--format", help="table for people, json or csv for programs.")
]


def need_data(command: str, data: Path) -> None:
    """End the command when there is no data directory: asking must not make an empty store in the wrong place."""
    if not data.is_dir():
        raise fail(command, f"{data} is no data directory; name weir's with --data")
