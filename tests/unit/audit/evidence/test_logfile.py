from __future__ import annotations

from pathlib import Path

import pytest

from unit.audit.evidence.boots import Boot, key
from weir.audit.evidence.logfile import append_note, read_log, read_notes
from weir.audit.evidence.note import BadNote


def test_notes_come_back_in_order(tmp_path: Path) -> None:
    boot, path = Boot(), tmp_path / "checkpoints.jsonl"
    assert read_notes(path) == ([], [])
    for _, note in boot.notes:
        append_note(path, note)
    assert path.read_bytes() == b"".join(boot.log) and path.stat().st_mode & 0o777 == 0o640
    notes, found = read_notes(path)
    assert [note for _, note in notes] == [note for _, note in boot.notes] and found == []
    assert notes[0][0] == "checkpoints.jsonl:1"
    report = read_log(path, key().verifier)
    assert report.found == [] and report.digest == boot.report.digest


def test_a_line_that_broke_off_is_written_over(tmp_path: Path) -> None:
    boot, path = Boot(), tmp_path / "checkpoints.jsonl"
    path.write_bytes(boot.log[0] + boot.log[1][:50])
    assert len(read_notes(path)[0]) == 1
    append_note(path, boot.notes[1][1])
    assert path.read_bytes() == boot.log[0] + boot.log[1]


def test_lines_that_hold_no_note_are_named(tmp_path: Path) -> None:
    boot, path = Boot(), tmp_path / "checkpoints.jsonl"
    path.write_bytes(boot.log[0] + b"{}\n" + b"".join(boot.log[1:]))
    report = read_log(path, key().verifier)
    assert [(str(item.wrong), item.line) for item in report.found] == [("forged", 2)] and report.number == 5


def test_only_notes_are_kept(tmp_path: Path) -> None:
    with pytest.raises(BadNote):
        append_note(tmp_path / "checkpoints.jsonl", b"x")
    assert list(tmp_path.iterdir()) == []
