"""Hours of the week as policies write them: ``mon-fri 08:00-18:00 Europe/Berlin``. Days and zone may be left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Self
from zoneinfo import ZoneInfo

__all__ = ["Hours", "hours_problem"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:-[a-z]{3})?(?:,[a-z]{3}(?:-[a-z]{3})?){0,6})\s+)?"
    r"(?P<h1>\d{1,2}):(?P<m1>\d\d)-(?P<h2>\d{1,2}):(?P<m2>\d\d)"
    r"(?:\s+(?P<zone>[A-Za-z][A-Za-z0-9_+/-]{0,63}))?"
)


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of the day on some days of the week. One that ends before it begins goes on past midnight."""

    days: frozenset[int]
    start: int  # minutes after midnight, inclusive
    end: int  # exclusive
    zone: tzinfo = UTC

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``[days] HH:MM-HH:MM [zone]``; every day and UTC by default. Raises ValueError, quoting nothing."""
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError("are not hours of the week")
        start, end = _minutes(found["h1"], found["m1"]), _minutes(found["h2"], found["m2"])
        if start == end or start == 24 * 60:
            raise ValueError("begin and end at the same time")
        return cls(_days(found["days"] or "mon-sun"), start, end, _zone(found["zone"] or "UTC"))

    def hold(self, now: float) -> bool:
        """Whether ``now`` (seconds since the epoch) lies within."""
        local = datetime.fromtimestamp(now, self.zone)
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.start < self.end:
            return day in self.days and self.start <= minute < self.end
        # What began yesterday belongs to yesterday: a shift that starts on Friday night ends on Saturday morning.
        return (day in self.days and minute >= self.start) or ((day - 1) % 7 in self.days and minute < self.end)


def hours_problem(text: str) -> str:
    """What is wrong with ``text``; "" when it can be read."""
    try:
        Hours.parse(text)
    except ValueError as error:
        return str(error)
    return ""


def _minutes(hours: str, minutes: str) -> int:
    value = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or value > 24 * 60:
        raise ValueError("name a time that no clock shows")
    return value


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last and last not in _DAYS):
            raise ValueError("name a day that is none of " + " ".join(_DAYS))
        begin = _DAYS.index(first)
        length = (_DAYS.index(last or first) - begin) % 7
        found |= {(begin + step) % 7 for step in range(length + 1)}
    return frozenset(found)


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("name no time zone that this machine knows") from None
