from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.dlp.rulebook import known, rules
from weir.dlp.rulebook.known import FOLDERS, KNOWN, RULES, digests, is_known
from weir.dlp.rulebook.rules import RuleError, load_rules


def test_every_built_in_file_is_known_as_it_is_and_proves_itself() -> None:
    load_rules(prove=True)
    assert dict(digests()) == known._known(), "run: PYTHONPATH=addons .venv/bin/python -m weir.dlp.rulebook.known"
    for name, _ in digests():
        assert is_known(RULES / name, (RULES / name).read_bytes())


def test_a_changed_file_and_one_elsewhere_are_not_known(tmp_path: Path) -> None:
    file = RULES / "secrets" / "ai.yaml"
    content = file.read_bytes()
    assert not is_known(file, content + b"\n")
    assert not is_known(RULES / "secrets" / "vcs.yaml", content)
    assert not is_known(tmp_path / "ai.yaml", content)
    assert not is_known(RULES / "secrets" / "new.yaml", content)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The built-in rules, in a place where they may be changed."""
    shutil.copytree(RULES, tmp_path / "rules")
    folders = tuple(tmp_path / "rules" / folder.name for folder in FOLDERS)
    monkeypatch.setattr(known, "RULES", tmp_path / "rules")
    monkeypatch.setattr(known, "KNOWN", tmp_path / "rules" / KNOWN.name)
    monkeypatch.setattr(known, "FOLDERS", folders)
    monkeypatch.setattr(rules, "FOLDERS", folders)
    known._known.cache_clear()
    yield tmp_path / "rules"
    known._known.cache_clear()


def test_a_built_in_file_that_was_changed_is_checked_like_any_other(copy: Path) -> None:
    load_rules()
    file = copy / "secrets" / "ai.yaml"
    file.write_text(file.read_text().replace("regex: ", "regex: nowhere", 1))
    with pytest.raises(RuleError, match=r"ai\.yaml:\d+: match: example 1 of .* is not found"):
        load_rules()


@pytest.mark.parametrize("content", ["", "[1, 2]", "{"])
def test_without_a_readable_list_all_is_checked(content: str, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy / KNOWN.name).write_text(content)
    proved: list[str] = []
    monkeypatch.setattr(rules, "_prove", lambda entry, rule: proved.append(rule.id))
    assert len(load_rules().rules) == len(proved) > 0


def test_nothing_is_proved_that_is_known(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_prove", lambda entry, rule: pytest.fail(rule.id))
    assert load_rules().rules


def test_the_list_is_written_anew(copy: Path) -> None:
    (copy / KNOWN.name).unlink()
    assert known.main() == 0
    assert (copy / KNOWN.name).read_text() == KNOWN.read_text()


def test_a_list_of_what_does_not_prove_itself_is_not_written(copy: Path) -> None:
    file = copy / "secrets" / "ai.yaml"
    file.write_text(file.read_text().replace("regex: ", "regex: nowhere", 1))
    with pytest.raises(RuleError):
        known.main()
    assert (copy / KNOWN.name).read_text() == KNOWN.read_text()
