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
from weir.model import Reply, Usage
from weir.usage.addon import INLINE_CHARS_MAX


def answer(**usage: int) -> bytes:
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


def test_a_report_holds_and_costs(rig: Rig) -> None:
    flow = rig.flow(chat())
    rig.play(flow, "requestheaders", "request")
    trace = rig.reply(flow, answer(prompt_tokens=1_000_000, completion_tokens=0, total_tokens=1_000_000))
    assert trace.usage == Usage(input_tokens=1_000_000, source="reported")
    assert trace.cost is not None and trace.cost.nano_usd == 150_000_000  # 15 cents a million
    record = rig.records[-1]
    assert (record.input_tokens, record.usage_source, record.cost_nano) == (1_000_000, "reported", 150_000_000)


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
