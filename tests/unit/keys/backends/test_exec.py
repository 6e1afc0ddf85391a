"""exec:/path/to/command"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from weir.keys.backends import MAX_BYTES, SecretUnavailable
from weir.keys.backends import exec as backend

VALUE = "synthetic-" + "provider-key"


def script(tmp_path: Path, body: str) -> str:
    file = tmp_path / "read-key"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o700)
    return str(file)


def refused(reference: str) -> str:
    with pytest.raises(SecretUnavailable) as caught:
        backend.fetch(reference)
    assert VALUE not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_what_the_command_prints(tmp_path: Path) -> None:
    assert backend.fetch(script(tmp_path, f"echo; echo ' {VALUE} '")) == VALUE


def test_arguments_are_words_and_no_shell_reads_them(tmp_path: Path) -> None:
    command = script(tmp_path, 'printf "%s|" "$@"')
    assert backend.fetch(f"{command} one 'two words' $HOME ;ls `id` *") == "one|two words|$HOME|;ls|`id`|*|"


def test_the_environment_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", VALUE)
    monkeypatch.setenv("VAULT_TOKEN", VALUE)
    command = script(tmp_path, "env")
    assert VALUE not in backend.fetch(command)
    monkeypatch.setenv("WEIR_EXEC_ENV", "VAULT_TOKEN, NOT_SET,")
    got = backend.fetch(command)
    assert f"VAULT_TOKEN={VALUE}" in got and "OPENAI" not in got


def test_no_descriptor_is_inherited(tmp_path: Path) -> None:
    (tmp_path / "private").write_text(VALUE)
    with (tmp_path / "private").open() as file:
        os.set_inheritable(file.fileno(), True)
        listed = backend.fetch(script(tmp_path, "ls -l /proc/$$/fd"))
    assert "private" not in listed


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f"echo {VALUE} >&2; exit 3", "ended with status 3"),
        (f"echo {VALUE}; exit 1", "ended with status 1"),
        ("true", "is empty"),
        (f"head -c {MAX_BYTES + 1} /dev/zero | tr '\\0' x", "is larger than"),
        ("yes", "is larger than"),
        (r"printf '\377\376'", "is not UTF-8"),
        ("kill -9 $$", "ended with status -9"),
    ],
)
def test_a_command_that_gives_no_key(tmp_path: Path, body: str, said: str) -> None:
    assert said in refused(script(tmp_path, body))


@pytest.mark.parametrize("body", ["sleep 60", "sleep 60 & echo x", "exec 1>&-; sleep 60"])
def test_a_command_that_hangs_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    pid, began = tmp_path / "pid", time.monotonic()
    for limit in (0.3, 3.0, 15.0):  # on a busy machine it may be killed before it has said who it is
        monkeypatch.setattr(backend, "TIMEOUT_S", limit)
        assert f"within {limit:g} s" in refused(script(tmp_path, f"echo $$ > {pid}; {body}"))
        if pid.exists() and pid.read_text():
            break
    assert time.monotonic() - began < 45
    group = int(pid.read_text())
    deadline = time.monotonic() + 60
    while _members(group) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _members(group)


def _members(group: int) -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # it ended between the listing and the reading
        if int(pgrp) == group and state != "Z":
            found.append(stat.parent.name)
    return found


@pytest.mark.parametrize("reference", ["", "read-key", "./read-key", VALUE, f"sh -c {VALUE}"])
def test_a_command_without_its_path_is_not_quoted(reference: str) -> None:
    assert "is not an absolute path" in refused(reference)


def test_what_cannot_be_started(tmp_path: Path) -> None:
    assert "cannot be started" in refused(f"{tmp_path}/missing --key {VALUE}")
    (tmp_path / "data").write_text("x")
    assert "cannot be started" in refused(f"{tmp_path}/data {VALUE}")
    assert "quotation mark" in refused(f"/bin/echo '{VALUE}")
    assert "cannot be started" in refused(f"/bin/echo \0{VALUE}")
