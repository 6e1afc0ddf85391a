from __future__ import annotations

from pathlib import Path

import pytest

from unit.audit.evidence.boots import START_MS, Boot, event_id
from weir.audit.evidence.leaves import from_lines, from_rows, from_spool, written_at
from weir.audit.record import new_event_id, now_us


def test_rows_of_files_in_their_order(tmp_path: Path) -> None:
    boot, paths = Boot(), []
    for number, lines in enumerate(boot.segments, 1):
        paths.append(tmp_path / f"p-b-{number:06d}.jsonl")
        paths[-1].write_bytes(b"".join(lines))
    with paths[-1].open("ab") as file:
        file.write(b'{"torn')
    assert list(from_spool("p-b", paths)) == boot.leaves()
    assert [(leaf.seq, leaf.fits, leaf.ours) for leaf in boot.leaves()] == [(n, True, True) for n in range(1, 11)]
    assert boot.leaves()[4].at == (START_MS + 5_000) * 1000


def test_what_is_wrong_with_a_line_is_told_and_not_quoted() -> None:
    line = Boot(count=1).lines[0]
    cases = [b"{}\n", b"\xff" + line, line.replace(b'"seq":1', b'"seq":0'), line.replace(b'"seq":1', b'"seq":"1"')]
    for leaf in from_lines("p-b", "f", cases):
        assert leaf.seq is None and leaf.problem in ("it does not end in its hashes", "it is no JSON", "it has no seq")
    (edited,) = from_lines("p-b", "f", [line.replace(b'"u1"', b'"u2"')])
    assert edited.fits is False
    (foreign,) = from_lines("p-c", "f", [line])
    assert foreign.ours is False
    assert [leaf.fits for leaf in from_lines("p-b", "f", [line[:-1]])] == [False]  # a newline gone in the middle
    assert list(from_lines("p-b", "f", [line[:-1]], torn=True)) == []


def test_rows_of_the_store() -> None:
    (leaf,) = from_rows("events", [(7, "a" * 64, "b" * 64)])
    assert (leaf.seq, leaf.prev_hash, leaf.row_hash, leaf.fits) == (7, "a" * 64, "b" * 64, None)
    for row in ((None, "a" * 64, "b" * 64), (0, "a" * 64, "b" * 64), (7, None, "b" * 64), (7, "a" * 64, "B" * 64)):
        (leaf,) = from_rows("events", [row])
        assert leaf.seq is None and leaf.problem


@pytest.mark.parametrize(
    ("doc", "at"),
    [
        ({"event_id": event_id(5, 1), "ts_end": 9}, 5_000),
        ({"event_id": "no uuid", "ts": 4, "ts_end": 9}, 9),
        ({"event_id": 5, "ts_end": "9"}, None),
        ({"ts": 4}, None),
    ],
)
def test_when_a_row_was_written(doc: dict[str, object], at: int | None) -> None:
    assert written_at(doc) == at


def test_ids_as_weir_makes_them_have_the_time_in_them() -> None:
    at = written_at({"event_id": new_event_id()})
    assert at is not None and abs(at - now_us()) < 5_000_000
