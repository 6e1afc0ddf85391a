"""The ingester follows the policy file, and a mistake in it changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.audit.ingester.policy import PolicyFile
from weir.sections_audit import Audit
from weir.yamlpos import PolicyError


def write(path: Path, days: str) -> None:
    path.write_text(f"version: 1\naudit: {{retention: {{days: {days}}}}}\n")


def test_no_file_means_the_defaults() -> None:
    policy = PolicyFile(None)
    assert policy.audit == Audit() and policy.refresh() == ""


def test_a_change_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    write(path, "500")
    policy = PolicyFile(path)
    assert policy.audit.retention.days == 500
    write(path, "1600")
    assert policy.refresh() == ""
    assert policy.audit.retention.days == 1600


def test_a_mistake_is_told_once_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    write(path, "500")
    policy = PolicyFile(path)
    write(path, "soon, canary-9921")
    told = policy.refresh()
    assert "policy.yaml is not taken" in told and "canary" not in told
    assert policy.refresh() == ""
    assert policy.audit.retention.days == 500
    path.unlink()
    assert "FileNotFoundError" in policy.refresh()


def test_what_cannot_be_read_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PolicyFile(tmp_path / "none.yaml")
    write(tmp_path / "wrong.yaml", "never")
    with pytest.raises(PolicyError):
        PolicyFile(tmp_path / "wrong.yaml")


def test_a_patient_one_takes_the_file_when_it_is_good(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    policy = PolicyFile(path, patient=True)
    assert policy.unread and "FileNotFoundError" in policy.refresh()
    assert policy.refresh() == "", "told once"
    write(path, "never")
    assert "PolicyError" in policy.refresh() and policy.refresh() == ""
    assert policy.unread and policy.audit == Audit()
    write(path, "1600")
    assert policy.refresh() == "" and not policy.unread and policy.audit.retention.days == 1600
    write(path, "never")
    assert "PolicyError" in policy.refresh()
    assert not policy.unread and policy.audit.retention.days == 1600, "what was known stays so"


def test_a_file_that_becomes_readable_is_read_though_it_did_not_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.yaml"
    write(path, "700")
    policy = PolicyFile(path, patient=True)

    def denied(_: Path) -> Audit:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("weir.audit.ingester.policy._load", denied)
        assert "PermissionError" in policy.refresh() and policy.refresh() == "" and policy.unread
    assert policy.refresh() == "" and policy.audit.retention.days == 700
