"""What logs showed, for people: a service a row, in 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from weir.cli.output import many, note, table

if TYPE_CHECKING:
    from weir.cli.discover.totals import Total
    from weir.logs.reading import Reading

__all__ = ["show"]

_BLANK = "\N{NO-BREAK SPACE}"  # no line is broken at it


def show(made: Sequence[Total], readings: Sequence[Reading]) -> None:
    """The table on stdout, what it is of on stderr."""
    columns: dict[str, list[object]] = {
        "service": [total.judged.service.name for total in made],
        "status": [str(total.judged.service.status) for total in made],
        "users": [len(total.users) for total in made],
        "dev.": [len(total.devices) for total in made],
        "addr.": [len(total.addresses) for total in made],
        "dep.": [len(total.departments) for total in made],
        "requests": [total.requests for total in made],
        "up": [_size(total.bytes_up) for total in made],
        "down": [_size(total.bytes_down) for total in made],
        "last used": [_day(total.last) for total in made],
    }
    shown = {name: cells for name, cells in columns.items() if any(cells)}  # what no log told takes no room
    if made:
        table(list(shown), [list(row) for row in zip(*shown.values(), strict=True)], stack=False)
    requests = sum(reading.requests for reading in readings)
    others = sum(reading.other_requests for reading in readings)
    said = f"{many(len(made), 'AI service')} in {many(requests - others, 'request')}" if made else "no AI service"
    hosts = sum(reading.other_hosts for reading in readings)
    note(f"{said}; {many(others, 'request')} to {many(hosts, 'other host')}")
    if made:
        note("who used them, first use, hosts, risks: --json, or --data and weir report shadow-ai")


def _day(micros: int) -> str | None:
    return f"{datetime.fromtimestamp(micros / 1e6, UTC):%Y-%m-%d}" if micros else None


def _size(count: int | None) -> str | None:
    if count is None:
        return None
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f}{_BLANK}{unit}" if unit == "B" or size >= 10 else f"{size:.1f}{_BLANK}{unit}"
        size /= 1000
    return f"{size:.1f}{_BLANK}TB"
