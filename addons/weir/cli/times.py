"""Times as people write them: ``7d``, ``12h``, ``2026-01-01``, ``2026-01-01T08:00``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

__all__ = ["after", "before"]

_SPAN = re.compile(r"([1-9][0-9]{0,5})\s*(m|h|d|w)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def before(text: str, now: datetime | None = None) -> datetime:
    """The time that ``text`` means as a beginning: so long ago, or that date. Aware, UTC. Raises ValueError."""
    return _time(text, now, -1)


def after(text: str, now: datetime | None = None) -> datetime:
    """The time that ``text`` means as an end: so long from now, or that date. Aware, UTC. Raises ValueError."""
    return _time(text, now, 1)


def _time(text: str, now: datetime | None, direction: int) -> datetime:
    found = _SPAN.fullmatch(text.strip())
    try:
        if found:
            return (now or datetime.now(UTC)) + direction * int(found[1]) * _UNITS[found[2]]
        time = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time; write 90m, 12h, 7d, 2w or a date like 2026-01-31") from None
    # A date without zone is UTC, as all times in the audit are.
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
