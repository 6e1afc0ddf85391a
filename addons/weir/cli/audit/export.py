"""``weir audit export``: rows of the audit to others, at least once, with a durable cursor."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from weir.cli.options import DATA, DataOption, need_data
from weir.cli.output import StoreTrouble, fail, many, note, store_errors
from weir.cli.times import before

if TYPE_CHECKING:
    from weir.audit.exports.address import Address
    from weir.audit.exports.receivers import Access
    from weir.audit.exports.work import Export
    from weir.model import Secret

__all__ = ["export"]

COMMAND = "audit export"
TOLD_S = 30.0
_Format = Literal["ocsf", "cef", "leef", "ecs", "otlp", "focus", "jsonl"]


def export(
    format: Annotated[
        _Format,
        typer.Option("--format", metavar="FORMAT", help="What rows become: " + ", ".join(get_args(_Format)) + "."),
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            help="- (stdout), file:PATH, syslog+tls://HOST:PORT, syslog+tcp://…, https://…, splunk+https://…, "
            "otlp+https://….",
        ),
    ] = "-",
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="Where a new cursor begins: 7d, a date, or now; default: all there is.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what weir writes, until SIGTERM.")] = False,
    cursor: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="How far the receiver has it; default: one for this format and place. The spool is kept for names, "
            "not for a FILE elsewhere.",
        ),
    ] = "",
    only: Annotated[
        Literal["", "traces", "metrics"],
        typer.Option("--only", metavar="SIGNAL", help="otlp: traces or metrics alone."),
    ] = "",
    token: Annotated[
        str, typer.Option(metavar="REFERENCE", help="Where the receiver's token is: env:NAME, file:/path, vault:…")
    ] = "",
    ca: Annotated[
        Path | None, typer.Option(help="PEM file of the receiver's authorities; default: the system's.")
    ] = None,
    cert: Annotated[Path | None, typer.Option(help="PEM file: a client certificate for the receiver.")] = None,
    key_file: Annotated[Path | None, typer.Option("--key-file", help="PEM file: its key.")] = None,
    data: DataOption = DATA,
) -> None:
    """Send audit records to a SIEM, a collector or a file: each at least once, in order, from where the cursor is.

    A receiver that is down loses nothing: it is tried again, and the cursor moves only with what was taken.
    """
    from weir.audit.exports.address import Address, AddressError
    from weir.audit.exports.receivers import Access, mistake

    try:
        address = Address.parse(to)
        begin = _begin(since)
    except AddressError as error:
        raise fail(COMMAND, f"--to: {error}", 2) from None
    except ValueError as error:
        raise fail(COMMAND, f"--since: {error}", 2) from None
    access = Access(ca, cert, key_file, _fetching(token, address.host) if token else None)
    wrong = mistake(address, format, access)
    if not wrong and only and format != "otlp":
        wrong = "--only is for --format otlp"
    if not wrong and format == "focus" and (follow or cursor):
        wrong = "--format focus is one table: no --follow, no --cursor"
    if wrong:
        raise fail(COMMAND, wrong, 2)
    need_data(COMMAND, data)
    if format == "focus":
        return _focus(data, address, begin)
    if address.in_clear:
        note(f"weir {COMMAND}: {address.shown}: whoever is on the way can read and change it; there is TLS")
    exports = _opened(data, address, format, access, begin, follow=follow, cursor=cursor, only=only)
    _work(exports)
    return None


def _begin(since: str) -> int:
    """µs since the epoch; 0 for all there is. Raises ValueError."""
    if not since:
        return 0
    return time.time_ns() // 1_000 if since.strip() == "now" else int(before(since).timestamp() * 1_000_000)


def _fetching(reference: str, host: str) -> Callable[[], Secret]:
    """Fetches the token, for this host only; asked once here, so that a mistake shows before anything is sent."""
    from weir.audit.exports.senders.target import Unavailable
    from weir.keys.secrets import SecretUnavailable, source
    from weir.model import Secret

    def fetch() -> Secret:
        try:
            return Secret(source(reference)().value, name="token", hosts=(host,))
        except SecretUnavailable as error:
            raise Unavailable(f"its token: {error}") from None

    try:
        fetch()
    except Unavailable as error:
        raise fail(COMMAND, f"--token: {error}".replace("its token: ", ""), 2) from None
    return fetch


def _opened(
    data: Path, address: Address, format: str, access: Access, begin: int, *, follow: bool, cursor: str, only: str
) -> list[Export]:
    """The exports with their cursors. Ends the command for what is not there or in use."""
    from weir.audit.exports import receivers
    from weir.audit.exports.cursors import CursorError, ExportCursor, place
    from weir.audit.exports.reading import Reader
    from weir.audit.exports.refused import ENDING, RefusedRows
    from weir.audit.exports.work import Export
    from weir.datadir import DataDirError
    from weir.places import version

    def tell(line: str) -> None:
        note(f"weir {COMMAND}: {line}")

    streams = receivers.signals(format, only)
    name = cursor or receivers.cursor_name(address, format)
    exports: list[Export] = []
    held: ExportCursor | None = None
    try:
        found = receivers.targets(address, format, access, version(), streams, tell)
        for stream, target in zip(streams, found, strict=True):
            file = place(data, f"{name}-{stream}" if stream else name) if name else None
            held = ExportCursor.take(file, address.shown, f"{format} {stream}".strip(), begin)
            if begin and held.since != begin and file is not None:
                tell(f"{file}: goes on where it is; --since is for a new cursor")
            try:
                with store_errors():
                    reader = Reader(data, held.taken, held.since)
            except StoreTrouble as error:
                if not follow:
                    raise
                tell(f"the store: {error}; runs of weir that only it has are left for the next start")
                reader = Reader(data, held.taken, held.since, store=False)
            aside = RefusedRows(file.with_name(file.stem + ENDING) if file else None)
            shown = f"{address.shown} ({stream})" if stream else address.shown
            exports.append(Export(shown, reader, target, held, aside, tell, follow=follow))
    except (CursorError, DataDirError, StoreTrouble) as error:
        if held is not None:
            held.close()
        raise fail(COMMAND, str(error)) from None
    except OSError as error:  # certificates and keys that cannot be read
        raise fail(COMMAND, f"{error.filename or '--ca, --cert or --key-file'}: {error.strerror or error}", 2) from None
    return exports


def _work(exports: Sequence[Export]) -> None:
    from weir.audit.exports.work import run

    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    told = [time.monotonic(), 0]

    def progress() -> None:
        sent = sum(export.sent for export in exports)
        if time.monotonic() - told[0] >= TOLD_S and sent != told[1]:
            told[:] = [time.monotonic(), sent]
            note(f"weir {COMMAND}: {many(sent, 'row')} so far")

    try:
        run(exports, stop, progress)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for export in exports:
        aside = f", {many(export.set_aside, 'refusal')} kept apart" if export.set_aside else ""
        note(f"weir {COMMAND}: {many(export.sent, 'row')} to {export.name}{aside}")
    if any(export.failed for export in exports):
        raise typer.Exit(1)


def _focus(data: Path, address: Address, begin: int) -> None:
    """The spend as a FOCUS table, whole, to stdout or in place of the file."""
    from datetime import UTC, datetime

    from weir.audit.store import database as store
    from weir.cli.tables import show
    from weir.datadir import DataDirError, write_private
    from weir.reports.focus import run_focus
    from weir.reports.table import as_csv

    try:
        with store_errors(), store.connect(data) as connection:
            made = run_focus(connection, datetime.fromtimestamp(begin / 1e6, UTC) if begin else None)
        if address.kind == "stdout":
            return show(made, "csv")
        write_private(address.path, as_csv(made).encode())
    except (StoreTrouble, DataDirError) as error:
        raise fail(COMMAND, str(error)) from None
    sys.stderr.write(f"weir {COMMAND}: {many(len(made.rows), 'row')} to {address.shown}\n")
    return None
