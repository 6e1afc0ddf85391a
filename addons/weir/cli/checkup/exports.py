"""Exports: whether each still comes for its rows, how far behind it is, and what receivers refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from weir.cli.checkup import Result, fail, ok, warn
from weir.cli.output import many

if TYPE_CHECKING:
    from weir.audit.exports.cursors import ExportCursor

__all__ = ["exports"]

_IDLE_US = 36 * 3_600_000_000  # one that is run once a day is at work


def exports(data: Path) -> Iterator[Result]:
    """One result for each cursor, and one for each file of refused rows; none where nobody exports."""
    from weir.audit.exports.cursors import all_cursors, directory
    from weir.audit.exports.refused import ENDING

    for path, cursor in all_cursors(data):
        name = f"export {path.stem}"
        if cursor is None:
            yield fail(name, f"{path} cannot be read; until then the spool keeps everything", "restore or delete it")
        else:
            yield _one(name, path, cursor, data)
    for path in sorted(directory(data).glob(f"*{ENDING}")):
        with path.open("rb") as file:
            count = sum(1 for _ in file)
        name = f"export {path.name.removesuffix(ENDING)}"
        yield warn(name, f"{many(count, 'row')} set aside in {path}", "read why there; delete it when it is dealt with")


def _one(name: str, path: Path, cursor: ExportCursor, data: Path) -> Result:
    from weir.audit.exports.cursors import STALE_DAYS
    from weir.audit.record import now_us

    idle = now_us() - cursor.used
    to = f"{cursor.format} to {cursor.to}"
    if idle <= _IDLE_US:
        return ok(name, f"{to}: {_behind(cursor, data)}")
    days = idle // 86_400_000_000
    remedy = f"start it again, or delete {path}"
    if days >= STALE_DAYS:
        return warn(name, f"{to}: not at work for {days} days; the spool keeps nothing for it any more", remedy)
    held = f"the spool keeps its rows until it was away for {STALE_DAYS}"
    return warn(name, f"{to}: not at work for {many(days, 'day')}; {held}", remedy)


def _behind(cursor: ExportCursor, data: Path) -> str:
    """How many rows of the spool it has yet to send, by the last line of each chain; where it began late, fewer."""
    from weir.audit.spool.ends import ends
    from weir.audit.spool.opened import segments

    last = {chain: ends(paths[-1:]).last for chain, paths in segments(data / "spool").items()}
    rows = sum(max(0, seq - cursor.taken.get(chain, 0)) for chain, seq in last.items())
    return f"{many(rows, 'row')} behind" if rows else "it has everything"
