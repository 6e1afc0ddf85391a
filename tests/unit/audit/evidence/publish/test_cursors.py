from __future__ import annotations

from pathlib import Path

import pytest

from weir.audit.evidence.publish.cursors import Cursor, Cursors


def test_how_far_each_place_is(tmp_path: Path) -> None:
    cursors = Cursors(tmp_path / "published.json")
    assert cursors["a"] == Cursor()
    cursors.save("a", Cursor(10, 1, 1, 5))
    cursors.trouble("b", "it is down", 7)
    cursors.trouble("b", "it is down", 9)
    assert Cursors(tmp_path / "published.json").all == {
        "a": Cursor(10, 1, 1, 5),
        "b": Cursor(trouble="it is down", since=7),
    }
    cursors.trouble("b", "", 11)
    assert cursors["b"] == Cursor()
    cursors.only({"a"})
    assert list(Cursors(tmp_path / "published.json").all) == ["a"]


@pytest.mark.parametrize("text", ["", "[]", '{"a":1}', '{"a":{"x":1}}'])
def test_a_damaged_file_says_that_nothing_was_sent(tmp_path: Path, text: str) -> None:
    (tmp_path / "published.json").write_text(text)
    assert Cursors(tmp_path / "published.json").all == {}
