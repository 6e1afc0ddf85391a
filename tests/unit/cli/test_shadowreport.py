"""``weir report shadow-ai``: the whole report in each of its forms, on a real store."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest


def test_json_is_the_whole_report(weir, store: Path) -> None:
    done = weir("report", "shadow-ai", "--data", store, "--format", "json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    services = {one["id"]: one for one in told["services"]}
    assert (services["deepseek"]["status"], services["deepseek"]["bytes_up"]) == ("unsanctioned", 2048)
    assert services["openai"]["findings"] == 1
    assert told["credentials"][0]["users"] == ["bob"]
    assert "\u202e" not in done.out and "\x9b" not in done.out


def test_csv_is_its_services(weir, store: Path, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(weir("report", "shadow-ai", "--data", store, "--format", "csv").out)))
    assert [(row["service"], row["status"], row["bytes_up"]) for row in rows] == [
        ("openai", "sanctioned", "0"), ("deepseek", "unsanctioned", "2048"),
    ]  # fmt: skip


@pytest.mark.parametrize(("format", "begins"), [("html", "<!doctype html>"), ("json", "{"), ("csv", "service,hosts")])
def test_a_file(weir, store: Path, tmp_path: Path, format: str, begins: str) -> None:
    target = tmp_path / "report"
    done = weir("report", "shadow-ai", "--data", store, "--format", format, "--out", target)
    assert (done.code, done.out) == (0, "")
    assert target.read_text("utf-8").lower().startswith(begins)
    assert weir("report", "shadow-ai", "--data", store, "--format", format, "--out", tmp_path / "no" / "x").code == 1


def test_a_policy_judges(weir, store: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nmode: observe\nservices: {tolerated: [deepseek], otherwise: unsanctioned}\n")
    done = weir("report", "shadow-ai", "--data", store, "--format", "json", "--policy", policy)
    told = {one["id"]: one["status"] for one in json.loads(done.out)["services"]}
    assert told == {"openai": "unsanctioned", "deepseek": "tolerated"}


def test_an_empty_store_says_what_to_do(weir, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    done = weir("report", "shadow-ai", "--data", tmp_path / "data")
    assert (done.code, done.out) == (0, "")
    assert "no AI service was seen yet" in done.err and "weir discover FILE" in done.err
    asked = weir("report", "shadow-ai", "--data", tmp_path / "data", "--since", "2999-01-01", "--format", "json")
    assert json.loads(asked.out)["services"] == [] and "since 2999-01-01" in asked.err
