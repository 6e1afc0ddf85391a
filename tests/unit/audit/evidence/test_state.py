from __future__ import annotations

from pathlib import Path

import pytest

from weir.audit.evidence.state import Aside, State

ASIDE = Aside("p-b", 3, (bytes(32), b"x" * 32), "ab" * 32, {"f": 7}, {"f": 3})


def test_what_is_saved_is_there_at_the_next_start(tmp_path: Path) -> None:
    state = State(tmp_path / "witness.json")
    assert (state.asides, state.found) == ({}, [])
    state.asides["p-b"] = ASIDE
    state.save(["something"])
    again = State(tmp_path / "witness.json")
    assert again.asides == {"p-b": ASIDE} and again.found == ["something"]
    before = (tmp_path / "witness.json").stat().st_ino
    state.save(["something"])
    assert (tmp_path / "witness.json").stat().st_ino == before, "nothing changed"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"found":[]}', '{"found":[],"trees":[{}]}', '{"found":1,"trees":[]}'])
def test_a_damaged_file_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "witness.json").write_text(text)
    assert State(tmp_path / "witness.json").asides == {}
