"""``weir discover``: which AI services logs of proxies, firewalls and resolvers show, and who used them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weir.cli.options import PolicyOption, need_data
from weir.cli.output import StoreTrouble, fail, many, note, store_errors, table, write_json
from weir.cli.times import before

if TYPE_CHECKING:
    from weir.cli.discover.totals import Total
    from weir.logs.reading import Asked, Reading
    from weir.shadow.catalogue import Catalogue
    from weir.shadow.opinion import Opinion

__all__ = ["discover"]

_SHOWN = 3  # reasons for bad lines that are told of a file


def discover(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE…", help="Logs, gzip and zstd too; - is standard input.")
    ] = None,
    format: Annotated[
        str, typer.Option(metavar="NAME", help="The logs' format; auto recognises it, all lists what there is.")
    ] = "auto",
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT=NAME", help="csv: which column is what: host=Domain,user=3 (name or number)."),
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

    Lines that can't be read are counted and told on stderr. Exit code 0: read; 1: nothing could be read; 2: wrong
    usage, or a format that has to be named.
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
    columns = _columns(column or [], [name for name in COLUMNS if name != "bad"])
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
    return _discover(files, _asked(format, columns, start), policy, data, json)


def _asked(format: str, columns: dict[str, str], since: datetime | None) -> Callable[[Catalogue], Asked]:
    def asked(catalogue: Catalogue) -> Asked:
        from weir.logs.reading import Asked

        def whose(host: str, path: str) -> str:
            found = catalogue.by_host(host, path or None)
            return found.id if found is not None else ""

        return Asked(format=format, columns=columns, whose=whose, shared=catalogue.is_shared, since=since)

    return asked


def _discover(
    files: Sequence[str], make: Callable[[Catalogue], Asked], policy: Path | None, data: Path | None, json: bool
) -> None:
    from weir.cli.discover.totals import document, totals
    from weir.cli.scan import load_policy
    from weir.logs.format import FormatError
    from weir.logs.recognise import Unrecognised
    from weir.shadow.catalogue import Catalogue
    from weir.shadow.opinion import Opinion

    catalogue = Catalogue.load()
    opinion = Opinion(catalogue, load_policy("discover", policy).services)
    asked = make(catalogue)
    readings: list[Reading] = []
    unread: list[tuple[str, str]] = []
    wrong = False
    for name in files:
        try:
            reading = _read(name, asked)
        except OSError as error:
            unread.append((name, f"cannot be read ({(error.strerror or type(error).__name__).lower()})"))
        except FormatError as error:
            wrong = wrong or isinstance(error, Unrecognised)
            unread.append((name, str(error)))
        else:
            readings.append(reading)
            _tell(reading)
            if data is not None:
                _land(data, name, reading, opinion)
            continue
        note(f"weir discover: {name} {unread[-1][1]}")
    made = totals(
        (use, judged)
        for reading in readings
        for use in reading.uses
        if (judged := opinion.of(use.host, use.path or None)) is not None
    )
    if json:
        write_json(document(made, readings, unread))
    elif readings:
        _show(made, readings)
    # Lines that were left out by --since could be read.
    if not any(sum(reading.bad.values()) < max(reading.lines, 1) for reading in readings):
        raise typer.Exit(2 if wrong else 1)


def _read(name: str, asked: Asked) -> Reading:
    from dataclasses import replace

    from weir.logs.opening import open_log
    from weir.logs.reading import read

    with open_log(None if name == "-" else Path(name)) as log, _progress(name, log.size) as progress:
        return read(log, replace(asked, progress=progress))


@contextmanager
def _progress(name: str, size: int | None) -> Iterator[Callable[[int], None]]:
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    parts = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(Path(name).name[:30], total=size)
        yield lambda count: shown.update(task, completed=count)


def _tell(reading: Reading) -> None:
    """What went wrong with a file that was read, by line number and reason, never by content."""
    if reading.trouble:
        note(f"weir discover: {reading.name} {reading.trouble}")
    if not reading.bad:
        return
    thing = "entry" if reading.format in ("har", "mitm") else "line"
    note(
        f"weir discover: {reading.name}: {sum(reading.bad.values()):,} of {many(reading.lines, thing)}"
        " could not be read"
    )
    worst = sorted(reading.bad.items(), key=lambda item: -item[1])
    for why, count in worst[:_SHOWN]:
        numbers = ", ".join(map(str, reading.examples.get(why, ())))
        note(f"  {count:,}: {why} ({thing} {numbers}{', …' if count > len(reading.examples.get(why, ())) else ''})")
    if len(worst) > _SHOWN:
        note(f"  and {many(len(worst) - _SHOWN, 'other reason')}; --json has them all")


def _land(data: Path, name: str, reading: Reading, opinion: Opinion) -> None:
    from weir.cli.discover.landing import bring_in, land, look

    uses = (
        (use, judged.service) for use in reading.uses if (judged := opinion.of(use.host, use.path or None)) is not None
    )
    try:
        with store_errors():
            seen = look(data, [Path(name)])[0] if name != "-" and Path(name).is_file() else None
            if seen is not None and not seen.new:
                when = f"{datetime.fromtimestamp(seen.before / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
                grown = "; it has grown since, and was not imported again" if seen.grown else ""
                return note(f"{name}: the audit has it since {when}{grown}")
            landed = land(data, uses, format=reading.format, files=[seen.file] if seen else [])
            there = bring_in(data)
    except StoreTrouble as error:
        raise fail("discover", str(error)) from None
    if not landed.rows:
        return note(f"{name}: nothing new for the audit")
    return note(f"{name}: {many(landed.rows, 'row')} in the audit{'' if there else ' as soon as weir takes them in'}")


def _columns(given: Sequence[str], known: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for part in (part for each in given for part in each.split(",")):
        what, _, name = (piece.strip() for piece in part.partition("="))
        if what not in known or not name:
            raise fail("discover", f"--column {part}: write WHAT=NAME, where WHAT is {', '.join(known)}", 2)
        columns[what] = name
    return columns


def _show(made: Sequence[Total], readings: Sequence[Reading]) -> None:
    rows = [
        [
            total.judged.service.name, str(total.judged.service.status), len(total.users), len(total.devices),
            len(total.departments), total.requests, _size(total.bytes_up), _size(total.bytes_down),
            f"{datetime.fromtimestamp(total.last / 1e6, UTC):%Y-%m-%d}" if total.last else None,
        ]
        for total in made
    ]  # fmt: skip
    if rows:
        table(["service", "status", "users", "dev.", "dep.", "requests", "up", "down", "last used"], rows, stack=False)
    requests = sum(reading.requests for reading in readings)
    others = sum(reading.other_requests for reading in readings)
    said = f"{many(len(made), 'AI service')} in {many(requests - others, 'request')}" if made else "no AI service"
    hosts = sum(reading.other_hosts for reading in readings)
    note(f"{said}; {many(others, 'request')} to {many(hosts, 'other host')}")
    if rows:
        note("who used them, first use, hosts, risks: --json, or --data and weir report shadow-ai")


def _size(count: int | None) -> str | None:
    if count is None:
        return None
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
