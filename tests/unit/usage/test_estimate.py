"""The estimate from characters: near what o200k_base counts, for any text."""

import pytest

from weir.usage.estimate import estimate

PROSE = "A weir stands across a stream: it lets the water through, measures it, and holds back what must not leave. "
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy a nikdo ve městě nevěděl, proč se to stalo právě dnes večer. "
CHINESE = "今天的天气很好，我们一起去公园散步，然后在湖边喝茶聊天。"
JSON = '{"id": 48213, "name": "pump", "tags": ["a1", "b2"], "on": true, "at": "2026-01-05T10:20:30Z"}, '
CODE = "def total(rows):\n    value = 0\n    for row in rows:\n        value += row.amount * 2\n    return value\n"


# The second column is what o200k_base (tiktoken 0.14) counts for ten repetitions.
@pytest.mark.parametrize(
    ("text", "counted"),
    [(PROSE, 251), (CZECH, 431), (CHINESE, 190), (JSON, 471), (CODE, 290)],
    ids=["prose", "czech", "chinese", "json", "code"],
)
def test_is_within_a_quarter_of_the_vocabularys_count(text: str, counted: int) -> None:
    assert abs(estimate(text * 10) / counted - 1) < 0.25


def test_encoded_data_is_not_taken_for_words() -> None:
    assert estimate("QmFzZTY0" * 100) == pytest.approx(800 * 0.68)


@pytest.mark.parametrize("text", ["\ud800", "\x00", "\U0010ffff" * 3, " ", "a"])
def test_any_text_has_a_count(text: str) -> None:
    assert estimate(text) >= 1


def test_nothing_is_nothing() -> None:
    assert estimate("") == 0
