"""``weir budgets``: what is spent, held and left of every budget."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weir.datadir import DataDir
from weir.limits.budget import Claim
from weir.limits.ledger import Actual, Ledger
from weir.limits.plan import plan_of
from weir.model import Principal
from weir.settings import load

POLICY = """version: 1
budgets:
  - {usd: 10000, per: month}
  - {scope: user, usd: 0.5, per: day, warn_at: 50%}
teams:
  finance: {budget: {tokens: 1000000, per: hour, models: ["gpt-5*"]}}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def data(tmp_path: Path, policy: Path) -> Path:
    """A data directory in which two users have spent something and one request is on its way."""
    folder = DataDir(tmp_path / "data").path
    plan = plan_of(load(policy), folder / "limits.db")
    ledger = Ledger.open(plan.ledger, plan.budgets)
    for user in ("jane", ""):
        claim = Claim(f"c-{user}", Principal(user=user), "openai", "gpt-5", 5000, 300_000_000)
        ledger.reserve(claim)
        ledger.settle(claim.id, Actual(3000, 270_000_000))
    ledger.reserve(Claim("c", Principal(user="jane"), "openai", "gpt-5", 5000, 90_000_000))
    ledger.close()
    return folder


def test_people_read_it_in_a_terminal(weir, policy: Path, data: Path) -> None:
    done = weir("budgets", "--policy", policy, "--data", data)
    assert done.code == 0 and all(len(line) <= 80 for line in done.out.splitlines()), done.out
    rows = [" ".join(line.split()) for line in done.out.splitlines()[2:]]
    assert rows[0].startswith("org all $10,000/month $0.54 0% $0.09 $9,999.37 20")
    assert rows[1].startswith("no user all $0.50/day $0.27 54%! $0 $0.23 20")
    assert rows[2].startswith("user jane all $0.50/day $0.27 54%! $0.09 $0.14 20")
    assert "1,000,000" in done.out and "gpt-5*" in done.out and "warned" in done.err


def test_programs_read_integers(weir, policy: Path, data: Path) -> None:
    told = json.loads(weir("budgets", "--policy", policy, "--data", data, "--format", "json").out)
    org, nobody, jane, finance = told["budgets"]
    assert (jane["scope"], jane["name"], jane["unit"], jane["per"]) == ("user", "jane", "nano_usd", "day")
    assert (jane["amount"], jane["spent"], jane["held"], jane["left"], jane["percent"], jane["warned"]) == (
        500_000_000, 270_000_000, 90_000_000, 140_000_000, 54, True,
    )  # fmt: skip
    assert jane["resets_at"].endswith("T00:00:00.000Z") and nobody["name"] == "" and org["models"] == []
    assert (finance["name"], finance["spent"], finance["left"]) == ("finance", 0, 1_000_000), "nobody has drawn on it"


def test_looking_makes_no_store(weir, policy: Path, tmp_path: Path) -> None:
    folder = DataDir(tmp_path / "fresh").path
    done = weir("budgets", "--policy", policy, "--data", folder, "--format", "json")
    assert [one["spent"] for one in json.loads(done.out)["budgets"]] == [0, 0]
    assert not (folder / "limits.db").exists()


def test_a_policy_without_budgets(weir, data: Path, tmp_path: Path) -> None:
    (tmp_path / "none.yaml").write_text("version: 1\n")
    done = weir("budgets", "--policy", tmp_path / "none.yaml", "--data", data)
    assert (done.code, done.out) == (
        0,
        "",
    ) and "none.yaml has no budgets; one is a line such as  budgets: [{usd" in done.err


def test_what_went_over_a_budget_leaves_nothing(weir, policy: Path, data: Path) -> None:
    ledger = Ledger.open(data / "limits.db", plan_of(load(policy), data / "limits.db").budgets)
    claim = Claim("over", Principal(user="bob"), "openai", "gpt-5", 1, 400_000_000)
    ledger.reserve(claim)
    ledger.settle(claim.id, Actual(1, 500_400_000))
    ledger.close()
    done = weir("budgets", "--policy", policy, "--data", data)
    (row,) = [" ".join(line.split()) for line in done.out.splitlines() if line.startswith("user bob")]
    assert row.startswith("user bob all $0.50/day $0.5004 100%! $0 $0 20")
    told = json.loads(weir("budgets", "--policy", policy, "--data", data, "--format", "json").out)
    assert [one["left"] for one in told["budgets"] if one["name"] == "bob"] == [-400_000]


@pytest.mark.parametrize("break_it", ["store", "reference", "folder"])
def test_what_cannot_be_read_is_an_error(weir, policy: Path, data: Path, break_it: str, tmp_path: Path) -> None:
    code, folder = 1, data
    if break_it == "store":
        for path in data.glob("limits.db*"):
            path.unlink()
        (data / "limits.db").write_bytes(b"this is no database " * 100)
    elif break_it == "reference":
        policy.write_text(POLICY + 'stores: {budgets: "env:WEIR_TEST_UNSET"}\n')
    else:
        code, folder = 2, tmp_path / "nowhere"
    done = weir("budgets", "--policy", policy, "--data", folder)
    assert (done.code, done.out) == (code, "") and done.err.startswith("weir budgets: ")
    assert len(done.err.splitlines()) == 1
    if break_it == "folder":
        assert "is not there yet: weir run makes it" in done.err


def test_a_server_that_does_not_answer_is_named_by_its_key(
    weir, policy: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy.write_text(POLICY + 'stores: {budgets: "env:WEIR_TEST_LEDGER", timeout_ms: 300}\n')
    monkeypatch.setenv("WEIR_TEST_LEDGER", "postgresql://127.0.0.1:1/weir")
    done = weir("budgets", "--policy", policy, "--data", data)
    assert done.code == 1 and done.err.endswith("; see that the server of stores.budgets answers\n")
