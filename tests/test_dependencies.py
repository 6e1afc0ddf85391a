"""What scripts/dependencies.py says of a lock, of what is installed, and of what it could not look up."""

from __future__ import annotations

import importlib.util
import json
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.processes import ROOT

HASH = " --hash=sha256:" + "a" * 64


@pytest.fixture(scope="module")
def audit() -> Any:
    spec = importlib.util.spec_from_file_location("dependencies", ROOT / "scripts" / "dependencies.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(name: str, version: str = "1.0", requires: tuple[str, ...] = (), **metadata: str) -> Any:
    told = Message()
    for key, value in metadata.items():
        told[key.replace("_", "-")] = value
    return SimpleNamespace(name=name, version=version, requires=list(requires), metadata=told)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("a==1.0" + HASH, ""),
        ("a==1.0 ; python_version >= '3.12' \\\n   " + HASH, ""),
        ("a==1.0", "no SHA-256"),
        ("a==1.0 --hash=md5:" + "a" * 32, "no SHA-256"),
        ("a>=1.0" + HASH, "one version"),
        ("a==1.*" + HASH, "one version"),
        ("a @ https://x.example/a.whl" + HASH, "address"),
        ("--extra-index" + "-url https://x.example", "option"),
    ],
)
def test_the_lock_names_one_version_by_its_hashes(audit: Any, entry: str, said: str) -> None:
    (_, problem), *others = audit.read_lock(f"# a comment\n{entry}\n")
    assert not others and (said in problem if said else problem == "")


def test_entries_for_other_systems_do_not_count_here(audit: Any) -> None:
    text = f"a==1.0 ; sys_platform == 'nowhere'{HASH}\na==2.0 ; sys_platform != 'nowhere'{HASH}\n"
    assert audit.locked_here(text) == ({"a": "2.0"}, [])


def test_what_is_needed_or_installed_has_to_be_locked(audit: Any) -> None:
    installed = [
        package("A_b", requires=("c>=2", "d; extra == 'more'", "e; python_version < '3'", "f")),
        package("c", "1.0"),
    ]
    locked = {"a-b": "1.0", "c": "1.5"}
    assert list(audit.incomplete(installed, locked)) == [
        "A_b needs c>=2, the lock has 1.5",
        "A_b needs f, which the lock does not have",
    ]
    assert list(audit.strays([*installed, package("z", "3")], locked)) == [
        "c 1.0 is installed, the lock has 1.5",
        "z 3 is installed and not locked",
    ]


@pytest.mark.parametrize(
    ("metadata", "fine"),
    [
        ({"License_Expression": "MIT"}, True),
        ({"License_Expression": "LGPL-3.0-only"}, True),
        ({"License_Expression": "Apache-2.0 AND CNRI-Python"}, True),
        ({"Classifier": "License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)"}, True),
        ({"License": "3-Clause BSD License\nall of its text"}, True),
        ({"License_Expression": "GPL-3.0-only"}, False),
        ({"License_Expression": "AGPL-3.0-or-later"}, False),
        ({"License_Expression": "MIT AND GPL-2.0-only"}, False),
        ({"Classifier": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"}, False),
        ({"License": "all rights reserved, nothing permitted"}, False),
        ({}, False),
    ],
)
def test_licences(audit: Any, metadata: dict[str, str], fine: bool) -> None:
    assert (list(audit.unlicensed([package("a", **metadata)])) == []) is fine


@pytest.mark.parametrize(
    ("body", "problems", "said"),
    [
        (None, 0, "NOT looked up: pip-audit is not installed"),
        ("echo 'no route to host' >&2; exit 1", 0, "NOT looked up: pip-audit reached no database"),
        ("json", 1, "known holes of 1 packages were looked up, 1 left out"),
    ],
)
def test_a_look_up_that_was_not_made_is_said(
    audit: Any, body: str | None, problems: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    hole = {"id": "GHSA-x", "fix_versions": []}
    rows = [{"name": "a", "version": "1", "vulns": [hole]}, {"name": "b", "skip_reason": "not there"}]
    if body is not None:
        (tmp_path / "answer.json").write_text(json.dumps({"dependencies": rows}))
        program = tmp_path / "pip-audit"
        program.write_text("#!/bin/sh\n" + (f"cat '{tmp_path}/answer.json'; exit 1" if body == "json" else body) + "\n")
        program.chmod(0o755)
    found, told = audit.look_up(tmp_path / "lock")
    assert len(found) == problems and said in told
