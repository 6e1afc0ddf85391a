"""One recorded exchange as a running weir would have recorded it."""

from __future__ import annotations

import functools
import gzip
import json
import os
from dataclasses import replace
from typing import Any

import pytest

from harness.rig import ADDRESS, CREDENTIAL
from weir import settings
from weir.cli.inspecting import Inspector
from weir.cli.recordings import Recorded
from weir.dlp.build import engine_of
from weir.model import Inspection
from weir.providers.services.registry import Registry
from weir.shadow.catalogue import Catalogue
from weir.usage.encodings import load_encodings
from weir.usage.prices import Prices
from weir.usage.tokens import Counter


@functools.cache
def inspector() -> Inspector:
    chosen = settings.loads("version: 1")
    return Inspector(
        chosen,
        Registry.load(),
        Catalogue.load(),
        engine_of(chosen.dlp, os.urandom(32)),
        Prices.load(),
        Counter(load_encodings(), {}),
    )


def recorded(host: str, target: str, sent: Any, got: Any, **more: Any) -> Recorded:
    body, reply = (value if isinstance(value, bytes) else json.dumps(value).encode() for value in (sent, got))
    fields: dict[str, Any] = {
        "method": "POST",
        "scheme": "https",
        "port": 443,
        "headers": (("content-type", "application/json"),),
        "status": 200,
        "reply_headers": (("Content-Type", "application/json"),),
        "at": 1_790_000_000.25,
    }
    return Recorded(7, host=host, target=target, body=body, reply_body=reply, **{**fields, **more})


CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}
ANSWER = {"id": "c", "model": "gpt-4o", "choices": [{"message": {"content": "Hello"}}], "usage": USAGE}
CHATS = ("api.openai.com", "/v1/chat/completions")


def test_service_model_usage_and_cost() -> None:
    one = inspector().inspect(recorded(*CHATS, CHAT, ANSWER))
    assert one is not None
    assert (one.number, one.at, one.service, one.dialect, one.operation, one.model, one.stream) == (
        7, "2026-09-21T14:13:20.250Z", "openai", "openai_chat", "chat", "gpt-4o", False,
    )  # fmt: skip
    assert (one.usage.source, one.usage.input_tokens, one.cost.nano_usd) == ("reported", 1000, 3_500_000)
    assert (one.inspection, one.findings) == (Inspection.INSPECTED, {})


def test_findings_are_counted_in_request_and_reply_and_never_shown() -> None:
    sent = {**CHAT, "messages": [{"role": "user", "content": f"mail {ADDRESS} with {CREDENTIAL}"}]}
    got = {**ANSWER, "choices": [{"message": {"content": f"as {ADDRESS}"}}]}
    one = inspector().inspect(recorded(*CHATS, sent, got))
    assert one is not None and one.reply_findings == {"pii/EMAIL_ADDRESS": 1}
    assert one.findings["pii/EMAIL_ADDRESS"] == 2 and any(name.startswith("secret/") for name in one.findings)
    assert ADDRESS not in repr(one) and CREDENTIAL not in repr(one)


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip"])
def test_encoded_bodies(coding: str) -> None:
    sent, got = json.dumps(CHAT).encode(), json.dumps(ANSWER).encode()
    for _ in coding.split(","):
        sent = gzip.compress(sent)
    headers = (("content-type", "application/json"), ("Content-Encoding", coding))
    replied = (("content-type", "application/json"), ("content-encoding", "gzip"))
    one = inspector().inspect(recorded(*CHATS, sent, gzip.compress(got), headers=headers, reply_headers=replied))
    assert one is not None and one.usage.input_tokens == 1000 and one.segments == 2


def test_tools_on_offer_and_asked_for() -> None:
    tool = {"type": "function", "function": {"name": "look_up"}}
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    got = {**ANSWER, "choices": [{"message": {"tool_calls": [call]}}]}
    one = inspector().inspect(recorded(*CHATS, {**CHAT, "tools": [tool]}, got))
    assert one is not None and (one.tools, one.calls) == (("look_up",), ("look_up",))


@pytest.mark.parametrize(
    ("target", "sent", "more", "inspection", "reason"),
    [
        ("/v1/chat/completions", b"{no json", {}, Inspection.UNPARSED, "not JSON"),
        ("/v1/nobody/knows", b"{}", {}, Inspection.UNPARSED, "unknown operation"),
        ("/v1/chat/completions", CHAT, {"headers": (("content-encoding", "zzz"),)}, Inspection.UNPARSED, "encoding"),
        ("/v1/chat/completions", CHAT, {"status": None}, Inspection.PARTIAL, "no reply"),
        ("/v1/chat/completions", CHAT, {"reply_headers": (("content-encoding", "gzip"),)}, Inspection.PARTIAL, "gzip"),
        ("/v1/models", b"", {"method": "GET"}, Inspection.INSPECTED, ""),
    ],
)  # fmt: skip
def test_how_far_was_seen(target: str, sent: Any, more: dict[str, Any], inspection: Inspection, reason: str) -> None:
    one = inspector().inspect(recorded("api.openai.com", target, sent, ANSWER, **more))
    assert one is not None and one.inspection is inspection and reason in one.reason


def test_a_reply_that_was_not_recorded() -> None:
    one = inspector().inspect(replace(recorded(*CHATS, CHAT, b""), reply_body=None))
    assert one is not None and one.reason == "reply: reply was not recorded" and one.usage.source == "estimated"


def test_what_is_refused_costs_nothing() -> None:
    one = inspector().inspect(recorded(*CHATS, CHAT, {"error": {"message": "no"}}, status=429))
    assert one is not None and (one.usage.source, one.cost.nano_usd) == ("none", 0)


def test_hosts_that_nobody_lists() -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "f", "arguments": {}}}
    one = inspector().inspect(recorded("tools.corp.example", "/mcp", call, {"jsonrpc": "2.0", "id": 1, "result": {}}))
    assert one is not None and (one.service, one.operation, one.calls) == (
        "tools.corp.example",
        "mcp.tools/call",
        ("f",),
    )
    one = inspector().inspect(recorded("llm.corp.example", "/v1/chat/completions", CHAT, ANSWER))
    assert one is not None and (one.service, one.dialect) == ("llm.corp.example", "openai_chat")
    assert inspector().inspect(recorded("shop.example", "/cart", {"items": [1]}, {"ok": True})) is None


def test_a_page_is_a_page() -> None:
    reply = (("content-type", "text/html"),)
    one = inspector().inspect(recorded("chatgpt.com", "/", b"", b"<html>", method="GET", reply_headers=reply))
    assert one is not None and (one.operation, one.cost.nano_usd, one.findings) == ("read", 0, {})


def test_bytes_of_any_kind() -> None:
    for target in ("/v1/chat/completions", "/v1/responses", "/v1/images/edits", "/x"):
        for body in (b"\xff\x00", b"[" * 500, b'{"a":', b"data: x\n\n"):
            assert inspector().inspect(recorded("api.openai.com", target, body, body)) is not None
