from __future__ import annotations

import pytest

from unit.audit.evidence.boots import Boot, key
from unit.audit.evidence.test_log import entry
from weir.audit.evidence.maker import Maker

ROW = "ab" * 32


def test_when_a_checkpoint_is_due() -> None:
    maker = Maker(key(), "p", "b", rows_max=3, interval_us=100)
    assert maker.due(0) == "start" and maker.signed == -1
    maker.make(1_000, "start")
    assert maker.due(999_999) == ""  # no row came
    maker.add(ROW)
    assert maker.due(1_099) == "" and maker.due(1_100) == "time"
    assert maker.due(999) == "time"  # the clock went back: sign at once
    maker.add(ROW)
    maker.add(ROW)
    assert maker.due(1_001) == "rows"
    note = entry(maker.make(1_001, "rows"))
    assert (note.size, note.number, note.head, note.ts) == (3, 2, ROW, 1_001)
    assert maker.due(1_002) == "" and maker.signed == maker.size == 3


def test_a_maker_follows_the_log_it_is_given() -> None:
    boot = Boot()
    first = entry(Maker(key(), "p", "b2", boot.report).make(1, "start"))
    assert first.number == 6 and first.previous == boot.report.digest and first.size == 0
    with pytest.raises(ValueError, match="another key"):
        Maker(key(2), "p", "b2", boot.report)


def test_what_is_no_row_hash() -> None:
    maker = Maker(key(), "p", "b")
    for text in ("", "ab", "xy" * 32):
        with pytest.raises(ValueError, match=r"hex|fromhex"):
            maker.add(text)


def test_a_new_key_is_another_one_of_the_same_name() -> None:
    maker = Maker(key(), "p", "b")
    for other in (key(), key(2, "q")):
        with pytest.raises(ValueError, match="another one under the same name"):
            maker.rotate(other, 1)
