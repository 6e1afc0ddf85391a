"""``weir tenants``: the vendors, and which of them a policy restricts."""

from __future__ import annotations

import json
from pathlib import Path

from weir.tenants.vendors import load


def test_the_list(weir) -> None:
    done = weir("tenants")
    assert done.code == 0 and all(vendor in done.out for vendor in load())
    assert "vendors" in done.err
    hosts = {word for line in done.out.splitlines() for word in line.split()}
    assert {"*.chatgpt.com", "api.anthropic.com", "*.githubcopilot.com"} <= hosts, "no host is broken"


def test_what_a_policy_restricts(weir, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\ntenants: {microsoft-consumer: block}\n")
    made = json.loads(weir("tenants", "--policy", str(policy), "--format", "json").out)
    assert {row["id"] for row in made if row["restricted"]} == {"microsoft-consumer"}
    assert all(row["sources"] and row["headers"] and row["hosts"] for row in made)
    assert "yes" in weir("tenants", "--policy", str(policy)).out


def test_a_policy_with_mistakes(weir, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 2\n")
    for path in (policy, tmp_path / "none.yaml"):
        done = weir("tenants", "--policy", str(path))
        assert done.code == 1 and done.out == "" and done.err.count("\n") == 1
