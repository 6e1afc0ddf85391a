from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.sealedaudit import SealedAudit
from unit.audit.evidence.boots import Boot, key
from weir.audit.evidence.covered import log_of
from weir.audit.evidence.keys import first_key
from weir.audit.evidence.note import sign_note
from weir.audit.evidence.signed import Signed, notes_in


def wrong(signed: Signed) -> list[str]:
    return [str(item.wrong) for item in signed.found()]


def test_a_log_that_is_whole(sealed: SealedAudit) -> None:
    signed = Signed(sealed.data.path, [sealed.published], first_key(sealed.data.keys))
    assert wrong(signed) == [] and signed.log.files and not signed.own_key
    signed.again()
    assert signed.key_text == first_key(sealed.data.keys).text


def test_nothing_was_ever_signed(tmp_path: Path) -> None:
    signed = Signed(tmp_path)
    assert wrong(signed) == [] and signed.key_text == ""
    (tmp_path / "note").write_bytes(b"")
    assert wrong(Signed(tmp_path, [tmp_path / "note"])) == ["forged"]  # there is no key to believe it by


def test_a_log_a_key_or_the_end_of_the_log_that_is_gone(sealed: SealedAudit, data: Path) -> None:
    log = log_of(data)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-2]))
    assert wrong(Signed(data)) == [], "nothing here tells that more was there"
    assert wrong(Signed(data, [sealed.published])) == ["checkpoint_gone"] * 2
    log.unlink()
    assert wrong(Signed(data)) == [], "whether a log should be there tell the rows: Verifier"
    log.write_bytes(b"".join(lines))
    (data / "keys" / "checkpoint.pub").write_text("nonsense")
    assert wrong(Signed(data)) == ["forged"]
    (data / "keys" / "checkpoint.pub").unlink()
    assert wrong(Signed(data)) == ["forged"]
    assert "forged" in wrong(Signed(data, key=key().verifier))


def test_notes_as_others_keep_them(sealed: SealedAudit, tmp_path: Path) -> None:
    log = log_of(sealed.data.path)
    notes = [note for _, note in notes_in(log)]
    assert len(notes) == log.read_bytes().count(b"\n")
    received = tmp_path / "messages"
    lines = [json.dumps(json.loads(line)) for line in log.read_text().splitlines()]
    received.write_text("".join(f"2026-11-21T10:00:00Z host weir - checkpoint - {line}\n" for line in lines))
    assert [note for _, note in notes_in(received)] == notes
    received.write_text('{"x":1}\n{"')
    assert [where for where, _ in notes_in(received)] == ["messages:1", "messages:2"]
    assert wrong(Signed(sealed.data.path, [received])) == ["forged", "forged", "checkpoint_gone"]


def test_copies_of_others_and_no_copies(sealed: SealedAudit, tmp_path: Path) -> None:
    assert wrong(Signed(sealed.data.path, [tmp_path])) == ["checkpoint_gone"], "an empty place bears nothing out"
    (tmp_path / "000000000001.checkpoint").write_bytes(sign_note(Boot().report.checkpoints["p-b"][0].text, key()))
    assert wrong(Signed(sealed.data.path, [tmp_path])) == ["checkpoint_gone"], "another proxy's say nothing of ours"
    both = Signed(sealed.data.path, [tmp_path, sealed.published])
    (tmp_path / ".000000000002.checkpoint.ab").write_bytes(b"half a no")  # its writer died
    assert wrong(both) == [] and both.log.published == both.log.published_last == both.log.number


@pytest.mark.parametrize("kept", ["directory", "file"])
def test_a_rewritten_log_is_told_by_what_was_published(sealed: SealedAudit, data: Path, kept: str) -> None:
    files = sorted(path for path in sealed.published.rglob("*") if path.is_file())
    log_of(data).write_bytes(b"")
    published = [sealed.published] if kept == "directory" else files
    assert wrong(Signed(data, published)) == ["checkpoint_gone"] * len(files)
