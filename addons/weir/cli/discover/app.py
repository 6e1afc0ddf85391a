"""``weir discover``: which AI services logs of proxies, firewalls and resolvers show, and who used them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weir.cli.discover.asking import columns_of, domains_of, zone_of
from weir.cli.options import PolicyOption, need_data
from weir.cli.output import clean, fail, many, note, table, write_json
from weir.cli.times import before

if TYPE_CHECKING:
    from weir.cli.discover.keeping import Keeping
    from weir.logs.reading import Asked, Reading
    from weir.shadow.catalogue import Catalogue

__all__ = ["discover"]

_SHOWN = 3  # reasons for bad lines that are told of a file


def discover(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE…", help="Logs, gzip and zstd too, or directories of them; - is standard input."),
    ] = None,
    format: Annotated[
        str, typer.Option(metavar="NAME", help="The logs' format; auto recognises it, all lists what there is.")
    ] = "auto",
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT=NAME", help="csv: which column is what: host=Domain,user=3 (name or number)."),
    ] = None,
    timezone: Annotated[
        str,
        typer.Option(metavar="ZONE", help="Of times that name none: Europe/Berlin. A log's own word goes before it."),
    ] = "UTC",
    domain: Annotated[
        list[str] | None,
        typer.Option(metavar="WINDOWS=MAIL", help="ACME=acme.com: ACME\\ann is the user ann@acme.com."),
    ] = None,
    since: Annotated[str, typer.Option(metavar="WHEN", help="7d, 12h, or a date: leave out what is older.")] = "",
    policy: PolicyOption = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Keep what is found in the audit of this data directory too.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For programs: services, files, bad lines.")] = False,
    hosts: Annotated[
        str,
        typer.Option(metavar="FILE", help="Instead: say of each host name in FILE (or -) whose it is, as JSON lines."),
    ] = "",
) -> None:
    """Which AI services logs show: who used them, how much, from when to when.

    Lines that can't be read are counted and told on stderr. Exit code 0: read; 1: a file could not be read, or nothing
    of any; 2: wrong usage, or a format that has to be named.
    """
    if hosts:
        from weir.cli.discover.hosts import discover_hosts

        return discover_hosts(hosts, policy)
    from weir.logs.format import COLUMNS
    from weir.logs.formats import formats

    if format == "all":
        return table(["format", "what it is"], [[name, each.says] for name, each in formats().items()])
    if format != "auto" and format not in formats():
        raise fail("discover", f"there is no format {format!r}; there are auto, {', '.join(formats())}", 2)
    if not files:
        raise fail("discover", "name a log, or - for standard input", 2)
    columns = columns_of(column or [], [name for name in COLUMNS if name != "bad"])
    if columns and format not in ("auto", "csv"):
        raise fail("discover", f"--column is for --format csv; {format} knows its columns", 2)
    if since and data is not None:
        raise fail("discover", "--since leaves part of a log out, --data keeps whole ones; use one of them", 2)
    try:
        start = before(since) if since else None
    except ValueError as error:
        raise fail("discover", f"--since: {error}", 2) from None
    if data is not None:
        need_data("discover", data)
    asked = _asked(format, columns, start, zone_of(timezone), domains_of(domain or []))
    return _discover(files, asked, policy, data, json)


def _asked(
    format: str, columns: dict[str, str], since: datetime | None, zone: str, domains: dict[str, str]
) -> Callable[[Catalogue], Asked]:
    def asked(catalogue: Catalogue) -> Asked:
        from weir.logs.reading import Asked

        def whose(host: str, path: str) -> str:
            found = catalogue.by_host(host, path or None)
            return found.id if found is not None else ""

        return Asked(
            format=format, columns=columns, whose=whose, shared=catalogue.is_shared, since=since, zone=zone,
            domains=domains,
        )  # fmt: skip

    return asked


def _discover(
    files: Sequence[str], make: Callable[[Catalogue], Asked], policy: Path | None, data: Path | None, json: bool
) -> None:
    from weir.cli.discover.files import logs_of
    from weir.cli.discover.totals import document, totals
    from weir.cli.scan import load_policy
    from weir.logs.recognise import Unrecognised
    from weir.shadow.catalogue import Catalogue
    from weir.shadow.opinion import Opinion

    catalogue = Catalogue.load()
    settings = load_policy("discover", policy)
    opinion = Opinion(catalogue, settings.services)
    asked = make(catalogue)
    keeping = None
    if data is not None:
        from weir.cli.discover.keeping import Keeping

        keeping = Keeping(data, settings.audit, opinion)
    names, none = logs_of(files)
    readings: list[Reading] = []
    wrong = False
    with keeping.alone() if keeping is not None else nullcontext():
        for name in names:
            reading = _one(name, asked, keeping, readings)
            if isinstance(reading, Exception):
                wrong = wrong or isinstance(reading, Unrecognised)
                none.append((name, _why(reading)))
            elif reading is not None:
                readings.append(reading)
    for name, why in none:
        note(f"weir discover: {clean(name)} {why}")
    made = totals(
        (use, judged)
        for reading in readings
        for use in reading.uses
        if (judged := opinion.of(use.host, use.path or None)) is not None
    )
    if json:
        write_json(document(made, readings, none))
    elif readings:
        from weir.cli.discover.showing import show

        show(made, readings)
    # Lines that were left out by --since could be read.
    some = any(sum(reading.bad.values()) < max(reading.lines, 1) for reading in readings)
    if wrong and not some:
        raise typer.Exit(2)
    if none or not some:
        raise typer.Exit(1)


def _one(name: str, asked: Asked, keeping: Keeping | None, before: Sequence[Reading]) -> Reading | Exception | None:
    """A log's reading; why it has none; or nothing for one that is among those ``before``."""
    from weir.logs.format import FormatError

    try:
        seen = keeping.look(name) if keeping is not None else None
        reading = _read(name, asked, seen.at if seen is not None and seen.grown else 0)
    except (OSError, FormatError) as error:
        return error
    same = next((one for one in before if one.digest == reading.digest and one.bytes), None)
    if same is not None:
        note(f"{clean(name)}: holds the same as {clean(same.name)}, and is counted once")
        return None
    _tell(reading)
    if keeping is not None:
        keeping.land(name, reading, seen)
    return reading


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"cannot be read ({(error.strerror or type(error).__name__).lower()})"
    return str(error)


