"""Hours of the week: what is read, what holds, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from weir.hours import Hours, hours_problem


def at(day: int, clock: str) -> float:
    """Seconds since the epoch of a time in the week of Monday 2 November 2026, UTC."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, 2 + day, hour, minute, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "day", "clock", "held"),
    [
        ("08:00-18:00", 6, "08:00", True),
        ("08:00-18:00", 6, "18:00", False),
        ("mon-fri 08:00-18:00", 4, "17:59", True),
        ("mon-fri 08:00-18:00", 5, "12:00", False),
        ("mon,wed 08:00-18:00", 1, "12:00", False),
        ("mon,wed-thu 08:00-18:00", 3, "12:00", True),
        ("sat-mon 08:00-18:00", 6, "12:00", True),
        ("sat-mon 08:00-18:00", 1, "12:00", False),
        ("fri 22:00-06:00", 4, "23:00", True),
        ("fri 22:00-06:00", 5, "05:59", True),
        ("fri 22:00-06:00", 4, "05:00", False),
        ("fri 22:00-06:00", 5, "23:00", False),
        ("00:00-24:00", 2, "23:59", True),
        ("mon-fri 08:00-18:00 Europe/Berlin", 0, "07:00", True),  # 08:00 in Berlin
        ("mon-fri 08:00-18:00 Europe/Berlin", 0, "17:00", False),
        ("sun 22:00-02:00 UTC", 0, "01:00", True),
    ],
)
def test_what_holds_when(text: str, day: int, clock: str, held: bool) -> None:
    assert hours_problem(text) == ""
    assert Hours.parse(text).hold(at(day, clock)) is held


@pytest.mark.parametrize(
    "text",
    [
        "",
        "always",
        "8-18",
        "25:00-26:00",
        "08:60-09:00",
        "08:00-08:00",
        "24:00-06:00",
        "foo 08:00-18:00",
        "mon-foo 08:00-18:00",
        "08:00-18:00 Mars/Olympus",
        "08:00-18:00 ../../etc/passwd",
        "mon-fri 08:00-18:00 Europe/Berlin more",
    ],
)
def test_what_cannot_be_read_is_said(text: str) -> None:
    assert hours_problem(text)
    with pytest.raises(ValueError, match=r".") as caught:
        Hours.parse(text)
    assert not text or text not in str(caught.value)
