"""Tokens and money: asked for where a stream would not say, taken as reported, else counted."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from math import ceil
from typing import Any

import pytest

from harness.rig import Rig, chat
from unit.usage.test_pictures import png
from weir.audit.record import AuditRecord
from weir.model import Reply, Usage
from weir.usage.addon import INLINE_CHARS_MAX


def answer(**usage: Any) -> bytes:
    return json.dumps(
        {
            "object": "chat.completion",
            "model": "gpt-4o-mini",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi there."}}
            ],
            **({"usage": usage} if usage else {}),
        }
    ).encode()


def test_a_stream_is_asked_for_its_usage(rig: Rig) -> None:
    body = chat("hello", stream=True)
    flow = rig.flow(body)
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.strip_usage
    assert json.loads(flow.request.raw_content or b"")["stream_options"] == {"include_usage": True}
    assert flow.request.headers["content-length"] == str(len(flow.request.raw_content or b""))


@pytest.mark.parametrize(
    ("more", "policy"),
    [
        ({}, {}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {}),
        ({"stream": True}, {"usage": {"ask": False}}),
    ],
)
def test_nothing_is_asked_where_nothing_is_missing(
    make_rig: Callable[..., Rig], more: dict[str, Any], policy: dict[str, Any]
) -> None:
    body = chat("hello", **more)
    flow = make_rig(**policy).flow(body)
    assert not make_rig(**policy).play(flow, "requestheaders", "request").strip_usage
    assert flow.request.raw_content == body


def test_nothing_is_asked_in_a_request_that_its_client_has_signed(rig: Rig) -> None:
    body = chat("hello", stream=True)
    flow = rig.flow(body, headers={"authorization": 'Signature version="1",keyId="k"'})
    assert not rig.play(flow, "requestheaders", "request").strip_usage
    assert flow.request.raw_content == body


def test_a_report_holds_and_costs(rig: Rig) -> None:
    flow = rig.flow(chat())
    rig.play(flow, "requestheaders", "request")
    trace = rig.reply(flow, answer(prompt_tokens=1_000_000, completion_tokens=0, total_tokens=1_000_000))
    assert trace.usage == Usage(input_tokens=1_000_000, source="reported")
    assert trace.cost is not None and trace.cost.nano_usd == 150_000_000  # 15 cents a million
    record = rig.records[-1]
    assert (record.input_tokens, record.usage_source, record.cost_nano) == (1_000_000, "reported", 150_000_000)


def test_what_the_cache_saved_is_on_record(rig: Rig) -> None:
    flow = rig.flow(chat())
    rig.play(flow, "requestheaders", "request")
    used = {"prompt_tokens": 2000, "completion_tokens": 0, "total_tokens": 2000}
    rig.reply(flow, answer(**used, prompt_tokens_details={"cached_tokens": 1000}))
    record = rig.records[-1]  # $0.15 a million tokens, $0.075 from the cache
    assert (record.cache_read_tokens, record.cost_nano) == (1000, 1000 * 150 + 1000 * 75)
    assert record.cache_saved_nano == 1000 * 75


@pytest.mark.parametrize("padding", [0, 2 * INLINE_CHARS_MAX])
def test_without_a_report_it_is_counted(rig: Rig, padding: int) -> None:
    flow = rig.flow(chat("word " * (padding // 5 + 4)))
    rig.play(flow, "requestheaders", "request")
    trace = rig.reply(flow, answer())
    assert trace.usage is not None and trace.usage.source == "estimated"
    assert trace.usage.input_tokens > padding // 10 and trace.usage.output_tokens > 0


@pytest.mark.parametrize(
    ("data", "more", "left_out"), [(png(1024, 1024), ceil(1024 * 1.2), ""), (b"ID3" + bytes(99), 0, "audio")]
)
def test_pictures_are_counted_and_what_has_no_rule_is_named(rig: Rig, data: bytes, more: int, left_out: str) -> None:
    kind = "audio/mpeg" if left_out else "image/png"
    part = {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{b64encode(data).decode()}"}}
    counts = []
    for parts in ([{"type": "text", "text": "look"}], [{"type": "text", "text": "look"}, part]):
        flow = rig.flow(chat(parts))
        rig.play(flow, "requestheaders", "request")
        trace = rig.reply(flow, answer())
        assert trace.usage is not None and trace.usage.source == "estimated"
        counts.append(trace.usage.input_tokens)
    assert counts[1] - counts[0] == more
    assert json.loads(rig.records[-1].extra or "{}").get("media_uncounted", "") == left_out
    flow = rig.flow(chat(parts))
    rig.play(flow, "requestheaders", "request")
    told = rig.reply(flow, answer(prompt_tokens=9, completion_tokens=1, total_tokens=10))
    assert told.usage is not None and (told.usage.input_tokens, told.usage.source) == (9, "reported")
    assert "media_uncounted" not in (rig.records[-1].extra or "")


def test_a_refusal_of_the_upstream_costs_nothing(rig: Rig) -> None:
    flow = rig.flow(chat())
    rig.play(flow, "requestheaders", "request")
    trace = rig.reply(flow, b'{"error":{}}', status=429)
    assert trace.usage is not None and trace.cost is not None
    assert (trace.usage.source, trace.cost.nano_usd) == ("none", 0)


def test_a_cut_stream_is_settled_once(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    trace.forwarded_ns = 1
    trace.reply = Reply(text="Hi there.")
    addon = rig.addon("usage")
    flow.response = None
    addon.error(flow)
    settled = trace.usage
    assert settled is not None
    trace.reply = Reply(usage=Usage(input_tokens=9, source="reported"))
    addon.response(flow)
    assert trace.usage is settled


def test_what_was_never_forwarded_is_not_counted(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    rig.addon("usage").error(flow)
    assert trace.usage is None and trace.cost is None


def fetch(rig: Rig, path: str, body: bytes, **headers: str) -> AuditRecord:
    flow = rig.flow(b"", path=path, method="GET")
    rig.play(flow, "requestheaders", "request")
    rig.reply(flow, body, **headers)
    return rig.records[-1]


def response(status: str, **more: Any) -> bytes:
    return json.dumps({"id": "resp_1", "object": "response", "status": status, "model": "gpt-4o", **more}).encode()


def test_a_response_in_the_background_is_counted_once_when_it_is_fetched(rig: Rig) -> None:
    body = {"model": "gpt-4o", "input": "think", "background": True}
    flow = rig.flow(json.dumps(body).encode(), path="/v1/responses")
    rig.play(flow, "requestheaders", "request")
    rig.reply(flow, response("queued", usage=None))
    queued = rig.records[-1]
    assert (queued.usage_source, queued.cost_nano, queued.price_id) == ("none", 0, "usage-later")
    assert json.loads(queued.extra)["usage_later"] == "resp_1"
    assert fetch(rig, "/v1/responses/resp_1", response("in_progress", usage=None)).cost_nano == 0
    done = response("completed", output=[], usage={"input_tokens": 1000, "output_tokens": 0})
    counted = fetch(rig, "/v1/responses/resp_1", done)
    assert (counted.usage_source, counted.input_tokens, counted.cost_nano) == ("reported", 1000, 2_500_000)
    assert json.loads(counted.extra)["usage_of"] == "resp_1"
    events = b'event: response.completed\ndata: {"type":"response.completed","response":' + done + b"}\n\n"
    again = fetch(rig, "/v1/responses/resp_1?stream=true", events, content_type="text/event-stream")
    assert (again.usage_source, again.cost_nano) == ("none", 0)
    assert json.loads(again.extra)["usage_counted_before"] == "resp_1"


def test_a_result_file_is_counted_once_model_by_model(rig: Rig) -> None:
    body = {"object": "chat.completion", "model": "gpt-4o", "choices": [], "usage": {"prompt_tokens": 1000}}
    line = json.dumps({"custom_id": "a", "response": {"status_code": 200, "body": body}}).encode() + b"\n"
    first = fetch(rig, "/v1/files/file-1/content", line * 3, content_type="application/octet-stream")
    assert (first.usage_source, first.input_tokens, json.loads(first.extra)["usage_of"]) == ("reported", 3000, "file-1")
    assert first.cost_nano is not None and "gpt-4o" in first.price_id
    assert json.loads(first.extra)["usage_tier"] == "batch"
    batch = {"object": "batch", "id": "batch_1", "status": "completed", "output_file_id": "file-1", "model": "gpt-4o"}
    again = fetch(rig, "/v1/batches/batch_1", json.dumps({**batch, "usage": {"input_tokens": 3000}}).encode())
    assert (again.usage_source, again.cost_nano) == ("none", 0)


def test_counting_tokens_is_free(rig: Rig) -> None:
    flow = rig.flow(chat("count this"), host="api.anthropic.com", path="/v1/messages/count_tokens")
    rig.play(flow, "requestheaders", "request")
    trace = rig.reply(flow, b'{"input_tokens": 14}')
    assert trace.cost is not None and (trace.cost.nano_usd, trace.cost.price_id) == (0, "no-usage")
