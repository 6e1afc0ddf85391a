from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from unit.audit.evidence.boots import START_MS, Boot, chained, row
from weir.audit.evidence.examine import Begin, Examination
from weir.audit.evidence.leaves import from_lines, from_rows
from weir.audit.evidence.log import log_line
from weir.audit.evidence.merkle import Frontier, leaf_hash

GENESIS = "0" * 64


def flat(boot: Boot, lines: list[bytes]) -> None:
    boot.segments = [lines]


def test_a_boot_as_it_should_be_is_proved_to_its_last_row() -> None:
    look, found = Boot().look()
    assert found == [] and (look.rows, look.proved) == (10, 10)


def test_rows_after_the_last_checkpoint_are_not_proved_but_no_finding() -> None:
    boot = Boot()
    del boot.log[-1]
    look, found = boot.look()
    assert found == [] and look.proved == 9


def edited(boot: Boot) -> None:
    boot.segments[1][0] = boot.segments[1][0].replace(b'"u5"', b'"ux"')


def replaced(boot: Boot) -> None:
    line, _ = row(5, START_MS + 5_000, boot.leaves()[4].prev_hash, user="mallory")
    boot.segments[1][0] = line


def removed(boot: Boot) -> None:
    del boot.segments[1][0:2]


def removed_cleverly(boot: Boot) -> None:
    flat(boot, chained([*boot.lines[:4], *boot.lines[5:]]))


def rewritten(boot: Boot) -> None:
    lines = boot.lines
    lines[4] = lines[4].replace(b'"u5"', b'"ux"')
    flat(boot, chained(lines))


def cut(boot: Boot) -> None:
    flat(boot, boot.lines[:8])


def all_cut(boot: Boot) -> None:
    boot.segments = []


def swapped_segments(boot: Boot) -> None:
    boot.segments[0], boot.segments[1] = boot.segments[1], boot.segments[0]


def swapped_lines(boot: Boot) -> None:
    lines = boot.segments[0]
    lines[1], lines[2] = lines[2], lines[1]


def twice(boot: Boot) -> None:
    boot.segments[0].insert(2, boot.segments[0][1])


def put_in(boot: Boot) -> None:
    line, _ = row(11, START_MS + 11_000, boot.leaves()[-1].row_hash, user="mallory")
    boot.segments[-1].append(line)


def foreign(boot: Boot) -> None:
    boot.segments[0][1] = Boot(boot="c").segments[0][1]


def broken(boot: Boot) -> None:
    boot.segments[0].insert(1, b"{}\n")


def torn(boot: Boot) -> None:
    boot.segments[-1][-1] = boot.segments[-1][-1][:-1]


@pytest.mark.parametrize(
    ("change", "wrong", "seqs"),
    [
        (edited, {"edited"}, (5, None)),
        (replaced, {"edited", "rewritten"}, (6, None)),  # the row after it does not follow it
        (removed, {"removed"}, (5, 6)),
        (removed_cleverly, {"rewritten", "cut"}, (4, 6)),
        (rewritten, {"rewritten"}, (4, 6)),
        (cut, {"cut"}, (9, 10)),
        (all_cut, {"cut"}, (1, 10)),
        (swapped_segments, {"reordered"}, (1, 4)),
        (swapped_lines, {"reordered"}, (2, 2)),
        (twice, {"added"}, (2, None)),
        (put_in, {"added"}, (11, 11)),
        (foreign, {"added", "edited", "rewritten"}, (2, None)),
        (broken, {"broken"}, (None, None)),
        (torn, {"cut"}, (10, 10)),
    ],
)
def test_each_change_has_its_name(
    change: Callable[[Boot], None], wrong: set[str], seqs: tuple[int | None, int | None]
) -> None:
    boot = Boot()
    change(boot)
    found = boot.look()[1]
    assert {str(item.wrong) for item in found} == wrong, [str(item) for item in found]
    assert seqs in [(item.seq, item.seq_last) for item in found]
    assert not any("mallory" in str(item) or "ux" in str(item) for item in found)


