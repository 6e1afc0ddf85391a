"""The command lines of workers, and who may be restarted."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import typer

from weir.cli import main
from weir.cli.app import app
from weir.cli.fleet import worker_command


def test_a_worker_gets_every_option_but_the_parents() -> None:
    run = typer.main.get_command(app).commands["run"]  # type: ignore[attr-defined]
    with run.make_context(
        "run", ["--workers", "3", "--mode", "regular", "--mode", "socks5@1080", "--drain-s", "2", "--ready-file", "r"]
    ) as context:
        made = worker_command(context)
    assert made[1:4] == ["-m", "weir.cli", "run"]
    options = made[4:]
    assert [options[at + 1] for at, word in enumerate(options) if word == "--mode"] == ["regular", "socks5@1080"]
    assert options[options.index("--drain-s") + 1] == "2.0" and options[options.index("--data") + 1] == "data"
    assert not {"--workers", "--ready-file", "--seat", "--policy"} & set(options)


def told(data: Path, **more: object) -> None:
    (data / "run").mkdir(parents=True, exist_ok=True)
    said = {"listen": [["127.0.0.1", 8080]], "pid": os.getpid(), **more}
    (data / "run" / "weir.json").write_text(json.dumps(said))


def test_only_a_fleet_is_restarted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["restart", "--data", str(tmp_path)]) == 1
    assert "no weir runs" in capsys.readouterr().err
    told(tmp_path)
    assert main(["restart", "--data", str(tmp_path)]) == 1
    assert "this weir is one process" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("then", "code", "says"),
    [({"done": 1, "given_up": 0}, 0, "2 workers are new"), ({"done": 0, "given_up": 1}, 1, "the old ones go on")],
)
def test_it_waits_for_what_comes_of_it(
    then: dict[str, int], code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workers = [{"number": 1, "pid": 11}, {"number": 2, "pid": 12}]
    told(tmp_path, workers=workers, restarts={"done": 0, "given_up": 0})
    before = signal.signal(signal.SIGUSR2, lambda *_: told(tmp_path, workers=workers, restarts=then))
    try:
        assert main(["restart", "--data", str(tmp_path), "--timeout-s", "20"]) == code
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert says in capsys.readouterr().err


def test_a_mode_for_one_process_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--workers", "2", "--mode", "wireguard", "--data", str(tmp_path / "d")]) == 2
    assert "for one process alone" in capsys.readouterr().err and not (tmp_path / "d").exists()
