"""Laws of the evidence: any single change of rows or checkpoints is found, and proofs hold for what is there only."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from harness.trees import root_of
from unit.audit.evidence.boots import Boot, chained
from weir.audit.evidence.log import BadLogLine
from weir.audit.evidence.merkle import Frontier, leaf_hash
from weir.audit.evidence.proofs import inclusion_proof, verify_inclusion

slow = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def whole(count: int, segment: int, every: int) -> Boot:
    return Boot(count=count, segment=segment, every=every)


def copy(boot: Boot) -> Boot:
    made = object.__new__(Boot)
    for name, value in vars(boot).items():
        setattr(made, name, value)
    made.log, made.segments = list(boot.log), [list(lines) for lines in boot.segments]
    return made


shapes = st.builds(whole, st.sampled_from([1, 2, 7, 12]), st.sampled_from([1, 3, 5]), st.sampled_from([1, 2, 4, 50]))


def is_found(boot: Boot) -> bool:
    try:
        return bool(boot.look()[1])
    except BadLogLine:  # which the reader of the log's file names as such
        return True


@slow
@given(shapes, st.data())
def test_any_byte_of_any_segment(shape: Boot, data: st.DataObject) -> None:
    boot = copy(shape)
    assert not is_found(boot)
    file = data.draw(st.integers(0, len(boot.segments) - 1))
    whole = bytearray(b"".join(boot.segments[file]))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    boot.segments[file] = [bytes(whole)]
    assert is_found(boot)


@slow
@given(shapes, st.data())
def test_any_byte_of_the_log_of_checkpoints(shape: Boot, data: st.DataObject) -> None:
    boot = copy(shape)
    number = data.draw(st.integers(0, len(boot.log) - 1))
    line = bytearray(boot.log[number])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= 1 << data.draw(st.integers(0, 7))
    boot.log[number] = bytes(line)
    assert is_found(boot)


@slow
@given(shapes, st.data())
def test_any_row_taken_out_put_in_twice_or_moved(shape: Boot, data: st.DataObject) -> None:
    lines = shape.lines
    at, to = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    change = data.draw(st.sampled_from(["out", "twice", "moved", "cut"]))
    assume(change != "moved" or at != to)
    changed = list(lines)
    if change == "out":
        del changed[at]
    elif change == "twice":
        changed.insert(to, lines[at])
    elif change == "moved":
        changed.insert(to, changed.pop(at))
    else:
        del changed[at:]
    boot = copy(shape)
    boot.segments = [changed]
    wrong = boot.wrong()
    assert (
        wrong
        & {
            "out": {"removed", "cut"},
            "twice": {"added", "reordered", "removed"},
            "moved": {"reordered"},
            "cut": {"cut"},
        }[change]
    ), wrong
    if data.draw(st.booleans()):  # and the same with all hashes made anew, which no chain can show
        boot.segments = [chained(changed)]
        assert changed == lines or is_found(boot)


@slow
@given(shapes, st.data())
def test_any_checkpoint_taken_out_or_moved(shape: Boot, data: st.DataObject) -> None:
    boot = copy(shape)
    at = data.draw(st.integers(0, len(boot.log) - 1))
    line = boot.log.pop(at)
    to = data.draw(st.integers(0, len(boot.log)))
    assume(to != at)
    if data.draw(st.booleans()):
        boot.log.insert(to, line)
        assert is_found(boot)
    elif at < len(boot.log):  # the last one alone can be taken away unseen: that is what publishing is for
        assert is_found(boot)


leaves = st.lists(st.binary(max_size=3).map(leaf_hash), min_size=1, max_size=40)


@given(leaves, st.data())
def test_proofs_hold_for_what_is_there(hashes: list[bytes], data: st.DataObject) -> None:
    size = len(hashes)
    index = data.draw(st.integers(0, size - 1))
    root = root_of(hashes)
    assert verify_inclusion(hashes[index], index, size, inclusion_proof(hashes, index, size), root)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, inclusion_proof(hashes, index, size), root)


@given(leaves, st.integers(0, 40))
def test_a_tree_put_aside_is_the_same_tree(hashes: list[bytes], at: int) -> None:
    tree = Frontier()
    for leaf in hashes[:at]:
        tree.append(leaf)
    tree = Frontier(tree.size, tree.hashes)
    for leaf in hashes[at:]:
        tree.append(leaf)
    assert tree.root() == root_of(hashes)
