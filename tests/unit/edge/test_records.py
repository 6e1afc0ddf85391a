"""Records say what is known, and nothing that a client or an upstream could have hidden a secret in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from mitmproxy import flow as mitm_flow
from mitmproxy import http

from harness.rig import ADDRESS, CREDENTIAL, Rig, chat
from weir.edge import records
from weir.edge.trace import link_of
from weir.model import Inspection, Principal, Reply, Usage

KEY = "sk-" + "proj-" + "a1B2c3D4e5F6" * 5


@pytest.mark.parametrize(
    ("agent", "kept"),
    [
        ("OpenAI/Python 1.99.0", "OpenAI/Python"),
        ("google-genai-sdk/1.30.0 gl-python/3.13.0", "google-genai-sdk/1.30.0 gl-python/3.13.0"),
        ("claude-cli/1.0.33 (external, cli)", "claude-cli/1.0.33"),
        ("GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64; terminal)", "GeminiCLI-tui/0.61.0"),
        (f"app/1.0/{KEY}", "app/1.0"),
        ("codex_cli_rs/0.20.0-alpha.1 boto3/1.34", "codex_cli_rs/0.20.0-alpha.1 boto3/1.34"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 X/1",
            "Mozilla/5.0 AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36",
        ),
        ("", ""),
        (KEY, ""),
        (f"{KEY}/1.0", ""),
        (f"curl/{KEY}", ""),
        (f"curl/8.5.0 {KEY}", "curl/8.5.0"),
        (f"curl/8.5.0-{KEY}", ""),
        (f"app/{CREDENTIAL}", ""),
        (f"{CREDENTIAL}/1.0", ""),
        ("app/3f9c0e12ab45cd67ef8901", ""),
        ("app/123e4567-e89b-12d3-a456-426614174000", ""),
        ("jane.doe@example.org/1.0", ""),
        ("a/b/c", ""),
    ],
)
def test_only_products_are_kept_of_a_user_agent(rig: Rig, agent: str, kept: str) -> None:
    flow = rig.flow(chat(), headers={"user-agent": agent})
    trace = rig.play(flow, "requestheaders")
    assert records.request_record(trace, flow).user_agent == kept


def test_a_request_record(rig: Rig) -> None:
    flow = rig.flow(chat(f"to {ADDRESS}"), headers={"authorization": f"Bearer {KEY}"})
    trace = rig.play(flow, "requestheaders", "request", until="keys")
    trace.principal = Principal(user="jane", team="legal", method="basic", strength=2, groups=("a", "b"))
    record = records.request_record(trace, flow)
    expected: dict[str, Any] = {
        "kind": "request", "exchange_id": trace.exchange_id, "flow_id": trace.exchange_id,
        "user": "jane", "team": "legal", "auth_method": "basic", "auth_strength": 2, "user_groups": ("a", "b"),
        "host": "api.openai.com", "port": 443, "method": "POST", "path_template": "/v1/chat/completions",
        "provider": "openai", "service": "openai", "service_status": "sanctioned", "operation": "chat",
        "request_model": "gpt-5-mini", "stream": False, "inspection": "inspected", "src_ip": "10.1.2.3",
        "mode": "enforce", "verdict": "pseudonymise", "action": "pseudonymise", "rule_id": "no-addresses",
        "policy_hash": rig.state.snapshot.settings.hash, "req_bytes": len(chat(f"to {ADDRESS}")), "ts_end": None,
    }  # fmt: skip
    assert {name: getattr(record, name) for name in expected} == expected
    (row,) = record.findings
    assert (row.detector, row.action, row.score_pct) == ("pii/EMAIL_ADDRESS", "pseudonymise", 50)
    assert trace.exchange is not None and ADDRESS in trace.exchange.segments[row.segment or 0].text
    assert row.span_end is not None and row.span_end - (row.span_start or 0) == len(ADDRESS)
    extra = json.loads(record.extra)
    assert record.credential == "raw" and extra["rules"] == "no-addresses"
    assert record.overhead_us is not None and record.overhead_us >= 0
    for secret in (ADDRESS, KEY):
        assert secret not in repr(record)


def test_a_block_is_the_last_record(rig: Rig) -> None:
    flow = rig.flow(chat(CREDENTIAL))
    trace = rig.play(flow, "requestheaders", "request", until="policy")
    record = records.request_record(trace, flow)
    assert (record.kind, record.http_status, record.action) == ("block", 400, "block")
    assert record.ts_end is not None and record.ts is not None and record.ts_end >= record.ts


@pytest.mark.parametrize(("on_failure", "action", "rule"), [("block", "block", "on-failure"), ("allow", "allow", "")])
def test_what_became_of_a_failure(make_rig: Callable[..., Rig], on_failure: str, action: str, rule: str) -> None:
    rig = make_rig(on_failure=on_failure, rules=[])
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders")
    trace.fail("dlp.request: ValueError")
    trace.failed_open = on_failure == "allow"
    record = records.request_record(trace, flow)
    assert (record.action, record.rule_id, record.inspection) == (action, rule, "failed")


def test_a_reply_record(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    trace.forwarded_ns, trace.first_byte_ns = trace.started_ns + 2_000, trace.started_ns + 5_000
    trace.resp_bytes, flow.response = 77, http.Response.make(200)
    usage = Usage(10, 5, 4, 3, 2, "reported")
    trace.reply = Reply(model="m-1", response_id="r", finish_reason="stop", tool_calls=(("call-1", "lookup"),))
    trace.usage = usage
    record = records.reply_record(trace, flow)
    assert (record.kind, record.http_status, record.resp_bytes) == ("response", 200, 77)
    assert (record.response_model, record.response_id, record.finish_reason) == ("m-1", "r", "stop")
    assert (record.input_tokens, record.output_tokens, record.cache_read_tokens) == (10, 5, 4)
    assert (record.cache_write_tokens, record.reasoning_tokens, record.usage_source) == (3, 2, "reported")
    assert (record.overhead_us, record.ttft_us) == (2, 5) and (record.duration_us or 0) > 0
    assert [(c.ord, c.name, c.call_id) for c in record.tool_calls] == [(0, "lookup", "call-1")]
    assert record.cost_nano is None and record.inspection == "inspected"


def test_a_reply_that_could_not_be_read_lowers_the_inspection(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    flow.response = http.Response.make(200)
    trace.reply = Reply(inspection=Inspection.PARTIAL, reason="coding zzz is not supported")
    record = records.reply_record(trace, flow)
    assert (record.inspection, record.inspection_reason) == ("partial", "reply: coding zzz is not supported")
    trace.fail("dlp.request: ValueError")
    assert records.reply_record(trace, flow).inspection == "failed"


def test_why_a_reply_ended(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    flow.error = mitm_flow.Error("server closed connection, said canary")
    assert records.reply_record(trace, flow).reason == "upstream closed the connection; nothing was forwarded"
    trace.forwarded_ns = 1
    assert records.reply_record(trace, flow).reason == "upstream closed the connection"
    trace.abort = "providers.response_chunk: ValueError"
    assert records.reply_record(trace, flow).reason == trace.abort


def test_connections_and_events(rig: Rig) -> None:
    flow = rig.flow()
    link = link_of(flow.client_conn)
    link.host, link.sni, link.bytes_up, link.bytes_down, link.exchange_id = "192.0.2.1", "shop.example", 5, 7, "x"
    link.principal = Principal(team="finance", method="network", strength=1)
    made = records.connection_record(link, flow.client_conn, "meter", inspection="metered")
    assert (made.host, made.req_bytes, made.resp_bytes, made.team) == ("shop.example", 5, 7, "finance")
    assert (made.kind, made.inspection, made.src_ip, made.exchange_id) == ("meter", "metered", "10.1.2.3", "x")
    assert made.port is None
    link.sni, link.port = "", 8443
    made = records.connection_record(link, flow.client_conn, "meter")
    assert (made.host, made.port) == ("192.0.2.1", 8443)
    event = records.event_record("config", "policy taken", "abc")
    assert (event.kind, event.reason, event.policy_hash) == ("config", "policy taken", "abc")
    least = records.minimal_record(flow, "begin.requestheaders: ValueError")
    assert (least.kind, least.host, least.inspection, least.rule_id) == (
        "block", "api.openai.com", "failed", "on-failure",
    )  # fmt: skip