def test_a_clever_change_leaves_what_was_signed_before_it_proved() -> None:
    boot = Boot()
    rewritten(boot)
    assert boot.look()[0].proved == 3


def test_each_step_of_a_clock_is_told() -> None:
    boot = Boot(step_ms=lambda seq: START_MS + seq * 1000 - (60_000 if seq >= 4 else 0) - (60_000 if seq >= 8 else 0))
    rows = [item for item in boot.look()[1] if item.line]
    assert [(item.seq, item.text) for item in rows] == [
        (4, "the clock went back 59.000 s before this row"),
        (8, "the clock went back 59.000 s before this row"),
    ]


def test_a_clock_that_went_back_is_told_once() -> None:
    boot = Boot(step_ms=lambda seq: START_MS + seq * 1000 - (60_000 if seq >= 6 else 0))
    found = boot.look()[1]
    rows = [item for item in found if item.line]
    assert {str(item.wrong) for item in found} == {"clock"}
    assert [(item.seq, item.text) for item in rows] == [(6, "the clock went back 59.000 s before this row")]


def test_rows_a_little_out_of_order_are_no_clock_going_back() -> None:
    assert Boot(step_ms=lambda seq: START_MS + seq * 1000 - (1_500 if seq == 6 else 0)).wrong() == set()


def test_a_checkpoint_older_than_its_rows() -> None:
    boot = Boot(every=100)
    boot.log[-1] = log_line(Boot(every=100).maker.make(START_MS * 1000 + 1_000_000, "close"))
    found = boot.look()[1]
    assert "clock" in {str(item.wrong) for item in found if item.chain and "older than a row" in item.text}


def test_the_store_s_rows_against_the_same_checkpoints() -> None:
    boot = Boot()
    rows = [(leaf.seq or 0, leaf.prev_hash, leaf.row_hash) for leaf in boot.leaves()]
    signed = boot.report.checkpoints["p-b"]
    look = Examination("p-b", signed)
    assert list(look.found(from_rows("events", rows))) == [] and look.proved == 10
    look = Examination("p-b", signed)
    assert [str(item.wrong) for item in look.found(from_rows("events", rows[:4] + rows[5:]))] == ["removed"]


def edge(boot: Boot, size: int) -> Begin:
    tree = Frontier()
    for leaf in boot.leaves()[:size]:
        tree.append(leaf_hash(bytes.fromhex(leaf.row_hash)))
    return Begin(tree, boot.leaves()[size - 1].row_hash)


def looked(begin: Begin, rows: list[bytes]) -> tuple[int, list[str]]:
    look = Examination("p-b", Boot().report.checkpoints["p-b"], begin=begin)
    found = [str(item.wrong) for item in look.found(from_lines("p-b", "f", rows))]
    return look.proved, found


def test_rows_that_retention_took_are_no_finding_when_a_checkpoint_covers_them() -> None:
    boot = Boot()
    for size in (1, 5, 6, 10):  # whether or not a checkpoint was signed over just these
        assert looked(edge(boot, size), boot.lines[size:]) == (10, [])
        assert looked(edge(boot, size), boot.lines[size - 1 :]) == (10, [])  # it did not come to take this one
        assert looked(edge(boot, size), boot.lines) == (10, [])
    assert looked(edge(boot, 5), boot.lines[6:]) == (0, ["removed"])
    other = Boot(step_ms=lambda seq: START_MS + seq)
    assert "rewritten" in looked(edge(other, 6), boot.lines[6:])[1]
    assert "rewritten" in looked(Begin(edge(other, 6).tree, edge(boot, 6).head), boot.lines[6:])[1]
    longer = Boot(count=12)
    assert looked(edge(longer, 12), []) == (0, ["forged", "added"])
    assert "cut" in looked(edge(boot, 6), boot.lines[6:8])[1]


def test_a_start_that_claims_rows_is_forged() -> None:
    boot = Boot()
    wrong = next(item for item in boot.report.checkpoints["p-b"] if item.size == 3)
    look = Examination("p-b", [dataclasses.replace(wrong, size=0)])
    assert [str(item.wrong) for item in look.found([])] == ["forged"]
