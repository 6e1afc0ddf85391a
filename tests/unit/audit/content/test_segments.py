from __future__ import annotations

import os
from pathlib import Path

from weir.audit.content.entries import Entry, Head, frame
from weir.audit.content.segments import claimed, listed, name_of, opened, pick, release, walk, walk_heads
from weir.audit.spool.segment import Segment


def test_names_sort_by_when_they_were_begun(tmp_path: Path) -> None:
    names = [name_of(10**12, "ffffffff", 1), name_of(10**12 + 1, "00000000", 1)]
    for name in (*reversed(names), "other.content", "keys"):
        (tmp_path / name).touch()
    assert [one.path.name for one in listed(tmp_path)] == names
    assert listed(tmp_path)[0].begun_ms == 10**12
    assert listed(tmp_path / "nowhere") == []


def test_a_segment_says_when_its_events_may_have_been(tmp_path: Path) -> None:
    path = tmp_path / name_of(10**12, "a", 1)
    path.touch()
    os.utime(path, ns=(0, (10**12 + 5000) * 10**6))
    (segment,) = listed(tmp_path)
    assert segment.period(1000) == (10**12 - 1000, 10**12 + 6000)
    path.unlink()
    since, until = segment.period()
    assert since > until


def test_what_is_there_is_walked(tmp_path: Path) -> None:
    path = tmp_path / name_of(1, "a", 1)
    assert list(walk(path)) == list(walk_heads(path)) == []
    path.touch()
    assert list(walk(path)) == []
    with opened(path) as data:
        assert len(data) == 0
    path.write_bytes(frame(b"one") + frame(b"two"))
    assert [one.payload for one in walk(path)] == [b"one", b"two"]
    assert list(walk_heads(path)) == [None, None]


def test_a_segment_in_use_is_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / name_of(1, "a", 1)
    segment = Segment(path, 1 << 20)
    segment.append(frame(b"one"))
    with claimed(path) as fd:
        assert fd is None
    segment.close()
    with claimed(path) as fd:
        assert fd is not None
    with claimed(tmp_path / "gone.content") as fd:
        assert fd is None


def test_the_reserve_of_the_killed_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / name_of(1, "a", 1)
    segment = Segment(path, 4 << 20)
    segment.append(frame(b"one"))
    os.close(segment._fd)  # as a kill does
    segment._fd = -1
    before = path.stat()
    release(tmp_path)
    assert path.stat().st_blocks < before.st_blocks
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    after = path.stat()
    release(tmp_path)
    assert path.stat().st_ctime_ns == after.st_ctime_ns  # nothing to do
    assert [one.payload for one in walk(path)] == [b"one"]


def test_only_what_is_wanted_is_picked(tmp_path: Path) -> None:
    path = tmp_path / name_of(1, "a", 1)
    entries = [Entry(Head(bytes([number]) * 16, b"k" * 16, 1, 1, 0), ()).pack() for number in range(4)]
    data = bytearray(b"".join(map(frame, entries)))
    path.write_bytes(data)
    assert list(pick(path, lambda head: head.event_id[0] in (1, 3))) == [entries[1], entries[3]]
    data[-1] ^= 1
    path.write_bytes(data)
    assert list(pick(path, lambda head: head.event_id[0] in (1, 3))) == [entries[1]]
    assert list(pick(tmp_path / "gone.content", lambda head: True)) == []
