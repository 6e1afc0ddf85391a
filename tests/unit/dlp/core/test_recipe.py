from __future__ import annotations

from pathlib import Path

import pytest

from weir.dlp.core.recipe import Recipe

RULE = "rules: [{id: secret/acme, description: d, severity: low, source: s, regex: acme9, match: [acme9], miss: [x]}]"
FULL = Recipe(
    rule_dirs=(Path("/rules"),),
    entities=("US_SSN",),
    packs=("us",),
    threshold=0.6,
    thresholds={"US_SSN": 0.7},
    nlp="model",
    exact=(Path("/a.fp"),),
    exact_key=b"\xff\x00exact",
    fingerprint_key=b"\x80key",
    findings_max=7,
    compiled=Path("/compiled"),
)


@pytest.mark.parametrize("recipe", [FULL, Recipe(fingerprint_key=b"k")], ids=["full", "default"])
def test_another_process_reads_the_same(recipe: Recipe) -> None:
    assert Recipe.parse(recipe.dump()) == recipe


def test_relative_places_are_told_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Recipe.parse(Recipe(rule_dirs=(Path("mine"),), fingerprint_key=b"k").dump()).rule_dirs == (
        tmp_path / "mine",
    )


def test_no_key_is_shown() -> None:
    assert "exact_key" not in repr(FULL) and "fingerprint_key" not in repr(FULL)


def test_the_version_follows_what_is_found(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(RULE)

    def version(**change: object) -> str:
        return Recipe(**{"entities": ("US_SSN",), "fingerprint_key": b"k", **change}).make().version  # type: ignore[arg-type]

    versions = [
        version(),
        version(entities=("CRYPTO",)),
        version(threshold=0.7),
        version(thresholds={"US_SSN": 0.9}),
        version(rule_dirs=(tmp_path,)),
        version(findings_max=9),
        version(packs=("de",)),
    ]
    assert len(set(versions)) == 7
    assert version(fingerprint_key=b"other") == versions[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"entities": ("NOPE",)}, "NOPE"),
        ({"packs": ("zz",)}, "zz"),
        ({"exact": (Path("none.fp"),)}, "exact_key"),
        ({"nlp": "no_such_pipeline_anywhere"}, "no_such_pipeline_anywhere"),
    ],
)
def test_a_mistake_says_what_it_is(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recipe(**{"fingerprint_key": b"k", **change}).make()  # type: ignore[arg-type]


def test_a_missing_file_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        Recipe(exact=(tmp_path / "none.fp",), exact_key=b"k" * 32, fingerprint_key=b"k").make()
