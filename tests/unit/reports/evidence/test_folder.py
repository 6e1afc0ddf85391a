"""The folder is there whole or not at all, is nobody else's to read, and holds what was asked for."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.evidencesite import EMAIL, PERIOD, Site
from weir.reports.evidence import folder as folders
from weir.reports.evidence.check import check
from weir.reports.evidence.folder import Made, PlaceTaken, make
from weir.reports.evidence.pseudonyms import Pseudonyms
from weir.reports.evidence.source import Period


def test_what_is_in_it(whole: tuple[Path, Made], site: Site) -> None:
    out, made = whole
    assert made.counts["events"] == 15 and made.verification.count == 0
    assert {path.name for path in out.iterdir()} == {
        "MANIFEST.note", "MANIFEST.sha256", "checkpoints", "index.html", "policies", "records", "tables",
        "verification.json",
    }  # fmt: skip
    assert all(stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600) for path in out.rglob("*"))
    page = (out / "index.html").read_text()
    assert "Texts of prompts and replies are not in here." in page and EMAIL in page
    assert "12 in 1 gap" in page and site.data.proxy_id in page
    assert "known user, team or app %" in page and "not over when" not in page


def test_a_place_that_is_taken(site: Site, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")
    with pytest.raises(PlaceTaken, match="not empty"):
        make(site.order(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_nothing_is_left_of_a_folder_that_failed(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders, "examine", fail)
    with pytest.raises(OSError, match="No space"):
        make(site.order(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_under_pseudonyms_names_nobody_and_is_still_tied_to_what_was_signed(
    site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    pseudonyms = Pseudonyms.once()
    make(site.order(out, pseudonyms=pseudonyms))
    said = "".join(path.read_text() for path in [*out.glob("tables/*"), out / "index.html"])
    for name in (EMAIL, "carla", "dora", "10.1.2.3", "vk1"):
        assert name not in said, name
    assert pseudonyms.of(EMAIL) in said and not (out / "policies").exists()
    found = check(out, site.key.verifier)
    assert found.wrong == [] and found.signed > 0


def test_a_folder_that_nobody_signed(site: Site, tmp_path: Path) -> None:
    make(site.order(tmp_path / "out", key=None, period=Period(PERIOD.since, datetime(2100, 1, 1, tzinfo=UTC))))
    assert not (tmp_path / "out" / "MANIFEST.note").exists()
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<dd>NO</dd>" in page and "to 2100-01-01T00:00:00Z, not over when this was made" in page
