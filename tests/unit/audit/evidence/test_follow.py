from __future__ import annotations

from pathlib import Path

import pytest

from unit.audit.evidence.boots import Boot, key
from weir.audit.evidence.entries import Checkpoint
from weir.audit.evidence.examine import Begin
from weir.audit.evidence.follow import Follow
from weir.audit.evidence.found import Found
from weir.audit.evidence.maker import Maker
from weir.audit.evidence.merkle import Frontier
from weir.audit.evidence.state import Aside


def followed(signed: list[Checkpoint], found: list[Found]) -> Follow:
    return Follow("p", "b", Maker(key(), "p", "b", rows_max=4), signed, found)


@pytest.fixture
def boot() -> Boot:
    return Boot(count=10, segment=4, every=3)


@pytest.fixture
def paths(boot: Boot, tmp_path: Path) -> list[Path]:
    made = [tmp_path / f"p-b-{number:06d}.jsonl" for number in range(1, len(boot.segments) + 1)]
    for path, lines in zip(made, boot.segments, strict=True):
        path.write_bytes(b"".join(lines))
    return made


def test_rows_are_added_as_they_come(boot: Boot, paths: list[Path]) -> None:
    found: list[Found] = []
    one = followed([], found)
    reasons = []
    for reason in one.read(paths[:2], 100, 0):
        reasons.append((reason, one.seq))
        one.maker.make(0, reason)
    assert reasons == [("start", 4), ("rows", 8)] and one.ended and one.may_sign
    assert list(one.read(paths, 1, 0)) == [] and (one.seq, one.ended) == (9, False)
    assert list(one.read(paths, 100, 0)) == [] and (one.seq, one.ended) == (10, True)
    assert one.maker.tree.root() == boot.report.checkpoints["p-b"][-1].root and found == []
    one.sync()


def test_rows_must_fit_what_was_signed(boot: Boot, paths: list[Path]) -> None:
    signed, found = boot.report.checkpoints["p-b"], list[Found]()
    one = followed(signed, found)
    assert not one.may_sign
    list(one.read(paths[:1], 100, 0))
    assert [str(item.wrong) for item in found] == ["cut"] and one.stopped
    found.clear()
    one = followed(signed, found)
    assert list(one.read(paths, 100, 0)) == [] and one.may_sign and found == []
    other = Boot(count=10, segment=10, step_ms=lambda seq: 1_780_000_000_000 + seq)
    paths[0].write_bytes(b"".join(other.lines))
    one = followed(signed, found)
    list(one.read(paths[:1], 100, 0))
    assert [(str(item.wrong), item.seq) for item in found] == [("rewritten", 3)] and not one.may_sign


def test_a_tree_is_taken_up_where_it_was_signed(boot: Boot, paths: list[Path]) -> None:
    signed = boot.report.checkpoints["p-b"]
    one = followed(signed[:3], [])
    list(one.read(paths[:2], 6, 0))
    aside = one.aside()
    assert (aside.size, aside.chain) == (6, "p-b")
    again = followed(signed[:3], [])
    assert again.take_up(aside, signed[:3]) and again.may_sign and again.seq == 6
    list(again.read(paths, 100, 0))
    assert again.seq == 10
    wrong = Aside("p-b", 6, aside.hashes, "ab" * 32)
    assert not followed(signed, []).take_up(wrong, signed)
    assert not followed(signed, []).take_up(Aside("p-b", 5, aside.hashes, aside.head), signed)


def test_it_begins_behind_rows_that_are_gone(boot: Boot, paths: list[Path]) -> None:
    whole = followed([], [])
    list(whole.read(paths[:1], 100, 0))
    found: list[Found] = []
    for left in (paths, paths[1:]):  # retention was interrupted, or not
        one = followed(boot.report.checkpoints["p-b"], found)
        one.begin(Begin(Frontier(4, whole.maker.tree.hashes), whole.prev))
        list(one.read(left, 100, 0))
        assert one.seq == 10 and one.may_sign and found == []
