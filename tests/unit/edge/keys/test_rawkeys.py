"""Raw credentials in the chain: noted always, judged by their kind, replaced only for whom the company knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy import http

from harness.rig import REAL_KEY, Rig, chat
from weir.audit.record import AuditRecord
from weir.keys.company import single
from weir.model import Secret

PROJECT = "sk-" + "proj-" + "a1B2c3D4" * 6
PERSONAL = "sk-" + "a1B2c3D4e5" * 2 + "T3Blbk" + "FJ" + "a1B2c3D4e5" * 2
ADMIN = "sk-" + "admin-" + "a1B2c3D4" * 6
CLAUDE = "sk-ant-" + "api03-" + "a1B2c3D4" * 6
NETWORKS = {"networks": [{"cidr": "10.1.0.0/16", "user": "ada", "team": "finance"}]}
KEYS = {"openai": {"secret": "env:OPENAI_API_KEY"}}
REPLACE = {"credentials": {"kinds": {"personal": "replace", "admin": "block"}}, "keys": KEYS}


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in more.items()}}


def play(rig: Rig, headers: dict[str, str], **more: Any) -> tuple[Any, AuditRecord]:
    flow = rig.flow(chat(), **{"headers": headers, **more})
    rig.play(flow, "requestheaders", "request")
    return flow, rig.records[-1]


def test_kind_and_fingerprint_are_recorded(rig: Rig) -> None:
    _, record = play(rig, bearer(PERSONAL))
    assert (record.credential, record.credential_kind, len(record.api_key_fp)) == ("raw", "personal", 32)
    assert "credential" not in record.extra and PERSONAL not in str(record)


def test_every_one_of_a_request_is_recorded(rig: Rig) -> None:
    _, record = play(rig, bearer(PROJECT, api_key=ADMIN, x_api_key=CLAUDE))
    assert record.credential_kind == "project"
    kinds = [one.split(":")[::2] for one in json.loads(record.extra)["credentials"].split()]
    assert kinds == [["admin"], ["api", "anthropic"]]


def test_one_beside_a_virtual_key_counts(rig: Rig) -> None:
    _, key = rig.state.virtual_keys.create(app="a", team="finance")
    _, record = play(rig, bearer(key, x_api_key=ADMIN))
    assert (record.credential, record.credential_kind) == ("raw", "admin") and record.team == "finance"


def test_on_a_host_in_no_catalogue(rig: Rig) -> None:
    """A key of OpenAI's that goes to somebody else: a look-alike host, or a gateway nobody knows of."""
    _, record = play(rig, bearer(PROJECT), host="inference.lab.example")
    assert (record.credential, record.credential_kind) == ("raw", "project")
    assert json.loads(record.extra)["credential_of"] == "openai"


def test_what_is_not_ai_is_nobodys_business(rig: Rig) -> None:
    flow = rig.flow(b"", host="www.news.example", path="/", method="GET", headers=bearer(PROJECT))
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.raw == () and trace.credential == "none"


def test_the_sign_in_of_a_web_app(rig: Rig) -> None:
    cookie = {"cookie": "theme=dark; __Secure-next-auth.session-token.0=abc; __Secure-next-auth.session-token.1=def"}
    flow = rig.flow(b"", host="chatgpt.com", path="/", method="GET", headers=cookie)
    trace = rig.play(flow, "requestheaders", "request")
    assert (trace.credential, trace.key_kind) == ("session", "session")


def test_a_kind_that_policy_blocks(make_rig: Callable[..., Rig]) -> None:
    flow, record = play(make_rig(**REPLACE), bearer(PROJECT, api_key=ADMIN))
    assert flow.response.status_code == 403 and "kind: admin" in flow.response.text
    assert (record.kind, record.rule_id, record.action) == ("block", "credential", "block")
    assert ADMIN not in flow.response.text and record.api_key_fp


def test_observing_changes_nothing(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(**REPLACE, identity=NETWORKS, mode="observe")
    flow, record = play(rig, bearer(ADMIN))
    assert flow.response is None and (record.verdict, record.action) == ("block", "allow")
    flow, record = play(rig, bearer(PERSONAL))
    assert flow.request.headers["authorization"] == f"Bearer {PERSONAL}" and record.verdict == "alert"
    assert "credential_replaced" not in record.extra


def test_the_companys_key_in_place_of_a_personal_one(make_rig: Callable[..., Rig]) -> None:
    flow, record = play(make_rig(**REPLACE, identity=NETWORKS), bearer(PERSONAL))
    assert flow.response is None and flow.request.headers["authorization"] == f"Bearer {REAL_KEY}"
    assert PERSONAL not in str(flow.request.headers.fields)
    assert (record.credential, record.credential_kind, record.rule_id) == ("raw", "personal", "credential")
    assert record.managed_key and json.loads(record.extra)["credential_replaced"] == record.api_key_fp


NOT_REPLACED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nobody is known": ({}, {}),
    "not strongly enough": ({"identity": {**NETWORKS, "strength": 2}}, {}),
    "another operation": ({"identity": NETWORKS}, {"path": "/v1/organization/users", "method": "GET"}),
    "two hosts": ({"identity": NETWORKS}, {"headers": {**bearer(PERSONAL), "host": "evil.example"}}),
    "another place": ({"identity": NETWORKS}, {"headers": {"api-key": PERSONAL}}),
    "also in another place": ({"identity": NETWORKS}, {"headers": bearer(PERSONAL, api_key=PERSONAL)}),
    "a service without a key": (
        {"identity": NETWORKS},
        {"host": "api.groq.com", "path": "/openai/v1/chat/completions", "headers": bearer(PERSONAL)},
    ),
}


