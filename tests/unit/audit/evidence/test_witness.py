from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from unit.audit.evidence.boots import START_MS
from weir.audit.evidence.entries import Checkpoint, parse_entry
from weir.audit.evidence.found import Found
from weir.audit.evidence.keys import first_key, next_key
from weir.audit.evidence.logfile import read_log
from weir.audit.evidence.note import parse_note
from weir.audit.evidence.whole import Whole
from weir.audit.evidence.witness import Witness
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.chain import segments
from weir.audit.spool.lines import seal, unseal
from weir.audit.spool.writer import Spool

Make = Callable[..., AuditRecord]


class Place:
    """A data directory with a proxy that can be started, and what the witness makes of it."""

    def __init__(self, root: Path, record: Make) -> None:
        self.spool, self.log, self.keys = root / "spool", root / "checkpoints.jsonl", root / "keys"
        self.keys.mkdir(mode=0o700)
        self.record, self.boots = record, 0

    def boot(self, rows: int, *, close: bool = True) -> Spool:
        self.boots += 1
        spool = Spool(self.spool, "p", f"boot-{self.boots}", segment_bytes_max=4096)
        spool.start()
        self.write(spool, rows)
        if close:
            assert spool.close(5)
        return spool

    def write(self, spool: Spool, rows: int) -> None:
        for _ in range(rows):
            spool.put(self.record())
        assert spool.flush(5)

    def witness(self) -> Witness:
        return Witness(self.spool, self.log, self.keys, "p", rows_max=5)

    def verify(self) -> tuple[Whole, list[Found]]:
        whole = Whole(read_log(self.log, first_key(self.keys)))
        return whole, list(whole.found(segments(self.spool)))


@pytest.fixture
def place(tmp_path: Path, record: Make) -> Place:
    return Place(tmp_path, record)


def told(notes: list[bytes]) -> list[tuple[str, int, str]]:
    entries = [parse_entry(parse_note(note).text) for note in notes]
    return [(entry.boot_id, entry.size, entry.reason) for entry in entries if isinstance(entry, Checkpoint)]


def test_a_boot_is_signed_while_it_is_written(place: Place) -> None:
    spool, witness = place.boot(2, close=False), place.witness()
    try:
        assert told(witness.step(now_us())) == [("boot-1", 2, "start")]
        place.write(spool, 2)
        assert witness.step(now_us()) == []
        assert told(witness.step(now_us() + 61_000_000)) == [("boot-1", 4, "time")]
        place.write(spool, 30)  # over several segments
        assert told(witness.step(now_us() + 62_000_000)) == [("boot-1", 34, "rows")]
    finally:
        spool.close(5)
    assert told(witness.step(now_us() + 63_000_000, last=True)) == [("boot-1", 34, "close")]
    assert witness.step(now_us() + 64_000_000, last=True) == [] and witness.found == []
    whole, found = place.verify()
    assert found == [] and whole.proved == {"p-boot-1": 34}


def test_a_boot_that_was_killed_is_closed_when_the_next_one_begins(place: Place) -> None:
    place.boot(3)
    place.witness().step(now_us())  # and this one dies too, before the end
    second = place.boot(4, close=False)
    try:
        assert told(place.witness().step(now_us())) == [("boot-1", 3, "close"), ("boot-2", 4, "start")]
    finally:
        second.close(5)
    assert place.verify()[1] == []


def test_boots_from_before_there_were_checkpoints_are_signed_as_they_are(place: Place) -> None:
    place.boot(3)
    place.boot(2)
    assert told(place.witness().step(now_us(), last=True)) == [("boot-1", 3, "close"), ("boot-2", 2, "close")]
    assert place.verify()[1] == []


def test_an_old_boot_that_is_still_written_is_waited_for(place: Place) -> None:
    first = place.boot(1, close=False)
    place.boot(1)
    witness = place.witness()
    assert told(witness.step(now_us())) == [("boot-1", 1, "start")]
    place.write(first, 1)
    first.close(5)
    assert told(witness.step(now_us(), last=True)) == [("boot-1", 2, "close"), ("boot-2", 1, "close")]


def test_a_restart_goes_on_where_it_was(place: Place) -> None:
    spool = place.boot(6, close=False)
    try:
        assert told(place.witness().step(now_us())) == [("boot-1", 6, "start")]
        assert place.witness().step(now_us()) == []  # nothing is due: it knows what was signed
        place.write(spool, 5)
        assert told(place.witness().step(now_us())) == [("boot-1", 11, "rows")]
    finally:
        spool.close(5)
    assert place.verify()[1] == []


def test_nothing_is_signed_over_rows_that_were_changed(place: Place) -> None:
    place.boot(8)
    place.witness().step(now_us())
    path = sorted(place.spool.iterdir())[0]
    path.write_bytes(path.read_bytes().replace(b"anna", b"enna", 1))
    place.boot(1)
    witness = place.witness()
    assert told(witness.step(now_us(), last=True)) == [("boot-2", 1, "close")]
    assert [str(item.wrong) for item in witness.found] == ["edited"]


