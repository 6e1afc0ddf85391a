"""Where shipped files are found: in the checkout, in an installation, and what is said when they are gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from weir import places
from weir.places import MissingFile, policies, policy_path, version


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As if weir were installed with ``tmp_path`` as its data scheme; the folder of the policies."""
    monkeypatch.setattr(places, "_CHECKOUT", tmp_path / "site-packages")
    monkeypatch.setattr(places.sysconfig, "get_path", lambda name, scheme="": str(tmp_path / (scheme or "prefix")))
    folder = tmp_path / "prefix" / "share" / "weir" / "policies"
    folder.mkdir(parents=True)
    return folder


def test_the_checkout_has_its_policies() -> None:
    path = policy_path("observe")
    assert path.is_file()
    assert path.parent == Path(places.__file__).parents[2] / "policies"
    assert {"enforce", "observe"} <= set(policies())


def test_an_installation_has_them_in_its_share_folder(installed: Path) -> None:
    (installed / "observe.yaml").write_text("version: 1\n")
    assert policy_path("observe") == installed / "observe.yaml"
    assert policies() == ["observe"]


def test_a_user_installation_is_found_too(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / places.sysconfig.get_preferred_scheme("user") / "share" / "weir" / "policies"
    folder.mkdir(parents=True)
    (folder / "enforce.yaml").write_text("version: 1\n")
    assert policy_path("enforce") == folder / "enforce.yaml"


def test_a_lost_policy_says_where_it_was_looked_for(installed: Path) -> None:
    with pytest.raises(MissingFile, match=rf"{re.escape(str(installed))}.*--policy"):
        policy_path("observe")
    assert policies() == []


@pytest.mark.parametrize("name", ["", "../observe", "a/b", "Observe", "observe.yaml"])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(ValueError, match="by path"):
        policy_path(name)


def test_version_is_that_of_the_project() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", version())


def test_version_of_an_installation_comes_from_its_metadata(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"{name}-9.9")
    assert version() == "weir-9.9"


def test_the_project_ships_the_policies_as_data_files() -> None:
    import tomllib

    project = tomllib.loads((Path(places.__file__).parents[2] / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["data-files"] == {str(places._SHARE): ["policies/*.yaml"]}
