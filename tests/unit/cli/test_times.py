"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from weir.cli.times import after, before

NOW = datetime(2026, 5, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "earlier", "later"),
    [
        ("90m", datetime(2026, 5, 10, 10, 30, tzinfo=UTC), datetime(2026, 5, 10, 13, 30, tzinfo=UTC)),
        ("12h", datetime(2026, 5, 10, 0, 0, tzinfo=UTC), datetime(2026, 5, 11, 0, 0, tzinfo=UTC)),
        (" 7d ", datetime(2026, 5, 3, 12, 0, tzinfo=UTC), datetime(2026, 5, 17, 12, 0, tzinfo=UTC)),
        ("2w", datetime(2026, 4, 26, 12, 0, tzinfo=UTC), datetime(2026, 5, 24, 12, 0, tzinfo=UTC)),
    ],
)
def test_spans_count_from_now(text: str, earlier: datetime, later: datetime) -> None:
    assert before(text, NOW) == earlier
    assert after(text, NOW) == later


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T08:00+02:00", datetime(2026, 1, 31, 6, tzinfo=UTC)),
        ("2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
    ],
)
def test_dates_are_utc_unless_they_say_otherwise(text: str, time: datetime) -> None:
    assert before(text, NOW) == after(text, NOW) == time
    assert before(text, NOW).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "7", "0d", "-7d", "7 years", "yesterday", "2026-13-01", "1.5d", "9999999w"])
def test_what_is_no_time_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write 90m, 12h, 7d, 2w or a date"):
        before(text, NOW)


def test_a_span_beyond_the_calendar_is_no_time() -> None:
    for read in (before, after):
        with pytest.raises(ValueError, match="write 90m"):
            read("999999w", NOW)