def edited(lines: list[bytes]) -> None:
    lines[2] = lines[2].replace(b"anna", b"enna", 1)


def gone(lines: list[bytes]) -> None:
    del lines[2]


def twice(lines: list[bytes]) -> None:
    lines.insert(2, lines[1])


def broken(lines: list[bytes]) -> None:
    lines[2] = b"{}\n"


def foreign(lines: list[bytes]) -> None:
    lines[2] = sealed(lines[2].replace(b'"p"', b'"q"'), unseal(lines[2])[1])


def replaced(lines: list[bytes]) -> None:
    lines[2] = sealed(lines[2], "ab" * 32)


def sealed(line: bytes, prev: str) -> bytes:
    return seal(unseal(line)[0], prev)[0]


@pytest.mark.parametrize(
    ("change", "wrong", "seq"),
    [
        (edited, "edited", 3),
        (gone, "removed", 4),
        (twice, "added", 2),
        (broken, "broken", None),
        (foreign, "added", 3),
        (replaced, "edited", 3),
    ],
)
def test_nothing_is_signed_from_a_row_on_that_does_not_follow(
    place: Place, change: Callable[[list[bytes]], None], wrong: str, seq: int | None
) -> None:
    place.boot(8)
    path = sorted(place.spool.iterdir())[0]
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))
    witness = place.witness()
    assert told(witness.step(now_us(), last=True)) == [("boot-1", 2, "start")]
    assert [(str(item.wrong), item.line, item.seq) for item in witness.found] == [(wrong, 3, seq)]


def test_a_row_that_others_would_write_differently_is_signed_all_the_same(place: Place) -> None:
    place.boot(1)
    path = sorted(place.spool.iterdir())[0]
    body = unseal(path.read_bytes())[0]
    path.write_bytes(seal(body.replace(b'"proxy_id":"p",', b'"proxy_id": "p",'), "0" * 64)[0])
    assert told(place.witness().step(now_us(), last=True)) == [("boot-1", 1, "close")]
    assert place.verify()[1] == []


def test_a_line_that_is_still_being_written_waits(place: Place) -> None:
    place.boot(3)
    path = sorted(place.spool.iterdir())[-1]
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    witness = place.witness()
    ((_, size, _),) = told(witness.step(now_us()))
    path.write_bytes(whole)
    assert size == 2 and told(witness.step(now_us(), last=True)) == [("boot-1", 3, "close")]


def test_a_new_key_takes_over(place: Place) -> None:
    spool = place.boot(2, close=False)
    witness = place.witness()
    try:
        witness.step(now_us())
        new = next_key(place.keys, "p")
        witness.rotate(new, now_us())
        place.write(spool, 5)
        assert told(witness.step(now_us())) == [("boot-1", 7, "rows")]
    finally:
        spool.close(5)
    whole, found = place.verify()
    assert found == [] and whole.log.key == new.verifier


def test_a_log_that_was_tampered_with_is_told(place: Place) -> None:
    place.boot(2)
    place.witness().step(now_us())
    place.log.write_bytes(b"{}\n" + place.log.read_bytes())
    place.boot(1)
    witness = place.witness()
    witness.step(now_us(), last=True)
    assert [str(item.wrong) for item in witness.found] == ["forged"]


def test_another_proxy_s_boots_are_left_alone(place: Place, tmp_path: Path) -> None:
    other = Spool(place.spool, "q", new_event_id())
    other.start()
    other.close(5)
    assert place.witness().step(START_MS * 1000, last=True) == []


def test_two_witnesses_started_by_mistake_make_one_log(place: Place) -> None:
    spool, witnesses = place.boot(1, close=False), [place.witness(), place.witness()]
    try:
        for turn in range(6):
            place.write(spool, 6)
            assert len(witnesses[turn % 2].step(now_us())) == 1
    finally:
        spool.close(5)
    assert len(witnesses[1].step(now_us(), last=True)) == 1 and witnesses[0].step(now_us(), last=True) == []
    whole, found = place.verify()
    assert found == [] and whole.log.number == 7 and whole.proved == {"p-boot-1": 37}


def test_a_log_that_loses_its_end_while_it_is_written_shows_it(place: Place) -> None:
    spool, witness = place.boot(1, close=False), place.witness()
    try:
        for _ in range(3):
            witness.step(now_us())
            place.write(spool, 6)
        place.log.write_bytes(b"".join(place.log.read_bytes().splitlines(keepends=True)[:-1]))
        witness.step(now_us())
    finally:
        spool.close(5)
    assert [str(item.wrong) for item in witness.found] == ["checkpoint_gone"]
    assert [str(item.wrong) for item in place.verify()[1]] == ["checkpoint_gone"]
