"""``weir doctor``: is this deployment whole, and if not, what is to be done."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weir.cli.options import DATA, PROXY, DataOption, FormatOption, PolicyOption
from weir.cli.output import clean, console, fail, write_json

if TYPE_CHECKING:
    from weir.cli.address import ProxyAddress
    from weir.cli.checkup import Result

__all__ = ["doctor"]

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    data: DataOption = DATA,
    policy: PolicyOption = None,
    proxy: Annotated[str, typer.Option(metavar="URL", help=f"Where weir listens; default: {PROXY}.")] = "",
    format: FormatOption = "table",
) -> None:
    """Check a deployment and say what is missing; exit 1 when something fails."""
    from weir.cli.address import ProxyAddress
    from weir.places import policy_path

    try:
        address = ProxyAddress.parse(proxy or PROXY)
    except ValueError as error:
        raise fail("doctor", f"--proxy: {error}", 2) from None
    results = list(_examine(data, policy or policy_path("observe"), address, named=bool(proxy)))
    failed = any(result.status == "fail" for result in results)
    if format == "json":
        write_json({"ok": not failed, "checks": [dataclasses.asdict(result) for result in results]})
    else:
        _print(results)
    if failed:
        raise typer.Exit(1)


def _examine(data: Path, policy: Path, address: ProxyAddress, *, named: bool) -> Iterator[Result]:
    from weir.cli.checkup import data as store_of
    from weir.cli.checkup import machine, rules, store

    yield machine.python()
    yield from machine.libraries()
    yield machine.clock(data.glob("spool/*.jsonl"))
    yield machine.key_log()
    directory = store_of.directory(data)
    yield from directory
    yield store_of.authority(data)
    yield store_of.tokenizers(data)
    results, settings = rules.policy(policy)
    yield from results
    if settings is not None:
        yield from rules.users(settings)
        yield from rules.keys(settings)
    yield store.space(data)
    yield store.chain(data)
    yield store.ingester(data)
    yield store.store(data)
    yield machine.proxy(address, named=named)


def _print(results: list[Result]) -> None:
    from rich.table import Table
    from rich.text import Text

    shown = Table.grid(padding=(0, 2, 0, 0))
    shown.add_column(no_wrap=True)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for result in results:
        detail = Text(clean(result.detail))
        if result.remedy:
            detail.append(f"\n→ {clean(result.remedy)}", style="bold")
        shown.add_row(Text(result.status, style=_STYLES[result.status]), result.name, detail)
    out = console()
    out.print(shown)
    count = {status: sum(result.status == status for result in results) for status in _STYLES}
    out.print(Text(f"\n{count['fail']} to repair, {count['warn']} to look at, {count['ok']} as they should be"))
