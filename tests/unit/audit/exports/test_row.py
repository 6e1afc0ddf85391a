from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from unit.audit.exports.rows import HOSTILE, TS, full
from weir.audit.exports.row import (
    children,
    clean,
    flag,
    held,
    kept,
    label,
    micros,
    millis,
    moment,
    number,
    severity,
    text,
    title,
    words,
)
from weir.audit.record import KINDS


def test_values_of_another_type_are_not_known() -> None:
    row: dict[str, Any] = {"user": 5, "port": "443", "seq": True, "stream": 1, "user_groups": "staff", "findings": {}}
    assert text(row, "user") == "" and number(row, "port") is None and number(row, "seq") is None
    assert not flag(row, "stream") and words(row, "user_groups") == [] and children(row, "findings") == []
    assert text({"user": "\ud800x"}, "user") == "?x" and words({"user_groups": ("\ud800", 5)}, "user_groups") == ["?"]
    assert text({"event_id": UUID(int=1)}, "event_id") == "00000000-0000-0000-0000-000000000001"


def test_times_of_spool_and_store_are_the_same() -> None:
    at = datetime(2026, 5, 28, 20, 26, 40, 123456)
    for value in (TS, at, at.replace(tzinfo=UTC)):
        assert micros({"ts": value}, "ts") == TS and millis({"ts": value}) == TS // 1000
        assert moment({"ts": value}) == "2026-05-28T20:26:40.123456Z"
    for value in (None, -1, "x", 10**18):
        assert micros({"ts": value}, "ts") == 0


def test_texts_for_one_line() -> None:
    assert clean(HOSTILE) == 'a|b\\c=d "e" <13>1 f] g é\U0001f4a9 src=6.6.6.6'.replace("\x00", "")
    assert clean("abc", 2) == "ab" and label("a b/ü:c", 32) == "a_b_:c"


@pytest.mark.parametrize(
    ("given", "grade"),
    [
        ({}, 9),
        ({"findings": ()}, 1),
        ({"findings": (), "action": "block"}, 6),
        ({"findings": (), "inspection": "failed"}, 5),
        ({"findings": (), "kind": "gap"}, 8),
        ({"findings": (), "kind": "error"}, 4),
    ],
)
def test_how_much_it_matters(given: dict[str, Any], grade: int) -> None:
    assert severity(full(**given)) == grade


def test_titles_are_weir_s_own_words() -> None:
    assert {kind: title({"kind": kind}) for kind in KINDS}["gap"] == "Audit records missing"
    assert all(title({"kind": kind}) != "weir event" for kind in KINDS)
    assert title({"kind": HOSTILE}) == "weir event"
    assert title(full(action="coach")) == "AI exchange: held back" and held(full(action="coach"))


def test_what_is_not_known_is_left_out() -> None:
    doc = {
        "a": None,
        "b": "",
        "c": [],
        "d": {"e": {}},
        "f": 0,
        "g": False,
        "h": ["", "x", {"i": None}],
        "j": [{"k": 1}],
    }
    assert kept(doc) == {"f": 0, "g": False, "h": ["x"], "j": [{"k": 1}]}
