"""What logs showed, in the audit: rows of kind ``discovered``, chained and ingested like all others.

A file is known by the SHA-256 of its bytes, unpacked: what was imported once is not imported again, packed or not, and
of a file that has grown since only what is new is. Imports into one directory wait for each other. A row's exchange id
is made from the import and what the row says, so that an import that broke off can be done again: ``exchanges`` has
each row once.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.room import Room
from weir.logs.opening import open_log
from weir.logs.use import Use
from weir.model import Service

__all__ = ["Landed", "LogFile", "Seen", "bring_in", "importing", "land", "look"]

_BATCH = 1_000  # records between two waits for the disk
_SEGMENT_BYTES = 8 << 20
_TIMEOUT_S = 60.0
_CHUNK = 1 << 20
_EARLIEST = 946_684_800_000_000  # 2000-01-01: a time before it is a mistake of the log's, as is one that is to come
_AHEAD_US = 86_400_000_000
_ACTIONS = {"allowed": "allow", "blocked": "block"}


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file as it was read: its name without directories, the SHA-256 of its unpacked bytes, how many they are."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A file and whether the audit has it: ``before`` says when it was imported (µs), ``at`` how many of its bytes."""

    path: Path
    file: LogFile
    before: int = 0
    at: int = 0

    @property
    def new(self) -> bool:
        """Nothing of it was ever imported."""
        return not self.before

    @property
    def grown(self) -> bool:
        """Its beginning was imported, and then more was written to it: what begins at byte ``at`` is new."""
        return bool(self.before) and self.at < self.file.bytes


@dataclass(frozen=True, slots=True)
class Landed:
    """How many rows were written, of how many requests, in which import; ``undated`` have the time of the import.

    ``old`` are from before the day since which the audit keeps records.
    """

    rows: int
    requests: int
    undated: int
    import_id: str
    old: int = 0


