"""A folder is checked offline: by the key one has noted, or by its own, which is said."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.evidencesite import Site
from weir.audit.evidence.note import SigningKey
from weir.reports.evidence.check import check
from weir.reports.evidence.manifest import MANIFEST, NOTE


def test_a_whole_folder(site: Site, folder: Path) -> None:
    found = check(folder, site.key.verifier)
    assert (found.wrong, found.said, found.unsigned) == ([], [], 0) and found.signed > 0
    assert found.statement is not None and found.statement.since == "2023-11-15T00:00:00Z"


def test_the_folder_s_own_key_proves_little_and_that_is_said(folder: Path) -> None:
    found = check(folder)
    assert found.wrong == [] and "taken from the folder itself" in found.said[0]


def test_another_key(site: Site, folder: Path) -> None:
    other = SigningKey(site.key.verifier.name, bytes(32)).verifier
    wrong = check(folder, other).wrong
    assert any("not signed by the key" in text for text in wrong)
    assert any(text.startswith("checkpoints: ") for text in wrong)


def test_a_flipped_bit_anywhere_is_found(site: Site, folder: Path) -> None:
    chance = random.Random(11)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.parent.name != "tables")
    files += sorted((folder / "tables").iterdir())[:2]
    assert {"index.html", "events.parquet", MANIFEST, NOTE, "verification.json"} <= {path.name for path in files}
    for path in files:
        data = path.read_bytes()
        at = chance.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :])
        assert check(folder, site.key.verifier).wrong, (path.name, at)
        path.write_bytes(data)
    assert check(folder, site.key.verifier).wrong == []


@pytest.mark.parametrize("name", ["records/events.parquet", "records/chain.jsonl", "checkpoints/checkpoint.pub", NOTE])
def test_a_file_that_is_gone_is_named(name: str, site: Site, folder: Path) -> None:
    (folder / name).unlink()
    assert any(name.rpartition("/")[2] in text for text in check(folder, site.key.verifier).wrong)


def test_parquet_that_is_none(site: Site, folder: Path) -> None:
    (folder / "records" / "events.parquet").write_bytes(b"PAR1")
    assert "records: the Parquet files can't be read" in check(folder, site.key.verifier).wrong


def test_nobody_vouches(folder: Path) -> None:
    (folder / NOTE).unlink()
    assert any("is not signed" in text for text in check(folder).said)
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    said = check(folder).said
    assert any("no key" in text for text in said)
