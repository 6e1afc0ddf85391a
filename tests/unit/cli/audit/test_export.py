"""``weir audit export`` as its users call it; the receivers are in tests/e2e/audit/test_export.py."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from harness.receivers import Splunk, free_port, papers
from unit.cli.conftest import Weir, records
from weir.audit.exports import work
from weir.audit.exports.stored import Stored
from weir.audit.spool.writer import Spool
from weir.cli.audit.export import COMMAND

VALUE = "synthetic-" + "hec-token"


@pytest.fixture
def spooled(tmp_path: Path) -> Path:
    """A data directory with four records in its spool, and no store yet."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    spool = Spool(data / "spool", "weir-test", "boot1")
    spool.start()
    for record in records():
        spool.put(record)
    assert spool.close(60)
    return data


def test_files_go_on_where_they_were(weir: Weir, spooled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    told = []
    for _ in range(2):
        done = weir("audit", "export", "--format", "jsonl", "--to", f"file:{out}", "--data", spooled)
        assert done.code == 0 and not done.out
        told.append(done.err.strip())
    assert told == [f"weir {COMMAND}: {count} rows to file {out}" for count in (4, 0)]
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["kind"] for row in rows] == ["request", "response", "block", "response"]
    assert rows[2]["findings"][0]["detector"] == "aws-access-key" and [row["seq"] for row in rows] == [1, 2, 3, 4]


def test_stdout_is_only_data(process: Callable[..., Any], spooled: Path) -> None:
    done = process("audit", "export", "--format", "cef", "--data", spooled)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 4 and b"4 rows to stdout" in done.stderr
    assert not (spooled / "exports").exists()  # nothing is remembered of a look


def test_focus_is_a_table(weir: Weir, store: Path, tmp_path: Path) -> None:
    done = weir("audit", "export", "--format", "focus", "--data", store)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert done.code == 0 and "0.00325" in {row["EffectiveCost"] for row in rows}
    out = tmp_path / "focus.csv"
    assert weir("audit", "export", "--format", "focus", "--to", f"file:{out}", "--data", store).code == 0
    assert out.read_bytes() == done.out.encode()
    assert weir("audit", "export", "--format", "focus", "--since", "now", "--data", store).out.count("\n") <= 1


def test_a_collector_with_a_token_that_shows_nowhere(
    weir: Weir, spooled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "PAUSE_S_MAX", 0.01)
    shown = papers(tmp_path / "papers")
    given = tmp_path / "token"
    given.write_text(VALUE)
    given.chmod(0o600)
    with Splunk(shown, token=VALUE, lost=1, poison=lambda event: event.get("kind") == "block") as splunk:
        done = weir(
            "audit", "export", "--format", "jsonl", "--to", f"splunk+https://localhost:{splunk.port}",
            "--token", f"file:{given}", "--ca", shown.ca, "--cursor", "siem", "--data", spooled,
        )  # fmt: skip
    assert done.code == 0, done.err
    assert {item["event"]["seq"] for item in splunk.indexed} == {1, 2, 4}
    assert "1 refusal kept apart" in done.err and "Invalid data format" in done.err
    kept = json.loads((spooled / "exports" / "siem.refused.jsonl").read_text())
    assert (kept["seq"], kept["row"]["kind"]) == (3, "block")
    everything = done.out + done.err + "".join(path.read_text() for path in (spooled / "exports").iterdir())
    assert VALUE not in everything


def test_a_receiver_that_is_down_leaves_the_cursor(weir: Weir, spooled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "PAUSE_S_MAX", 0.01)
    to = f"syslog+tcp://127.0.0.1:{free_port()}"
    done = weir("audit", "export", "--format", "cef", "--to", to, "--cursor", "siem", "--data", spooled)
    assert done.code == 1 and "nothing is lost" in done.err and len(done.err.splitlines()) == 3
    assert json.loads((spooled / "exports" / "siem.json").read_text())["taken"] == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "jsonl", "--to", "nowhere"], "--to: write -, file:PATH"),
        (["--format", "jsonl", "--since", "tuesday"], "--since: 'tuesday' is no time"),
        (["--format", "otlp"], "otlp+https://"),
        (["--format", "cef", "--only", "traces"], "--only is for"),
        (["--format", "focus", "--follow"], "one table"),
        (["--format", "jsonl", "--to", "splunk+https://a"], "--token env:NAME"),
        (["--format", "jsonl", "--to", "https://a", "--token", VALUE], "--token: the secret is not a reference"),
        (["--format", "cef", "--to", "syslog+tls://a", "--ca", "/no/such.pem"], "No such file"),
    ],
)
def test_mistakes(weir: Weir, spooled: Path, arguments: list[str], said: str) -> None:
    done = weir("audit", "export", *arguments, "--data", spooled)
    assert done.code == 2 and said in done.err and VALUE not in done.err and not done.out


def test_cursors_that_cannot_be_used(weir: Weir, spooled: Path, tmp_path: Path) -> None:
    out = ["audit", "export", "--to", f"file:{tmp_path}/out", "--data", spooled, "--cursor", "siem"]
    assert weir(*out, "--format", "jsonl").code == 0
    done = weir(*out, "--format", "cef")
    assert done.code == 1 and "is the cursor of jsonl to file" in done.err
    assert "goes on where it is" in weir(*out, "--format", "jsonl", "--since", "7d").err
    (spooled / "exports" / "siem.json").write_text("{")
    assert "delete it to send everything again" in weir(*out, "--format", "jsonl").err
    assert weir(*out[:-1], "a b", "--format", "jsonl").code == 1
    assert weir("audit", "export", "--format", "jsonl", "--data", tmp_path / "none").code == 1


def test_a_store_in_trouble_stops_a_single_run_and_no_follower(
    weir: Weir, spooled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(stored: Stored, since: int = 0) -> None:
        raise duckdb.IOException("its file is damaged")

    monkeypatch.setattr(Stored, "chains", broken)
    out = tmp_path / "out"
    arguments = ["audit", "export", "--format", "cef", "--to", f"file:{out}", "--data", spooled]
    assert weir(*arguments).code == 1 and not out.exists()
    step = work.Export.step
    monkeypatch.setattr(work.Export, "step", lambda export: (step(export), os.kill(os.getpid(), signal.SIGTERM))[0])
    done = weir(*arguments, "--follow")
    assert done.code == 0 and "left for the next start" in done.err and len(out.read_bytes().splitlines()) == 4
