from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from weir.audit.content.segments import claimed
from weir.audit.evidence import sealing
from weir.audit.evidence.entries import FILES_MAX, Sum
from weir.audit.evidence.removals import announced, removing
from weir.audit.evidence.sealing import Changes, DayFiles, Sealing, closed, sum_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("audit", "spool", "content"):
        (tmp_path / name).mkdir()
    return tmp_path


def put(path: Path, text: str = "x", age_s: float = 60) -> Path:
    path.write_text(text)
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def of(text: str) -> Sum:
    return Sum(len(text), hashlib.sha256(text.encode()).hexdigest())


def test_which_files_are_closed(data: Path) -> None:
    packed = put(data / "spool" / "p-b-000001.jsonl.zst")
    put(data / "spool" / "p-b-000002.jsonl.zst")
    put(data / "spool" / "p-b-000002.jsonl")  # compressed, and not yet gone: that one counts
    texts = put(data / "content" / "000000000001-w-000001.content")
    put(data / "content" / "000000000002-w-000001.content", "")
    put(data / "content" / "000000000003-w-000001.content", age_s=0)
    day = put(data / "audit" / "day.parquet")
    assert list(closed(data, [day])) == [day, packed, texts]
    with claimed(texts):
        assert list(closed(data)) == [packed]


def test_a_file_is_sealed_once_it_is_quiet(data: Path) -> None:
    look, path = Sealing(data), data / "spool" / "p-b-000001.jsonl.zst"
    put(path, "one", age_s=0)
    assert look.changes({}) == Changes()
    put(path, "one")
    assert look.changes({}) == Changes(sealed=[("spool/p-b-000001.jsonl.zst", of("one"))])
    assert look.changes({"spool/p-b-000001.jsonl.zst": of("one")}) == Changes() and look.found == []


def test_what_goes_as_it_was_told_is_taken_out(data: Path) -> None:
    days, name = DayFiles(data), "audit/day.parquet"
    look, path = Sealing(data, days), put(data / name, "one")
    days.sealed(path)
    files = {name: of("one")}
    days.removed(path)
    assert look.changes(files) == Changes(), "it is told, and still there"
    put(path, "two")
    assert look.changes(files) == Changes(), "it is told that it goes, not that it changes"
    assert [(str(item.wrong), item.file) for item in look.found] == [("edited", name)]
    path.unlink()
    assert look.changes(files) == Changes([(name, of("one"))], [], {name})
    assert look.changes({}) == Changes(told={name}), "it never was sealed"
    assert announced(data) == {name} and len(look.found) == 1


def test_what_goes_in_silence_is_found(data: Path) -> None:
    look = Sealing(data)
    for _ in range(2):
        assert look.changes({"spool/p-b-000001.jsonl.zst": of("one")}) == Changes()
    assert [(str(item.wrong), item.file) for item in look.found] == [("removed", "spool/p-b-000001.jsonl.zst")]


def test_one_entry_takes_so_many_and_no_more(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(FILES_MAX + 5):
        put(data / "spool" / f"p-b-{number:06d}.jsonl.zst")
    first = Sealing(data).changes({})
    assert first.full and FILES_MAX - 2 <= len(first.sealed) <= FILES_MAX
    assert len(Sealing(data).changes(dict(first.sealed)).sealed) == FILES_MAX + 5 - len(first.sealed)
    monkeypatch.setattr(sealing, "BYTES_MAX", 1)
    assert len(Sealing(data).changes({}).sealed) == 2
    removing(data, [data / "spool" / "p-b-000000.jsonl.zst"])


def test_the_sum_of_a_file(tmp_path: Path) -> None:
    assert sum_of(put(tmp_path / "a", "abc")) == of("abc") and sum_of(tmp_path / "none") is None
