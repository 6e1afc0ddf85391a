"""What keeps detectors from being loaded is told at once; what a policy does not look for says what to add."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.cli.check import look
from weir.cli.detectors import detector_mistakes, not_asked_for
from weir.settings import Settings, load


def policy(folder: Path, text: str) -> Settings:
    (folder / "p.yaml").write_text(f"version: 1\n{text}\n")
    return load(folder / "p.yaml")


def test_all_of_it_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "r.yaml").write_text("- id: secret/own\n  regexp: x\n")
    (tmp_path / "no.fp").write_text("iban\n")
    text = (
        "dlp:\n  packs: [us, france, xx]\n  entities: [EMAIL, URL]\n  thresholds: {US_SNN: 0.6}\n"
        "  rules: [own]\n  exact: [gone.fp, no.fp]"
    )
    found = detector_mistakes(policy(tmp_path, text))
    assert [(one.field, one.line) for one in found if one.file.endswith("p.yaml")] == [
        ("dlp.packs[1]", 3), ("dlp.packs[2]", 3), ("dlp.entities[0]", 4), ("dlp.thresholds.US_SNN", 5),
        ("dlp.exact[0]", 7), ("dlp.exact", 7),
    ]  # fmt: skip
    assert [one.file for one in found if not one.file.endswith("p.yaml")] == [str(tmp_path / "own" / "r.yaml")]
    remedies = [one.remedy for one in found]
    assert remedies[0] == "write fr" and remedies[1].startswith("write one of at, au, ")
    assert remedies[2:4] == ["write EMAIL_ADDRESS", "write US_SSN"]
    assert "make it with weir dlp fingerprint" in remedies
    lines = [one.line for one in look(tmp_path / "p.yaml").mistakes if one.file.endswith("p.yaml")]
    assert lines == [3, 3, 4, 5, 7, 7], "from top to bottom, none twice"


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("EMAIL", "write EMAIL_ADDRESS"),
        ("PASSPORT", "write one of DE_PASSPORT, ES_PASSPORT, "),
        ("EMIAL_ADDRESS", "write EMAIL_ADDRESS"),
        ("QQQQ", "weir dlp rules --category pii lists what there is"),
    ],
)
def test_an_entity_that_was_meant(tmp_path: Path, word: str, remedy: str) -> None:
    (mistake,) = detector_mistakes(policy(tmp_path, f"dlp: {{entities: [{word}]}}"))
    assert mistake.remedy.startswith(remedy) and len(mistake.remedy) < 300


def test_paths_are_written_as_the_policys_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text("version: 1\ndlp: {exact: [gone.fp]}\n")
    (mistake,) = detector_mistakes(load(Path("p.yaml")))
    assert str(mistake) == (
        "p.yaml:2: dlp.exact[0]: gone.fp cannot be read (No such file or directory); make it with weir dlp fingerprint"
    )


@pytest.mark.parametrize(
    ("dlp", "finding", "remedy"),
    [
        ("packs: [us]", "pii/UK_NHS", "add uk to dlp.packs"),
        ("entities: [EMAIL_ADDRESS]", "pii/US_SSN", "add us to dlp.packs"),
        ("entities: [EMAIL_ADDRESS]", "pii/CREDIT_CARD", "add CREDIT_CARD to dlp.entities"),
        ("packs: [us]", "pii/UUID", "add UUID to dlp.entities"),
        ("packs: [us]", "pii/PERSON", "add nlp: en_core_web_lg to dlp"),
        ("packs: [us]", "pii/EMIAL_ADDRESS", "write pii/EMAIL_ADDRESS"),
        ("packs: [us]", "exact/customers", "make it with weir dlp fingerprint, and add its file to dlp.exact"),
        ("packs: [us]", "word/projects", "write its id, or add the folder of its rule file to dlp.rules"),
        ("packs: [us]", "secret/opnai-key", "write secret/openai-key"),
    ],
)
def test_a_finding_that_the_policy_does_not_look_for(tmp_path: Path, dlp: str, finding: str, remedy: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"version: 1\ndlp: {{{dlp}}}\nrules:\n- {{id: a, if: {{finding: {finding}}}, then: block}}\n")
    (mistake,) = look(path).mistakes
    assert (mistake.line, mistake.remedy) == (4, remedy)


def test_a_misspelling_says_more_than_a_folder(tmp_path: Path) -> None:
    settings = policy(tmp_path, "rules: [{id: a, if: {finding: word/projcts}, then: block}]")
    slip = settings.mistake(("rules", 0, "if", "finding", 0), "names no known detector", "write word/projects")
    assert not_asked_for(settings, [slip]) == (slip,)
    assert not_asked_for(settings, []) == ()
