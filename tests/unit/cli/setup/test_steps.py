"""The lines to type: shells take them, and they name every variable that clients look at."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from weir.cli.setup import steps
from weir.tls.trust import ADDING, PROXY, REPLACING

SITE, WEIR = "http://setup.example:8090", "http://weir.example:8080"


def test_a_shell_has_all_the_variables_of_weir_env(tmp_path: Path) -> None:
    script = steps.variables(WEIR) + "\nenv -0"
    done = subprocess.run(
        ["sh", "-euc", script], env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, capture_output=True
    )
    got = dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if "=" in line)
    assert {got[name] for name in PROXY} == {WEIR}
    assert {got[name] for name in REPLACING} == {f"{tmp_path}/.weir/weir-roots.pem"}
    assert {got[name] for name in ADDING} == {f"{tmp_path}/.weir/weir-ca.pem"}


def test_powershell_names_each_once() -> None:
    lines = steps.variables(WEIR, windows=True).splitlines()
    names = [line.partition(" = ")[0].lower() for line in lines]
    assert len(set(names)) == len(names)
    assert '$env:SSL_CERT_FILE = "$HOME\\.weir\\weir-roots.pem"' in lines


@pytest.mark.parametrize(
    "part", [*steps.systems(SITE, WEIR, "about browsers:"), *steps.tools(SITE, WEIR)], ids=lambda p: p[0]
)
def test_each_part_says_something_a_shell_can_read(part: steps.Part, tmp_path: Path) -> None:
    title, found = part
    assert title and found and all(step.say or step.type for step in found)
    if title == "Windows":
        return
    for step in found:
        shlex.split(step.type)
        done = subprocess.run(["sh", "-n"], input=step.type.encode(), capture_output=True)
        assert done.returncode == 0, (step.type, done.stderr)


def test_the_fingerprint_is_compared_before_anything_is_trusted() -> None:
    linux = next(found for title, found in steps.systems(SITE, WEIR, "") if title == "Linux")
    typed = "\n".join(step.type for step in linux)
    assert typed.index("-fingerprint -sha256") < typed.index("update-ca-certificates")
    assert "issuer" in steps.proof(SITE).type
