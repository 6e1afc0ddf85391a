from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from unit.audit.evidence.boots import START_MS
from unit.audit.evidence.signing import Make, Place, told
from weir.audit.evidence.keys import next_key
from weir.audit.record import new_event_id, now_us
from weir.audit.spool.lines import seal, unseal
from weir.audit.spool.writer import Spool


@pytest.fixture
def place(tmp_path: Path, record: Make) -> Place:
    return Place(tmp_path, record)


def test_a_boot_is_signed_while_it_is_written(place: Place) -> None:
    spool, witness = place.boot(2, close=False), place.witness()
    try:
        assert told(witness.step(now_us())) == [("boot-1", 2, "start")]
        place.write(spool, 2)
        assert witness.step(now_us()) == []
        assert told(witness.step(now_us() + 61_000_000)) == [("boot-1", 4, "time")]
        place.write(spool, 30)  # over several segments
        rows = [("boot-1", size, "rows") for size in (9, 14, 19, 24, 29, 34)]
        assert told(witness.step(now_us() + 62_000_000)) == rows
    finally:
        spool.close(5)
    assert told(witness.step(now_us() + 63_000_000)) == [("boot-1", 34, "close")]
    assert witness.step(now_us() + 64_000_000) == [] and witness.found == []
    whole, found = place.verify()
    assert found == [] and whole.proved == {"p-boot-1": 34}


def test_a_boot_that_was_killed_is_closed_when_the_next_one_begins(place: Place) -> None:
    first = place.boot(3, close=False)
    place.witness().step(now_us())  # and this one dies too, before the end
    first.close(5)
    second = place.boot(4, close=False)
    try:
        assert told(place.witness().step(now_us())) == [("boot-1", 3, "close"), ("boot-2", 4, "start")]
    finally:
        second.close(5)
    assert place.verify()[1] == []


def test_boots_from_before_there_were_checkpoints_are_signed_as_they_are(place: Place) -> None:
    place.boot(3)
    place.boot(2)
    assert told(place.witness().step(now_us())) == [("boot-1", 3, "close"), ("boot-2", 2, "close")]
    assert place.verify()[1] == []


def test_boots_beside_each_other_are_signed_as_they_come(place: Place) -> None:
    first = place.boot(1, close=False)
    place.boot(1)
    witness = place.witness()
    assert told(witness.step(now_us())) == [("boot-1", 1, "start"), ("boot-2", 1, "close")]
    place.write(first, 5)
    third = place.boot(1, close=False)
    assert told(witness.step(now_us())) == [("boot-1", 6, "rows"), ("boot-3", 1, "start")]
    place.write(first, 1)
    first.close(5)
    third.close(5)
    assert told(witness.step(now_us())) == [("boot-1", 7, "close"), ("boot-3", 1, "close")]
    whole, found = place.verify()
    assert found == [] and whole.proved == {"p-boot-1": 7, "p-boot-2": 1, "p-boot-3": 1}


def test_a_segment_that_was_made_this_moment_is_not_over(place: Place) -> None:
    place.boot(0)  # whoever makes one locks it a moment later
    witness = place.witness()
    assert told(witness.step(now_us())) == [("boot-1", 0, "start")]
    (path,) = place.spool.iterdir()
    os.utime(path, (1, 1))
    assert told(witness.step(now_us())) == [("boot-1", 0, "close")]


def test_a_restart_goes_on_where_it_was(place: Place) -> None:
    spool = place.boot(6, close=False)
    try:
        assert told(place.witness().step(now_us())) == [("boot-1", 5, "start")]
        assert place.witness().step(now_us()) == []  # nothing is due: it knows what was signed
        place.write(spool, 5)
        assert told(place.witness().step(now_us())) == [("boot-1", 10, "rows")]
    finally:
        spool.close(5)
    assert place.verify()[1] == []


def test_nothing_is_signed_over_rows_that_were_changed(place: Place) -> None:
    place.boot(8, close=False)
    place.witness().step(now_us())
    path = sorted(place.spool.iterdir())[0]
    path.write_bytes(path.read_bytes().replace(b"anna", b"enna", 1))
    place.boot(1)
    witness = place.witness()
    assert told(witness.step(now_us())) == [("boot-2", 1, "close")]
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
    assert told(witness.step(now_us())) == [("boot-1", 2, "start")]
    assert [(str(item.wrong), item.line, item.seq) for item in witness.found] == [(wrong, 3, seq)]


def test_a_row_that_others_would_write_differently_is_signed_all_the_same(place: Place) -> None:
    place.boot(1)
    path = sorted(place.spool.iterdir())[0]
    body = unseal(path.read_bytes())[0]
    path.write_bytes(seal(body.replace(b'"proxy_id":"p",', b'"proxy_id": "p",'), "0" * 64)[0])
    assert told(place.witness().step(now_us())) == [("boot-1", 1, "close")]
    assert place.verify()[1] == []


def test_a_line_that_is_still_being_written_waits(place: Place) -> None:
    spool = place.boot(2, close=False)
    path = sorted(place.spool.iterdir())[-1]
    with path.open("ab") as file:
        file.write(path.read_bytes()[:40])
    witness = place.witness()
    assert told(witness.step(now_us())) == [("boot-1", 2, "start")]
    place.write(spool, 1)
    spool.close(5)
    assert told(witness.step(now_us())) == [("boot-1", 3, "close")]


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
    witness.step(now_us())
    assert [str(item.wrong) for item in witness.found] == ["forged"]


def test_another_proxy_s_boots_are_left_alone(place: Place, tmp_path: Path) -> None:
    other = Spool(place.spool, "q", new_event_id())
    other.start()
    other.close(5)
    assert place.witness().step(START_MS * 1000) == []


def test_two_witnesses_started_by_mistake_make_one_log(place: Place) -> None:
    spool, witnesses = place.boot(1, close=False), [place.witness(), place.witness()]
    try:
        for turn in range(6):
            place.write(spool, 5)
            assert len(witnesses[turn % 2].step(now_us())) == 1
    finally:
        spool.close(5)
    assert len(witnesses[1].step(now_us())) == 1 and witnesses[0].step(now_us()) == []
    whole, found = place.verify()
    assert found == [] and whole.log.number == 7 and whole.proved == {"p-boot-1": 31}


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
