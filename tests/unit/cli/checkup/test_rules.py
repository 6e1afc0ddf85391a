"""Checks of the policy and its users; none of them shows a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.cli.checkup import rules
from weir.identity import users
from weir.settings import Settings, loads

SECRET = "".join(["s3cret", "-", "value"])


def read(text: str, base: Path | None = None) -> Settings:
    return loads(f"version: 1\n{text}\n", base=base)


def test_a_good_policy(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("version: 1\nmode: enforce\n")
    (result,), settings = rules.policy(path, "the running weir's")
    assert result.status == "ok"
    assert result.detail.endswith("; the running weir's")
    assert "mode enforce" in result.detail
    assert settings is not None
    path.write_text("version: 1\nrules: [{id: r, if: {status: unsanctioned}, then: block}]\n")
    ((result,), _) = rules.policy(path)
    assert f"{path}: 1 rule, 0 examples as expected" in result.detail


def test_a_policy_that_is_not_there(tmp_path: Path) -> None:
    (result,), settings = rules.policy(tmp_path / "p.yaml")
    assert (result.status, settings) == ("fail", None)


def test_mistakes_are_told_with_line_and_remedy_up_to_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("version: 1\n" + "".join(f"wrong{number}: 1\n" for number in range(9)))
    results, settings = rules.policy(path)
    assert settings is None
    assert results[0].detail.startswith(f"{path}:2: wrong0: ")
    assert results[-1].detail == "and 4 more"
    assert {result.status for result in results} == {"fail"}


def test_an_example_that_comes_out_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "version: 1\nrules:\n  - {id: r, if: {host: x.example}, then: block, examples: [{expect: block}]}\n"
    )
    results, settings = rules.policy(path)
    assert [(result.status, result.remedy) for result in results] == [("fail", f"weir check {path}")]
    assert settings is not None


def test_detectors_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise ImportError("no hyperscan")

    monkeypatch.setattr("weir.cli.check.examine", broken)
    (tmp_path / "p.yaml").write_text("version: 1\n")
    (result,), _ = rules.policy(tmp_path / "p.yaml")
    assert (result.status, result.detail) == ("fail", "not checked: the detectors cannot be loaded")


def test_users(tmp_path: Path) -> None:
    assert rules.users(read("")) == []
    settings = read("identity: {users: users}", tmp_path)
    assert [result.status for result in rules.users(settings)] == ["fail"]
    users.add(tmp_path / "users", "ann", SECRET, work=users.Work(log2_n=10, r=1, p=1))
    (result,) = rules.users(settings)
    assert (result.status, result.detail) == ("ok", f"{tmp_path / 'users'}: 1 users")
    (tmp_path / "users").chmod(0o644)
    assert "chmod 600" in rules.users(settings)[0].detail
