"""Rows that name texts which a kill kept from the disk: records and texts get there each by itself, milliseconds apart.

Of such events a husk is written, an entry without parts under a key that is destroyed, so that nobody takes the texts
for removed. Only the last seconds of a boot that did not end in order are looked at: whoever took older texts away, or
those of a boot that ended well, is not excused.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from weir.audit.content.boots import Boots
from weir.audit.content.entries import Head, frame, read_head
from weir.audit.content.keyfile import KeyFile
from weir.audit.content.keystore import KeyStore, day_of
from weir.audit.content.segments import listed, name_of, pick
from weir.audit.content.slots import Destroyed
from weir.audit.record import now_us
from weir.audit.spool.opened import held, open_segment, segments
from weir.audit.spool.segment import Segment

__all__ = ["WINDOW_MS", "Bereft", "bereft", "write_husks"]

WINDOW_MS = 10_000  # before a boot's last row
TAIL_BYTES = 16 << 20  # of a chain's end that are looked at
_BLOCK = 1 << 20
_SLACK_MS = 3_600_000  # as far as the clock of a file's last change may stand beside that of the ids
_NAMED = b'"content_ct_hash":"'


@dataclass(frozen=True, slots=True)
class Bereft:
    """What boots that were killed have lost: the ids of the events, and which of them have no husk yet."""

    boots: tuple[str, ...]
    events: tuple[bytes, ...] = ()
    untold: tuple[bytes, ...] = ()

    def period_us(self) -> tuple[int, int]:
        """From when to when (µs since the epoch) the events were."""
        moments = [_moment(event) * 1000 for event in self.events]
        return min(moments), max(moments)


def bereft(data: Path, own: str) -> Bereft:
    """Look through the boots but ``own`` that have not ended in order, and that nobody writes to. Raises OSError,
    KeyFileError."""
    directory = data / "content"
    waiting = Boots(directory).others(own)
    if not waiting:
        return Bereft(())
    chains, looked, wanted = segments(data / "spool"), [], set[bytes]()
    for name, left in waiting.items():
        paths = chains.get(name, [])
        if paths and held(paths[-1]):
            continue  # another weir
        looked.append(name)
        wanted.update(_named(paths))
        for event_id in left:
            with suppress(ValueError):
                wanted.add(uuid.UUID(event_id).bytes)
    there, told = _stored(directory, wanted)
    lost = sorted(wanted - there)
    return Bereft(tuple(looked), tuple(lost), tuple(event for event in lost if event not in told))


def write_husks(directory: Path, events: Iterable[bytes], days: int) -> None:
    """Say durably of each event that its texts were never written; kept for ``days``. Raises OSError, KeyFileError."""
    ids = sorted(events)
    if not ids:
        return
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    gone = Destroyed(secrets.token_bytes(16), "unwritten", now_us())
    last_day = day_of(gone.at_us) + days
    heads = (Head(event, gone.key_id, _moment(event) * 1000, last_day, 0) for event in ids)
    data = b"".join(frame(head.pack()) for head in heads)
    file = KeyFile(directory)
    try:
        with file.changing() as places:
            places.append([gone])
            # By the oldest event: that is where readers look first, and what the file's name says it can have held.
            segment = Segment(directory / name_of(_moment(ids[0]), secrets.token_hex(4), 1), len(data))
            try:
                segment.append(data)
            finally:
                segment.close()
    finally:
        file.close()


def _stored(directory: Path, wanted: set[bytes]) -> tuple[set[bytes], set[bytes]]:
    """Events that have an entry, and those that have a husk of ours, in files that were written to since."""
    there, husks = set[bytes](), dict[bytes, bytes]()
    if not wanted:
        return there, set()
    since = min(map(_moment, wanted)) - _SLACK_MS
    for segment in listed(directory):
        with suppress(FileNotFoundError):
            if segment.path.stat().st_mtime_ns // 1_000_000 < since:
                continue
        for payload in pick(segment.path, lambda head: head.event_id in wanted):
            head = read_head(payload)
            if head.count:
                there.add(head.event_id)
            else:
                husks[head.event_id] = head.key_id
    keys = KeyStore(directory)
    slots = keys.lookup(set(husks.values())) if husks else {}
    keys.file.close()
    ours = {key_id for key_id, slot in slots.items() if isinstance(slot, Destroyed) and slot.reason == "unwritten"}
    told = {event for event, key_id in husks.items() if key_id in ours}
    return there | (husks.keys() - told), told


def _named(paths: list[Path]) -> set[bytes]:
    """The events of a chain's last seconds whose rows name texts. Raises OSError."""
    found, last = set[bytes](), 0
    for line in _backwards(paths):
        try:
            row = orjson.loads(line)
            event = bytes.fromhex(row["event_id"].replace("-", ""))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # `weir audit verify` tells
        if len(event) != 16 or event[6] >> 4 != 7:  # not made by the clock
            continue
        moment = _moment(event)
        last = last or moment
        if moment < last - WINDOW_MS:
            break
        if _NAMED in line and row.get("content_ct_hash"):
            found.add(event)
    return found


def _backwards(paths: list[Path]) -> Iterator[bytes]:
    """The whole lines at the end of a chain, the last one first. Raises OSError."""
    left = TAIL_BYTES
    for path in reversed(paths):
        with suppress(FileNotFoundError), open_segment(path) as file:
            at = file.seek(0, 2)
            rest, torn = b"", True  # what stands behind the last newline was never acknowledged
            while at > 0 and left > 0:
                step = min(_BLOCK, at)
                at = file.seek(at - step)
                head, *lines = (file.read(step) + rest).split(b"\n")
                left -= step
                if lines and torn:
                    lines.pop()
                    torn = False
                yield from reversed(lines)
                rest = head
            if at == 0 and rest and not torn:
                yield rest
        if left <= 0:
            return


def _moment(event_id: bytes) -> int:
    """Milliseconds since the epoch at which an event id (UUID version 7) was made."""
    return int.from_bytes(event_id[:6])