@contextmanager
def importing(data: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """One import at a time into this directory; ``waiting`` is called when another is under way. Raises OSError."""
    lock = os.open(data / "discover.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def look(data: Path, paths: Iterable[Path]) -> list[Seen]:
    """Each file beside what the audit knows of it, to be asked before reading. Raises OSError, duckdb.Error."""
    known = _imports(data)
    return [_seen(path, known) for path in paths]


def land(
    data: Path,
    uses: Iterable[tuple[Use, Service]],
    *,
    format: str,
    files: Sequence[LogFile] = (),
    now: int = 0,
    room: Room | None = None,
    days: int = 36_500,
) -> Landed:
    """Write a row for every use, and when all are on disk a record of the import for every file.

    ``files``: those the uses were read from, as ``look`` gave them; without any (a pipe) the uses themselves tell one
    import from another. ``now``: µs since the epoch. ``room``: below its floor nothing is written. ``days``: how many
    the audit keeps records. Returns without a row when that import is known already.

    Raises OSError when the audit cannot be written, DataDirError, duckdb.Error.
    """
    now = now or now_us()
    if not files:
        uses = list(uses)
        digest = hashlib.sha256("\n".join(sorted(repr((use, service.id)) for use, service in uses)).encode())
        files = [LogFile("-", digest.hexdigest(), 0)]
    digests = sorted(file.sha256 for file in files)
    import_id = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    if not set(digests) - set(_imports(data)):
        return Landed(0, 0, 0, import_id)
    told = {"rows": 0, "requests": 0, "undated": 0, "old": 0, "since": now - days * _AHEAD_US}
    rows = (_row(use, service, format, import_id, now, told) for use, service in uses)
    _write(data, _with_markers(rows, files, format, told), room)
    return Landed(told["rows"], told["requests"], told["undated"], import_id, told["old"])


def bring_in(data: Path) -> bool:
    """Bring what landed into the store, where no running weir does; whether it is there now.

    Raises OSError, duckdb.Error.
    """
    from weir.audit.evidence.sealing import DayFiles
    from weir.audit.ingester.ingest import Ingester, IngestLocked

    days = DayFiles(data)
    try:
        with Ingester(data / "spool", data / "audit", on_sealed=days.sealed, on_removed=days.removed) as ingester:
            while ingester.run_once():
                pass
    except IngestLocked:
        return False
    return True


def _with_markers(
    rows: Iterator[AuditRecord], files: Sequence[LogFile], format: str, told: Mapping[str, int]
) -> Iterator[AuditRecord | None]:
    """The rows, then None (all before is to be on disk), then what says that they are there."""
    from weir.cli.audit.disclosing import by

    yield from rows
    yield None
    for file in files:
        extra = {"import": file.sha256, "by": by(), "source": format, "file": file.name, "bytes": file.bytes}
        yield AuditRecord(
            event_id=new_event_id(), exchange_id=new_event_id(), kind="config", ts=now_us(),
            reason="a log was imported", extra=_json({**extra, "rows": told["rows"], "requests": told["requests"]}),
        )  # fmt: skip


def _row(use: Use, service: Service, format: str, import_id: str, now: int, told: dict[str, int]) -> AuditRecord:
    dated = _EARLIEST <= use.first <= use.last <= now + _AHEAD_US
    begun, ended = (use.first, use.last) if dated else (now, now)
    told["rows"] += 1
    told["requests"] += use.requests
    told["undated"] += not dated
    told["old"] += ended < told["since"]
    extra: dict[str, Any] = {"source": format, "requests": use.requests, "import": import_id}
    if not dated:
        extra["undated"] = "true"
    return AuditRecord(
        event_id=new_event_id(), exchange_id=_exchange_id(use, import_id, begun if dated else 0), kind="discovered",
        ts=begun, ts_end=ended, user=_brief(use.user), team=_brief(use.department), device=_brief(use.device),
        src_ip=_brief(use.source), user_agent=_brief(use.agent), host=_brief(use.host), path_template=_brief(use.path),
        service=service.id, service_status=str(service.status), action=_ACTIONS.get(use.action, "allow"),
        req_bytes=use.bytes_up, resp_bytes=use.bytes_down, extra=_json(extra),
    )  # fmt: skip


def _exchange_id(use: Use, import_id: str, begun: int) -> str:
    """The same for the same row of the same import. It sorts by time, as the ids of all exchanges do (RFC 9562, 8)."""
    noise = int.from_bytes(hashlib.sha256(repr((import_id, astuple(use))).encode("utf-8", "replace")).digest()[:10])
    value = ((begun // 1_000) & (2**48 - 1)) << 80 | 0x8 << 76 | (noise >> 68) << 64 | 0b10 << 62 | noise & (2**62 - 1)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _brief(text: str, chars_max: int = 256) -> str:
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _write(data: Path, records: Iterable[AuditRecord | None], room: Room | None) -> None:
    """All records durably, in a chain of their own; None waits until those before are. Raises OSError."""
    from weir.audit.spool.records import new_boot_id
    from weir.audit.spool.writer import Spool, SpoolUnavailable
    from weir.datadir import DataDir

    directory = DataDir(data)
    if room is not None:
        room.check()
    spool = Spool(
        directory.spool, directory.proxy_id, new_boot_id(), segment_bytes_max=_SEGMENT_BYTES, queue_max=2 * _BATCH,
        room=room,
    )  # fmt: skip
    spool.start()
    try:
        waiting = 0
        for record in records:
            if record is not None:
                spool.put(record, strict=True)
                waiting += 1
            if record is None or waiting == _BATCH:
                _settle(spool.flush(_TIMEOUT_S))
                waiting = 0
                if room is not None:
                    room.check()
        _settle(spool.flush(_TIMEOUT_S))
    except SpoolUnavailable as problem:
        raise OSError(errno.EIO, f"the import could not be written to the audit ({problem})") from None
    finally:
        spool.close(0)


def _settle(durable: bool) -> None:
    if not durable:
        raise OSError(errno.EIO, "the import could not be written to the audit (the disk did not answer in time)")


def _imports(data: Path) -> dict[str, tuple[int, int]]:
    """SHA-256 of every file that was imported → when (µs), and how many bytes it had."""
    from weir.audit.content.rows import unread
    from weir.audit.store import database as store

    found: dict[str, tuple[int, int]] = {}
    if (data / "spool").is_dir():  # before the store is asked, for an ingester may take over in between
        for row in unread(data):
            extra = row.get("extra") or ""
            if row.get("kind") == "config" and '"import"' in extra:
                told = json.loads(extra)
                found[str(told.get("import"))] = (int(row.get("ts") or 0), int(told.get("bytes") or 0))
    if (data / "audit" / "cursor.json").exists():
        query = (
            "SELECT extra->>'$.import', epoch_us(ts), try_cast(extra->>'$.bytes' AS BIGINT) FROM events "
            "WHERE kind = 'config' AND contains(extra::VARCHAR, '\"import\"')"
        )
        found.update((digest, (at, size or 0)) for digest, at, size in store.sql(data, query)[1] if digest)
    return found


def _seen(path: Path, known: Mapping[str, tuple[int, int]]) -> Seen:
    """Hash a file once, and look at every length at which an import ended whether it is the beginning of this one."""
    lengths = sorted({size for _, size in known.values() if size})
    before = at = 0
    with open_log(path) as log:
        for length in [*lengths, None]:
            while length is None or log.unpacked < length:
                if not log.read(_CHUNK if length is None else min(_CHUNK, length - log.unpacked)):
                    break
            here = known.get(log.digest) if length in (None, log.unpacked) else None
            if here is not None and log.unpacked:
                before, at = here[0], log.unpacked
        return Seen(path, LogFile(path.name, log.digest, log.unpacked), before, at)
