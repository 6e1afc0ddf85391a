"""Every file is named with its sum, the sum of the sums is signed, and any byte that changes is found."""

from __future__ import annotations

import random
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weir.audit.evidence.entries import BadEntry, parse_entry
from weir.audit.evidence.note import SigningKey
from weir.reports.evidence.manifest import (
    MANIFEST,
    NOTE,
    Statement,
    Wrong,
    check_files,
    read_statement,
    sums,
    write_manifest,
)  # fmt: skip

KEY = SigningKey("weir/weir-test", bytes(range(32)))
OTHER = SigningKey("weir/weir-test", bytes(32))
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small folder with a signed manifest."""
    folder = tmp_path / "small"
    (folder / "records").mkdir(parents=True)
    (folder / "index.html").write_text("<p>hello")
    (folder / "records" / "events.parquet").write_bytes(bytes(range(256)))
    write_manifest(folder, "weir-test", AT, AT, AT, KEY)
    return folder


def wrong(folder: Path) -> list[str]:
    statement, _ = read_statement(folder, [KEY.verifier])
    return list(check_files(folder, statement))


def test_a_whole_folder(small: Path) -> None:
    statement, key = read_statement(small, [OTHER.verifier, KEY.verifier])
    assert (key, statement.files, statement.made) == (KEY.verifier, 2, "2026-01-02T03:04:05Z")
    assert wrong(small) == []
    assert set(sums(small)) == {"index.html", "records/events.parquet"}


def test_stock_sha256sum_reads_it(small: Path) -> None:
    done = subprocess.run(["sha256sum", "--check", "--strict", MANIFEST], cwd=small, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count(": OK\n")) == (0, 2)


def test_any_byte_that_changes_is_found(small: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    for path in [path for path in small.rglob("*") if path.is_file()]:
        data = path.read_bytes()
        for at in sorted({0, len(data) - 1, *(chance.randrange(len(data)) for _ in range(12))}):
            copy = Path(shutil.copytree(small, tmp_path / "copy"))
            changed = bytearray(data)
            changed[at] ^= 1 << chance.randrange(8)
            (copy / path.relative_to(small)).write_bytes(changed)
            try:
                assert wrong(copy), (path.name, at)
            except Wrong:
                assert path.name == NOTE
            shutil.rmtree(copy)


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (lambda f: (f / "index.html").unlink(), "index.html: the file is gone"),
        (lambda f: (f / "more.txt").write_text("x"), "'more.txt': the manifest does not name this file"),
        (lambda f: (f / "index.html").write_text("<p>hallo"), "index.html: the file was changed"),
        (lambda f: (f / "link").symlink_to("/etc/hosts"), "'link' is neither a file nor a folder"),
        (lambda f: (f / MANIFEST).unlink(), "MANIFEST.sha256 is not there"),
        (lambda f: (f / MANIFEST).write_text(f"{'0' * 64}  ../x\n"), "MANIFEST.sha256:1: the line is no sum of a file"),
    ],
)
def test_what_was_done_is_named(small: Path, do, said: str) -> None:
    do(small)
    assert said in wrong(small)


def test_a_manifest_made_anew_is_not_the_signed_one(small: Path) -> None:
    (small / "index.html").write_text("<p>hallo")
    note = (small / NOTE).read_bytes()
    write_manifest(small, "weir-test", AT, AT, AT, None)
    (small / NOTE).write_bytes(note)
    assert wrong(small) == ["MANIFEST.sha256 is not the one that was signed"]


def test_who_signed_counts(small: Path) -> None:
    with pytest.raises(Wrong, match="not signed by the key"):
        read_statement(small, [OTHER.verifier])
    (small / NOTE).unlink()
    with pytest.raises(Wrong, match="nobody vouches"):
        read_statement(small, [KEY.verifier])


def test_the_statement_is_no_checkpoint() -> None:
    with pytest.raises(BadEntry):
        parse_entry(Statement("weir-test", "a", "b", "c", 1, "0" * 64).text)


def test_a_note_about_something_else_is_refused(small: Path) -> None:
    from weir.audit.evidence.note import sign_note

    (small / NOTE).write_bytes(sign_note("something\nelse\n", KEY))
    with pytest.raises(Wrong, match="does not speak of a folder"):
        read_statement(small, [KEY.verifier])
