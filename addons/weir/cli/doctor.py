"""``weir doctor``: is this deployment whole, and if not, what is to be done."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weir.cli.options import DATA, PROXY, DataOption, FormatOption
from weir.cli.output import clean, console, fail, lay, write_json

if TYPE_CHECKING:
    from weir.cli.address import ProxyAddress
    from weir.cli.checkup import Result
    from weir.cli.running import Running

__all__ = ["doctor"]

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    data: DataOption = DATA,
    policy: Annotated[
        Path | None, typer.Option(help="Policy file; default: the running weir's, else the shipped observe.yaml.")
    ] = None,
    proxy: Annotated[
        str, typer.Option(metavar="URL", help=f"Where weir listens; default: where it says, else {PROXY}.")
    ] = "",
    format: FormatOption = "table",
) -> None:
    """Check a deployment and say what is missing; exit 1 when something fails."""
    from weir.cli.address import ProxyAddress

    try:
        named = ProxyAddress.parse(proxy) if proxy else None
    except ValueError as error:
        raise fail("doctor", f"--proxy: {error}", 2) from None
    results = list(_examine(data, policy, named))
    failed = any(result.status == "fail" for result in results)
    if format == "json":
        write_json({"ok": not failed, "checks": [dataclasses.asdict(result) for result in results]})
    else:
        _print(results)
    if failed:
        raise typer.Exit(1)


def _examine(data: Path, policy: Path | None, named: ProxyAddress | None) -> Iterator[Result]:
    from weir.cli.checkup import (
        checkpoints,
        exports,
        health,
        identity,
        limits,
        machine,
        process,
        rules,
        secrets,
        store,
        texts,
        virtualkeys,
    )
    from weir.cli.checkup import data as store_of
    from weir.cli.running import running
    from weir.sections_audit import Disk

    found = running(data)
    yield machine.python()
    yield from machine.libraries()
    yield machine.clock(data.glob("spool/*.jsonl*"))
    yield machine.key_log()
    yield from store_of.directory(data)
    yield store_of.authority(data)
    yield store_of.tokenizers(data)
    yield process.present(data, found)
    path, which, its_own = _which_policy(policy, found)
    results, settings = rules.policy(path, which)
    yield from results
    if settings is not None:
        if found is not None and its_own and found.policy_hash not in ("", settings.hash):
            yield process.changed(path, found)
        yield from rules.users(settings)
        yield from identity.issuers(settings, data)
        yield from identity.directory(settings)
        yield from identity.certificates(settings)
        yield from secrets.keys(settings, secrets.told(data) if found is not None and its_own else None)
        yield from texts.texts(settings, data, texts.told(data) if found is not None and its_own else None)
        yield from virtualkeys.virtual_keys(settings, data)
        yield from limits.budgets(settings, data)
        yield from limits.rates(settings)
    yield store.space(data, settings.audit.disk if settings is not None else Disk())
    yield store.chain(data)
    yield store.ingester(data)
    yield store.store(data)
    yield from store.records(data)
    yield from checkpoints.signed(data)
    yield from checkpoints.published(data)
    yield from exports.exports(data)
    if found is not None:
        yield from health.health(data)
    yield from _proxies(named, found)


def _which_policy(named: Path | None, found: Running | None) -> tuple[Path, str, bool]:
    """The policy to look at, why that one, and whether it is the running weir's."""
    from weir.cli.checkup.process import policy_file
    from weir.places import policy_path

    its_own = policy_file(found) if found is not None else None
    if named is not None:
        return named, "", its_own is not None and its_own.absolute() == named.absolute()
    if its_own is not None:
        return its_own, "the running weir's", True
    which = "the shipped default, which need not be what your weir runs with: name that with --policy"
    return policy_path("observe"), which, False


def _proxies(named: ProxyAddress | None, found: Running | None) -> Iterator[Result]:
    from weir.cli.address import ProxyAddress
    from weir.cli.checkup import machine, process

    places = process.addresses(found) if found is not None and named is None else []
    if not places:
        yield machine.proxy(named or ProxyAddress.parse(PROXY), named=named is not None)
    for place in places:
        yield machine.proxy(place, named=True)


def _print(results: list[Result]) -> None:
    from rich.text import Text

    names = [result.name for result in results]
    words = list(_STYLES)
    for result in results:
        detail = clean(result.detail) + (f"\n→ {clean(result.remedy)}" if result.remedy else "")
        lay([result.status, result.name, detail], [words, names, []], styles=[_STYLES[result.status]])
    count = {status: sum(result.status == status for result in results) for status in _STYLES}
    told = f"\n{count['fail']} to repair, {count['warn']} to look at, {count['ok']} as they should be"
    console().print(Text(told), soft_wrap=True)
