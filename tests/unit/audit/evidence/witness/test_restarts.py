"""A witness that goes on where another one was, and what else it signs."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.audit.evidence.signing import Make, Place, told
from weir.audit.evidence.entries import Sum
from weir.audit.evidence.examine import Begin
from weir.audit.evidence.keys import first_key
from weir.audit.evidence.logfile import read_log
from weir.audit.evidence.merkle import Frontier, leaf_hash
from weir.audit.evidence.sealing import Changes
from weir.audit.evidence.whole import Whole
from weir.audit.evidence.witness import Witness
from weir.audit.record import now_us
from weir.audit.spool.chain import segments
from weir.audit.spool.lines import unseal


@pytest.fixture
def place(tmp_path: Path, record: Make) -> Place:
    return Place(tmp_path, record)


def test_a_tree_that_was_put_aside_is_taken_up_without_reading_again(place: Place) -> None:
    spool, witness = place.boot(12, close=False), place.witness()
    try:
        witness.step(now_us())
        witness.keep()
        path = sorted(place.spool.iterdir())[0]
        path.write_bytes(path.read_bytes().replace(b"anna", b"enna", 1))  # verify finds that; the tree is what it was
        place.write(spool, 5)
        assert told(place.witness().step(now_us())) == [("boot-1", 15, "rows")]
    finally:
        spool.close(5)
    assert [str(item.wrong) for item in place.verify()[1]] == ["edited"]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"found":[],"aside":{}}', b"changed"])
def test_what_was_put_aside_is_believed_only_if_it_was_signed(place: Place, damage: bytes) -> None:
    spool, witness = place.boot(12, close=False), place.witness()
    try:
        witness.step(now_us())
        witness.keep()
        state = place.log.with_name("witness.json")
        text = state.read_bytes()
        state.write_bytes(damage if damage != b"changed" else text.replace(b'"head":"', b'"head":"0', 1))
        place.write(spool, 5)
        assert told(place.witness().step(now_us())) == [("boot-1", 15, "rows")]
    finally:
        spool.close(5)
    assert place.verify()[1] == []


def test_a_backlog_is_signed_in_steps(place: Place) -> None:
    place.boot(23)
    witness = Witness(place.spool, place.log, place.keys, "p", rows_max=5, step_rows=8)
    sizes = [told(witness.step(now_us())) for _ in range(4)]
    assert sizes == [
        [("boot-1", 5, "start")],
        [("boot-1", 10, "rows"), ("boot-1", 15, "rows")],
        [("boot-1", 20, "rows"), ("boot-1", 23, "close")],
        [],
    ]
    assert place.verify()[1] == []


def test_a_boot_whose_first_rows_retention_took(place: Place) -> None:
    spool, witness = place.boot(4, close=False), place.witness()
    try:
        place.write(spool, 6)
        place.write(spool, 6)
        witness.step(now_us())
        first = segments(place.spool)["p-boot-1"][0]
        hashes = [unseal(line)[2] for line in first.read_bytes().splitlines(keepends=True)]
        tree = Frontier()
        for item in hashes:
            tree.append(leaf_hash(bytes.fromhex(item)))
        begins = {"p-boot-1": Begin(tree, hashes[-1])}
        kept = first.read_bytes()
        for there in (True, False):  # it said so, and died before it took the file; then it took it
            first.write_bytes(kept) if there else first.unlink()
            place.write(spool, 5)
            later = Witness(place.spool, place.log, place.keys, "p", rows_max=5, begins=begins)
            assert [reason for _, _, reason in told(later.step(now_us()))] == ["rows"] and later.found == []
            whole = Whole(read_log(place.log, first_key(place.keys)), begins)
            assert list(whole.found(segments(place.spool))) == []
    finally:
        spool.close(5)
    other = Begin(tree, "ab" * 32)
    whole = Whole(read_log(place.log, first_key(place.keys)), {"p-boot-1": other})
    assert "edited" in [str(item.wrong) for item in whole.found(segments(place.spool))]
    forged = Begin(Frontier(tree.size, [bytes(32)] * len(tree.hashes)), hashes[-1])
    whole = Whole(read_log(place.log, first_key(place.keys)), {"p-boot-1": forged})
    assert [str(item.wrong) for item in whole.found(segments(place.spool))] == ["rewritten"]


def test_files_are_signed_among_the_checkpoints(place: Place) -> None:
    place.boot(2)
    witness = place.witness()
    witness.step(now_us())
    one, two = Sum(3, "ab" * 32), Sum(4, "cd" * 32)
    assert witness.seal(Changes(), now_us()) == []
    assert len(witness.seal(Changes(sealed=[("audit/days/x.parquet", one)]), now_us())) == 1
    assert witness.files == {"audit/days/x.parquet": one}
    change = Changes(removed=[("audit/days/x.parquet", one)], sealed=[("audit/days/x.parquet", two)])
    place.witness().seal(change, now_us())
    witness.step(now_us())
    assert witness.files == {"audit/days/x.parquet": two}
    whole, found = place.verify()
    assert found == [] and whole.log.files == {"audit/days/x.parquet": two}
    witness.seal(change, now_us())  # which is not what the log has
    assert [str(item.wrong) for item in place.verify()[1]] == ["forged"]
