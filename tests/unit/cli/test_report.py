"""``weir report``: each report on a real store, in each format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from weir.reports import REPORTS


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_a_report_fits_80_columns(weir, store: Path, name: str) -> None:
    done = weir("report", name, "--data", store)
    assert done.code == 0
    lines = done.out.splitlines()
    assert len(lines) >= 3
    assert all(len(line) <= 80 for line in lines)
    assert not any(line.startswith("-- ") for line in lines), "a table was expected, not a list"


def test_spend(weir, store: Path) -> None:
    done = weir("report", "spend", "--by", "model", "--data", store, "--format", "json")
    assert (done.code, done.err) == (0, "")
    (row,) = json.loads(done.out)["rows"]
    assert (row["model"], row["input_tokens"], row["output_tokens"], row["cost_usd"]) == ("gpt-5", 1000, 200, 0.00325)


def test_spend_by_day(weir, store: Path) -> None:
    rows = json.loads(weir("report", "spend", "--by", "day", "--data", store, "--format", "json").out)["rows"]
    assert [row["cost_usd"] for row in rows] == [0.00325]
    assert (rows[0]["unpriced_tokens"], rows[0]["estimated_pct"], rows[0]["uncounted"]) == (0, 0.0, 0)


def test_spend_as_focus(weir, store: Path) -> None:
    from weir.reports.focus_columns import COLUMNS, violations
    from weir.reports.table import Table

    done = weir("report", "spend", "--data", store, "--format", "focus")
    assert (done.code, done.err) == (0, "")
    head, *rows = csv.reader(io.StringIO(done.out))
    made = Table("", tuple(head), tuple(tuple(cell or None for cell in row) for row in rows))
    assert violations(made) == []
    assert [row[head.index("EffectiveCost")] for row in rows] == ["0.00325"]
    assert len(head) == len(COLUMNS)


def test_findings(weir, store: Path) -> None:
    done = weir("report", "findings", "--data", store, "--format", "csv")
    assert done.out.splitlines()[1].startswith("aws-access-key,")


def test_credentials_of_one_kind(weir, store: Path) -> None:
    asked = ("report", "credentials", "--data", store, "--format", "json", "--kind")
    (row,) = json.loads(weir(*asked, "personal").out)["rows"]
    assert (row["provider"], row["users"], row["done"], row["fingerprint"]) == (
        "deepseek", ["bob"], ["alert"], "0123456789ab",
    )  # fmt: skip
    assert json.loads(weir(*asked, "admin").out)["rows"] == []


def test_since(weir, store: Path) -> None:
    for since, count in (("1h", 1), ("2020-01-01", 1), ("1m", 0)):
        done = weir("report", "findings", "--since", since, "--data", store, "--format", "json")
        assert len(json.loads(done.out)["rows"]) == count, since


def test_nothing_to_report_is_said_on_stderr(weir, store: Path) -> None:
    done = weir("report", "findings", "--since", "2999-01-01", "--data", store)
    assert (done.code, done.out) == (0, "")
    assert "nothing" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "there are credentials, findings, shadow-ai, spend"),
        (["spend", "--by", "shoe-size"], "goes by team"),
        (["findings", "--by", "team"], "has no --by"),
        (["spend", "--since", "yore"], "--since"),
        (["findings", "--format", "focus"], "no --format focus"),
        (["findings", "--kind", "personal"], "has no --kind"),
        (["findings", "--format", "html"], "has no --format html; shadow-ai has"),
        (["spend", "--policy", "x.yaml"], "has no --policy"),
        (["spend", "--out", "x"], "has no --out"),
        (["shadow-ai", "--policy", "nowhere.yaml"], "nowhere.yaml is not a file"),
        (["shadow-ai", "--format", "table", "--out", "x"], "--out takes json, csv or html"),
        (["credentials", "--kind", "mine"], "knows the kinds api, project, personal"),
    ],
)
def test_wrong_usage(weir, store: Path, arguments: list[str], message: str) -> None:
    done = weir("report", *arguments, "--data", store)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_asking_makes_no_data_directory(weir, tmp_path: Path) -> None:
    assert weir("report", "spend", "--data", tmp_path / "typo").code == 1
    assert not (tmp_path / "typo").exists()