@pytest.mark.parametrize("why", NOT_REPLACED)
def test_where_the_companys_key_may_not_go(why: str, make_rig: Callable[..., Rig]) -> None:
    sections, request = NOT_REPLACED[why]
    flow, record = play(make_rig(**REPLACE, **sections), **{"headers": bearer(PERSONAL), **request})
    assert flow.response is not None and record.action == "block" and not record.managed_key
    assert REAL_KEY not in str(flow.request.headers.fields)


def test_only_the_one_that_policy_means_is_replaced(make_rig: Callable[..., Rig]) -> None:
    policy = {"credentials": {"kinds": {"admin": "allow", "personal": "replace"}}, "keys": KEYS, "identity": NETWORKS}
    flow, _ = play(make_rig(**policy), bearer(PERSONAL, api_key=ADMIN))
    assert flow.request.headers["authorization"] == f"Bearer {REAL_KEY}" and flow.request.headers["api-key"] == ADMIN


def test_a_caller_whom_the_policy_keeps_out_gets_no_key(make_rig: Callable[..., Rig]) -> None:
    teams = {"finance": {"models": ["claude-*"]}}
    flow, record = play(make_rig(**REPLACE, identity=NETWORKS, teams=teams), bearer(PERSONAL))
    assert flow.response is not None and record.rule_id == "team-models" and not record.managed_key


def test_a_key_that_was_to_be_replaced_stays_here_when_that_fails(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no key goes in")

    monkeypatch.setattr("weir.keys.addon.give", broken)
    flow, _ = play(make_rig(**REPLACE, identity=NETWORKS, on_failure="allow"), bearer(PERSONAL))
    assert flow.response.status_code == 503


def test_a_key_that_a_companys_services_share(rig: Rig) -> None:
    _, record = play(rig, bearer("AI" + "za" + "a1B2c" * 7))
    assert json.loads(record.extra)["credential_of"] == "google-gemini"


def test_on_a_host_that_its_reply_gives_away(rig: Rig) -> None:
    flow = rig.flow(b'{"q":"hello"}', host="tool.example", path="/v1/chat/completions", headers={"x-key": PROJECT})
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.raw == ()
    trace.forwarded_ns = 1
    flow.response = http.Response.make(200, b"", {"openai-processing-ms": "12", "x-ratelimit-remaining-tokens": "9"})
    rig.play(flow, "responseheaders")
    assert trace.discovered and (trace.credential, trace.key_kind) == ("raw", "project")


BEDROCK = "bedrock-runtime.us-east-1.amazonaws.com"
CONVERSE = json.dumps({"messages": [{"role": "user", "content": [{"text": "How high?"}]}]}).encode()


def converse(rig: Rig, key_id: str, signature: str) -> tuple[http.HTTPFlow, AuditRecord]:
    scope = f"Credential={key_id}/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host"
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 {scope}, Signature={signature}",
        "x-amz-date": "20260101T000000Z",
        "x-amz-security-token": "the-callers-own-session",
    }
    path = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    flow = rig.flow(CONVERSE, host=BEDROCK, path=path, headers=headers)
    rig.play(flow, "requestheaders", "request")
    return flow, rig.records[-1]


def bedrock(make_rig: Callable[..., Rig], form: str) -> Rig:
    rig = make_rig(
        services={"sanctioned": ["aws-bedrock"]},
        identity=NETWORKS,
        keys={"aws-bedrock": {"secret": "env:X", "form": form}},
        credentials={"services": {"aws-bedrock": {"aws-temporary": {"then": "replace", "else": "block"}}}},
    )
    value = json.dumps({"AccessKeyId": "AKIA" + "DOUBLE" * 2 + "ABCD", "SecretAccessKey": "synthetic-" * 4})
    key = single(Secret(value, name="aws-bedrock", hosts=(BEDROCK,)), form)
    rig.state.snapshot = replace(rig.state.snapshot, secrets={"aws-bedrock": key})
    return rig


def test_a_signature_is_known_by_its_key_and_made_anew(make_rig: Callable[..., Rig]) -> None:
    rig = bedrock(make_rig, "aws")
    temporary, lasting = "ASIA" + "3QZ7TX5NWJ2KDLPV", "AKIA" + "3QZ7TX5NWJ2KDLPV"
    flow, first = converse(rig, temporary, "0" * 64)
    assert flow.response is None and first.managed_key == "aws-bedrock" and first.credential_kind == "aws-temporary"
    assert "DOUBLE" in flow.request.headers["authorization"] and "x-amz-security-token" not in flow.request.headers
    _, second = converse(rig, temporary, "1" * 64)
    assert first.api_key_fp == second.api_key_fp
    flow, other = converse(rig, lasting, "0" * 64)
    assert other.credential_kind == "aws-long-term" and not other.managed_key
    assert lasting in flow.request.headers["authorization"] and other.api_key_fp != first.api_key_fp


def test_a_signature_stays_where_the_company_has_no_access_key(make_rig: Callable[..., Rig]) -> None:
    flow, record = converse(bedrock(make_rig, "key"), "ASIA" + "3QZ7TX5NWJ2KDLPV", "0" * 64)
    assert flow.response is not None and (record.rule_id, record.action) == ("credential", "block")
    assert "signed the request" in record.reason
