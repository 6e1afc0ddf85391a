"""``weir discover --data``: what logs showed goes into the audit, each line once, and people are told what became of
it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from weir.cli.discover.landing import LogFile, Seen, bring_in, importing, land, look
from weir.cli.output import StoreTrouble, clean, fail, many, note, store_errors

if TYPE_CHECKING:
    from weir.audit.spool.room import Room
    from weir.logs.reading import Reading
    from weir.sections_audit import Audit
    from weir.shadow.opinion import Opinion

__all__ = ["Keeping"]


class Keeping:
    """The audit of one data directory. Ends the command when it can't be asked or written."""

    def __init__(self, data: Path, audit: Audit, opinion: Opinion) -> None:
        self._data, self._audit, self._opinion = data, audit, opinion

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While no other import into this directory is under way; waits for one."""
        with importing(self._data, lambda: note("waits for another import into this directory to end")):
            yield

    def look(self, name: str) -> Seen | None:
        """What the audit knows of this log; None of a pipe, which can be read once only. OSError when it can't be read
        itself."""
        if name == "-" or not Path(name).is_file():
            return None
        with Path(name).open("rb"):
            pass
        try:
            with store_errors():
                return look(self._data, [Path(name)])[0]
        except StoreTrouble as error:
            raise fail("discover", str(error)) from None

    def land(self, name: str, reading: Reading, seen: Seen | None) -> None:
        """Bring what was read into the audit, and say how much that is."""
        name = clean(name)
        if seen is not None and not seen.new:
            when = f"{datetime.fromtimestamp(seen.before / 1e6, UTC):%Y-%m-%d %H:%M} UTC"
            if not seen.grown:
                return note(f"{name}: the audit has it since {when}")
            note(f"{name}: the audit has its first {seen.at:,} bytes since {when}; what follows is counted here")
        uses = (
            (use, judged.service)
            for use in reading.uses
            if (judged := self._opinion.of(use.host, use.path or None)) is not None
        )
        file = LogFile(Path(reading.name).name, reading.digest, reading.bytes)
        days = self._audit.retention.days
        try:
            with store_errors():
                landed = land(
                    self._data, uses, format=reading.format, files=[file], room=self._room(), days=days
                )  # fmt: skip
                there = bring_in(self._data)
        except StoreTrouble as error:
            raise fail("discover", str(error)) from None
        if not landed.rows:
            return note(f"{name}: nothing new for the audit")
        note(f"{name}: {many(landed.rows, 'row')} in the audit{'' if there else ' as soon as weir takes them in'}")
        if landed.old:
            note(f"  {landed.old:,} of them older than audit.retention.days ({days}): those will soon be gone again")
        if landed.undated:
            note(f"  {many(landed.undated, 'row')} without a time, counted as of now")
        return None

    def _room(self) -> Room:
        from weir.audit.spool.room import Room

        return Room(self._data, self._audit.disk)
