"""``weir run``: what it refuses before it listens. That it runs is the end-to-end tests' matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.cli.run import default_policy


def test_the_default_policy_is_the_shipped_observe() -> None:
    assert default_policy().name == "observe.yaml"
    assert default_policy().is_file()


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000", ""])
def test_an_address_that_is_none(weir, tmp_path: Path, listen: str) -> None:
    done = weir("run", "--listen", listen, "--data", tmp_path / "data")
    assert (done.code, done.out) == (2, "")
    assert "write HOST:PORT" in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--policy", "{tmp}/none.yaml"], "none.yaml"),
        (["--policy", "{tmp}/bad.yaml"], "bad.yaml:1"),
        (["--resolve", "nonsense"], "nonsense"),
        (["--data", "{tmp}/bad.yaml"], "is not a directory"),
    ],
)
def test_what_it_cannot_start_with(process, tmp_path: Path, options: list[str], message: str) -> None:
    (tmp_path / "bad.yaml").write_text("version: 2\n")
    base = [] if "--data" in options else ["--data", tmp_path / "data"]
    done = process("run", "--listen", "127.0.0.1:0", *base, *(item.replace("{tmp}", str(tmp_path)) for item in options))
    assert done.returncode == 2
    assert done.stdout == b""
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_the_key_log_variable_is_not_obeyed(process, tmp_path: Path) -> None:
    done = process(
        "run", "--listen", "127.0.0.1:0", "--policy", tmp_path / "none.yaml", "--data", tmp_path / "data",
        SSLKEYLOGFILE=str(tmp_path / "keys.log"),
    )  # fmt: skip
    assert b"SSLKEYLOGFILE is ignored" in done.stderr
    assert not (tmp_path / "keys.log").exists()
