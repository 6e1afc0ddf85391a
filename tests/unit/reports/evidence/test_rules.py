"""Versions of the policy with from, to and text; a text that is not what was in force is left out."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.evidencesite import PERIOD, POLICY, SECOND, Site
from weir import settings
from weir.reports.evidence.rules import policies, prices
from weir.reports.evidence.section import Section
from weir.reports.evidence.source import Source


@pytest.fixture
def kept(site: Site, tmp_path: Path) -> Path:
    return Path(shutil.copytree(site.data.path / "policies", tmp_path / "kept"))


def made(site: Site, kept: Path, tmp_path: Path, *, texts: bool = True) -> dict[str, dict[str, Any]]:
    """The policies' rows by hash."""
    with Source(site.data.path, PERIOD, tmp_path / "scratch") as source:
        source.take(tmp_path / "records")
        return rows(policies(source, kept, tmp_path / "policies", texts=texts), "policies")


def rows(section: Section, name: str) -> dict[str, dict[str, Any]]:
    table = next(titled.table for titled in section.tables if titled.name == name)
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_versions_from_and_to(site: Site, kept: Path, tmp_path: Path) -> None:
    found = made(site, kept, tmp_path)
    first, second = found[POLICY.hash], found[SECOND.hash]
    assert first["taken"] < PERIOD.naive[0] and first["until"] == second["taken"] and second["until"] is None
    assert first["exchanges_of_the_version"] == 4
    assert first["text"].startswith("exact text") and second["text"].startswith("not kept")
    (file,) = (tmp_path / "policies").iterdir()
    assert file.name == f"{POLICY.hash}.json" and hashlib.sha256(file.read_bytes()).hexdigest() == POLICY.hash


def test_a_text_that_was_changed_is_left_out(site: Site, kept: Path, tmp_path: Path) -> None:
    (kept / f"{POLICY.hash}.json").write_text("{}")
    assert made(site, kept, tmp_path)[POLICY.hash]["text"] == "left out: the kept text is not what was in force"
    assert not (tmp_path / "policies").exists()


def test_a_folder_that_names_nobody_has_no_texts(site: Site, kept: Path, tmp_path: Path) -> None:
    assert made(site, kept, tmp_path, texts=False)[POLICY.hash]["text"].startswith("left out: a policy may name")
    assert not (tmp_path / "policies").exists()


def test_a_password_in_an_address_keeps_a_text_out(tmp_path: Path) -> None:
    from weir.reports.evidence.rules import _copied

    text = 'version: 1\naudit: {checkpoints: {publish: [{bucket: {name: b, endpoint: "https://u:%s@s3.example"}}]}}\n'
    policy = settings.loads(text % "synthetic")
    (tmp_path / f"{policy.hash}.json").write_text(policy.canonical)
    assert "password" in _copied(policy.hash, tmp_path, tmp_path / "out", texts=True)
    assert _copied("../secrets/x", tmp_path, tmp_path / "out", texts=True) == "the record names no hash"
    assert not (tmp_path / "out").exists()


def test_prices_and_their_lists(site: Site, tmp_path: Path) -> None:
    with Source(site.data.path, PERIOD, tmp_path / "scratch") as source:
        source.take(tmp_path / "records")
        found = rows(prices(source), "prices")
    assert found["openai/gpt-5@list-1"]["list"] == "list-1"
    assert (found["openai/gpt-5@list-1"]["exchanges"], found["openai/gpt-5@list-1"]["cost_usd"]) == (4, 0.02)