def _read(name: str, asked: Asked, start: int) -> Reading:
    from dataclasses import replace

    from weir.logs.opening import open_log
    from weir.logs.reading import read

    with open_log(None if name == "-" else Path(name)) as log, _progress(name, log.size) as progress:
        return read(log, replace(asked, progress=progress, start=start))


@contextmanager
def _progress(name: str, size: int | None) -> Iterator[Callable[[int], None]]:
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    parts = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(clean(Path(name).name)[:30], total=size)
        yield lambda count: shown.update(task, completed=count)


def _tell(reading: Reading) -> None:
    """What went wrong with a file that was read, by line number and reason, never by content."""
    from weir.cli.discover.totals import untold

    if reading.trouble:
        note(f"weir discover: {clean(reading.name)} {reading.trouble}")
    if reading.format == "csv" and (lacking := untold(reading.uses)):
        note(
            f"weir discover: {clean(reading.name)}: no {', '.join(lacking)} found in its columns; if there are any:"
            f" --column {','.join(f'{name}=…' for name in lacking.values())}"
        )
    if not reading.bad:
        return
    thing = "entry" if reading.format in ("har", "mitm") else "line"
    note(
        f"weir discover: {clean(reading.name)}: {sum(reading.bad.values()):,} of {many(reading.lines, thing)}"
        " could not be read"
    )
    worst = sorted(reading.bad.items(), key=lambda item: -item[1])
    for why, count in worst[:_SHOWN]:
        numbers = ", ".join(map(str, reading.examples.get(why, ())))
        note(f"  {count:,}: {why} ({thing} {numbers}{', …' if count > len(reading.examples.get(why, ())) else ''})")
    if len(worst) > _SHOWN:
        note(f"  and {many(len(worst) - _SHOWN, 'other reason')}; --json has them all")
