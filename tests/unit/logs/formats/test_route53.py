"""Route 53 Resolver: what its objects come to."""

from __future__ import annotations

import json

from tests.harness.logs.reading import lines

RECORD = {"query_timestamp": "2026-11-16T10:00:00Z", "query_name": "Claude.ai.", "srcaddr": "10.0.0.1"}


def test_a_query() -> None:
    (use,) = lines(
        "route53", json.dumps(RECORD | {"srcids": {"instance": "i-07"}, "firewall_rule_action": "BLOCK"})
    ).uses
    assert (use.host, use.device, use.source, use.action) == ("claude.ai", "i-07", "10.0.0.1", "blocked")
    assert (use.first, use.bytes_up, use.user) == (1_794_823_200_000_000, None, "")


def test_an_alert_and_no_rule_let_pass_and_a_name_missing_is_bad() -> None:
    nameless = {name: value for name, value in RECORD.items() if name != "query_name"}
    texts = [json.dumps(RECORD | {"firewall_rule_action": "ALERT"}), json.dumps(RECORD), json.dumps(nameless), "{}"]
    got = lines("route53", *texts)
    assert [(use.action, use.requests) for use in got.uses] == [("allowed", 2)]
    assert dict(got.bad) == {"no destination": 1, "no JSON object of the query log": 1}
