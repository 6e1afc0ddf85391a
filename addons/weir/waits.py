"""How long a server asks to be left alone: `Retry-After` as a number of seconds or as a date."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable

__all__ = ["seconds"]

_CHARS_MAX = 40


def seconds(text: str, clock: Callable[[], float] = time.time) -> float | None:
    """The seconds that a value asks for, 0 for a date that is over; None when it says nothing usable.

    A date is one of the server's clock: by as much as that differs from ours, the wait does.
    """
    text = text.strip()
    if not text.isascii() or len(text) > _CHARS_MAX:
        return None
    if text.replace(".", "", 1).isdigit():
        return float(text) if len(text) < 12 else None
    try:
        when = email.utils.parsedate_to_datetime(text)
        return max(0.0, when.timestamp() - clock())
    except (ValueError, OverflowError):  # no date, or of a year that nobody lives to see
        return None
