"""``weir audit verify``: what is whole is said to be, and what was taken away is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_verify_of_a_whole_audit(weir, store: Path) -> None:
    done = weir("audit", "verify", "--data", store)
    assert done.code == 0 and done.err.startswith("NOTHING IS SIGNED")
    assert done.out == "4 rows in 1 chain: every link holds, and the store has the same rows by their hashes " + (
        "(--store holds each column against them)\n"
    )
    told = json.loads(weir("audit", "verify", "--data", store, "--format", "json").out)
    assert (told["ok"], told["rows"], told["chains"], told["problem_count"], told["problems"]) == (True, 4, 1, 0, [])
    assert (told["key"], told["checkpoints"], told["proved"]) == ("", 0, 0)


def test_verify_names_what_was_taken_away(weir, store: Path) -> None:
    (path,) = (store / "spool").glob("*.jsonl")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    done = weir("audit", "verify", "--data", store)
    assert done.code == 1
    assert done.out == "weir-test-boot1: seq 3 to 4: the store has these rows, the spool does not\n"
    assert "2 rows in 1 chain: 1 problem" in done.err and "→ find out who cut it" in done.err
    told = json.loads(weir("audit", "verify", "--data", store, "--format", "json").out)
    assert (told["ok"], told["problem_count"]) == (False, 1)
    assert {name: told["problems"][0][name] for name in ("chain", "seq", "seq_last")} == {
        "chain": "weir-test-boot1",
        "seq": 3,
        "seq_last": 4,
    }


def test_verify_shows_so_many_and_counts_all(weir, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.cli.audit.verify.PROBLEMS_MAX", 2)
    (path,) = (store / "spool").glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"service":', b'"servitude":'))
    done = weir("audit", "verify", "--data", store)
    assert (done.code, done.out.count("\n")) == (1, 2)
    assert "4 problems, the first 2 of them shown" in done.err


def test_verify_of_an_empty_directory(weir, tmp_path: Path) -> None:
    done = weir("audit", "verify", "--data", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert "neither a spool nor a store" in done.err
    assert list(tmp_path.iterdir()) == []
