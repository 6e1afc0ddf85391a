from __future__ import annotations

from pathlib import Path

import pytest

from weir.audit.ingester.cursor import Cursor


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    cursor = Cursor(7, {"p-b-000001.jsonl": 120}, {"p-b": 3})
    cursor.save(tmp_path / "cursor.json")
    cursor.next_batch = 8
    cursor.save(tmp_path / "cursor.json")
    assert Cursor.load(tmp_path / "cursor.json") == cursor
    assert [path.name for path in tmp_path.iterdir()] == ["cursor.json"]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[]", b"{}", b'{"next_batch":"1"}', b'{"next_batch":1,"offsets":[],"seen":{}}',
     b'{"next_batch":1,"offsets":{"a":"x"},"seen":{}}'],
)  # fmt: skip
def test_a_lost_or_broken_cursor_is_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "cursor.json").write_bytes(content)
    assert Cursor.load(tmp_path / "cursor.json") is None


def test_segments_that_are_gone_are_forgotten_and_chains_are_not() -> None:
    cursor = Cursor(1, {"a-1.jsonl": 1, "b-1.jsonl": 2}, {"a": 1, "b": 2})
    cursor.forget({"b-1.jsonl"})
    assert cursor == Cursor(1, {"b-1.jsonl": 2}, {"a": 1, "b": 2})


def test_what_was_missing_is_taken_when_it_comes_and_once(tmp_path: Path) -> None:
    cursor = Cursor()
    assert [cursor.take("p", seq) for seq in (1, 2, 7, 8)] == [True] * 4
    assert cursor.holes == {"p": [(3, 6)]}
    cursor.save(tmp_path / "cursor.json")
    loaded = Cursor.load(tmp_path / "cursor.json")
    assert loaded == cursor
    copy = loaded.following()
    assert [copy.take("p", seq) for seq in (4, 4, 3, 6, 5, 5, 8, 1)] == [True, False, True, True, True] + [False] * 3
    assert (copy.holes, loaded.holes) == ({}, {"p": [(3, 6)]}), "a pass that fails changes nothing"


def test_a_chain_whose_beginning_is_retired_has_no_hole_there() -> None:
    cursor = Cursor()
    assert cursor.take("p", 500) and cursor.holes == {} and not cursor.take("p", 499)
