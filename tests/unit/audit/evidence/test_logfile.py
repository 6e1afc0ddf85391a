from __future__ import annotations

from pathlib import Path

import pytest

from unit.audit.evidence.boots import Boot, key
from weir.audit.evidence.logfile import Place, append_note, notes_of, read_log, read_on
from weir.audit.evidence.note import BadNote


def test_notes_come_back_in_order(tmp_path: Path) -> None:
    boot, path = Boot(), tmp_path / "checkpoints.jsonl"
    assert list(notes_of(path, [])) == []
    for _, note in boot.notes:
        append_note(path, note)
    assert path.read_bytes() == b"".join(boot.log) and path.stat().st_mode & 0o777 == 0o640
    notes = list(notes_of(path, found := []))
    assert [note for _, note in notes] == [note for _, note in boot.notes] and found == []
    assert notes[0][0] == "checkpoints.jsonl:1"
    report = read_log(path, key().verifier)
    assert report.found == [] and report.digest == boot.report.digest


def test_a_line_that_broke_off_is_written_over(tmp_path: Path) -> None:
    boot, path = Boot(), tmp_path / "checkpoints.jsonl"
    path.write_bytes(boot.log[0] + boot.log[1][:50])
    assert len(list(notes_of(path, []))) == 1
    append_note(path, boot.notes[1][1])
    assert path.read_bytes() == boot.log[0] + boot.log[1]


def test_what_came_since_is_read_on(tmp_path: Path) -> None:
    boot, path, place = Boot(), tmp_path / "checkpoints.jsonl", Place()
    path.write_bytes(b"".join(boot.log[:2]) + boot.log[2][:9])
    report = read_log(path, key().verifier, place)
    assert (report.number, place) == (2, Place(len(boot.log[0] + boot.log[1]), 2))
    path.write_bytes(b"".join(boot.log[:3]) + b"{}\n" + b"".join(boot.log[3:]))
    read_on(path, report, place)
    assert report.number == len(boot.log) and place == Place(path.stat().st_size, len(boot.log) + 1)
    assert [item.line for item in report.found] == [4]


def test_the_last_newline_counts_too(tmp_path: Path) -> None:
    boot, path = Boot(), tmp_path / "checkpoints.jsonl"
    for end, wrong in ((b"", []), (b"\x0b", ["forged"]), (b"}", ["forged"])):
        path.write_bytes(b"".join(boot.log)[:-1] + end)
        report = read_log(path, key().verifier)
        assert [str(item.wrong) for item in report.found] == wrong and report.number == len(boot.log) - 1


def test_lines_that_hold_no_note_are_named(tmp_path: Path) -> None:
    boot, path = Boot(), tmp_path / "checkpoints.jsonl"
    path.write_bytes(boot.log[0] + b"{}\n" + b"".join(boot.log[1:]))
    report = read_log(path, key().verifier)
    assert [(str(item.wrong), item.line) for item in report.found] == [("forged", 2)] and report.number == 5


def test_only_notes_are_kept(tmp_path: Path) -> None:
    with pytest.raises(BadNote):
        append_note(tmp_path / "checkpoints.jsonl", b"x")
    assert list(tmp_path.iterdir()) == []
