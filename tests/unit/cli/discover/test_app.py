"""``weir discover``: logs in, services out; what can't be read is told and never ends it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from weir.cli.app import start

LINE = "1767355200.500 12 10.0.0.1 TCP_TUNNEL/200 900 CONNECT {}:443 {} HIER_DIRECT/1.2.3.4 -\n"
LOG = (
    LINE.format("chatgpt.com", "ann") + LINE.format("chatgpt.com", "-") + LINE.format("bank.example", "bob") + "junk\n"
)


@pytest.fixture
def log(tmp_path: Path) -> str:
    (tmp_path / "a.log").write_text(LOG)
    return str(tmp_path / "a.log")


def test_a_table_of_80_columns_and_what_was_wrong(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(["discover", log]) == 0
    out, err = capsys.readouterr()
    assert "ChatGPT" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "bank.example" not in out + err
    assert "1 of 4 lines could not be read" in err
    assert "1: fewer than 8 fields (line 4)" in err
    assert "1 AI service in 2 requests; 1 request to 1 other host" in err
    assert "junk" not in err


def test_json(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(["discover", log, "--json", "--format", "squid", log + ".no"]) == 1
    told = json.loads(capsys.readouterr().out)
    (service,) = told["services"]
    assert (service["service"], service["users"], service["requests"], service["unidentified"]) == (
        "chatgpt",
        ["ann"],
        2,
        1,
    )
    assert (service["bytes_up"], service["bytes_down"], service["first"]) == (None, 1_800, "2026-01-02T12:00:00.500Z")
    assert told["files"][0]["bad"] == [{"why": "fewer than 8 fields", "count": 1, "lines": [4]}]
    assert told["unread"] == [{"file": log + ".no", "why": "cannot be read (no such file or directory)"}]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LOG.encode())))
    assert start(["discover", "-"]) == 0
    assert "ChatGPT" in capsys.readouterr().out


def test_since_leaves_older_lines_out(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(["discover", log, "--json", "--since", "2026-01-03"]) == 0
    assert json.loads(capsys.readouterr().out)["services"] == []


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_text("user,host\n\x1b]0;owned\x07=1+1,chatgpt.com\nx,chatgpt\x1b[2J.com\n")
    assert start(["discover", str(tmp_path / "a"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\\u001b" not in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "name a log"),
        (["{log}", "--format", "nope"], 2, "there is no format 'nope'; there are auto, "),
        (["{log}", "--column", "nope=x"], 2, "WHAT is ts, url, host"),
        (["{log}", "--column", "host"], 2, "write WHAT=NAME"),
        (["{log}", "--column", "host=x", "--format", "squid"], 2, "--column is for"),
        (["{log}", "--since", "soon"], 2, "--since: "),
        (["{log}", "--since", "7d", "--data", "."], 2, "use one of them"),
        (["{log}", "--data", "/nonexistent"], 1, "is no data directory"),
        (["/nonexistent"], 1, "cannot be read"),
        (["{junk}"], 2, "name it with --format"),
        (["{junk}", "--format", "squid"], 1, "1 of 1 line could not be read"),
    ],
)
def test_exit_codes(
    log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "junk").write_text("junk\n")
    given = [each.format(log=log, junk=tmp_path / "junk") for each in arguments]
    assert start(["discover", *given]) == code
    assert said in capsys.readouterr().err


def test_formats_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert start(["discover", "--format", "all"]) == 0
    assert "Squid access.log" in capsys.readouterr().out


def test_host_names(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "names").write_text("chatgpt.com\n")
    assert start(["discover", "--hosts", str(tmp_path / "names")]) == 0
    assert json.loads(capfdbinary.readouterr().out)["service"] == "chatgpt"


def test_what_is_found_lands_in_the_audit_once(log: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    assert start(["discover", log, "--data", str(tmp_path / "data")]) == 0
    assert "2 rows in the audit" in capsys.readouterr().err
    assert start(["discover", log, "--data", str(tmp_path / "data")]) == 0
    assert "the audit has it since" in capsys.readouterr().err
