from __future__ import annotations

import json
from typing import Any

import pytest

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Usage
from weir.providers.formats.cohere_chat import CohereChat, cohere_error, cohere_usage
from weir.providers.replies.notes import Notes

DIALECT = CohereChat()
ENDPOINT = Endpoint("cohere", "cohere_chat", "chat")


def reader(kind: str, text: Swap | None = None) -> Any:
    return DIALECT.reader(Exchange(ENDPOINT, "m", True), kind, text)


@pytest.mark.parametrize(
    ("found", "want"),
    [
        ({"billed_units": {"input_tokens": 3.0, "output_tokens": 2}, "tokens": {"input_tokens": 70}}, Usage(3, 2)),
        ({"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 7, "output_tokens": 1}}, Usage(7, 1)),
        ({"tokens": {"input_tokens": 70}, "cached_tokens": 64}, Usage(70, 0, 64)),
        ({"billed_units": {"input_tokens": 3}, "tokens": {"input_tokens": 70}, "cached_tokens": 64}, Usage(3, 0, 0)),
        ({"billed_units": {"search_units": 1}}, None),
        (None, None),
        ("x", None),
    ],
)
def test_usage_is_what_is_billed(found: Any, want: Usage | None) -> None:
    got = cohere_usage(found)
    if want is None:
        assert got is None
    else:
        assert got == Usage(want.input_tokens, want.output_tokens, want.cache_read_tokens, source="reported")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"conversation_id": "c-1"}, "earlier turns kept by the provider"),
        ({"connectors": [{"id": "web-search"}]}, "documents fetched by the provider"),
        ({"conversation_id": "", "connectors": []}, ""),
        ({"tool_results": [{"call": {"parameters": {"conversation_id": "c-1"}}}]}, ""),
    ],
)
def test_what_is_not_in_the_body(body: dict[str, Any], reason: str) -> None:
    assert DIALECT.parse(json.dumps(body).encode(), ENDPOINT).reason == reason


def test_errors_and_the_end_of_a_stream() -> None:
    assert json.loads(DIALECT.refusal(403, "No.", "r")) == {"message": "No. (weir rule: r)"}
    assert json.loads(cohere_error("No.")) == {"message": "No."}
    data = DIALECT.abort_event("No.", "r").split(b"data: ")[1]
    assert json.loads(data)["delta"] == {"finish_reason": "ERROR", "error": "No. (weir rule: r)"}
    lines = reader("application/stream+json", Swap({}))
    lines.feed(b'{"event_type":"stream-start"}\n')
    assert lines.ending(b"event", b'{"message":"No."}') == b'{"message":"No."}\n'


def test_lines_stay_lines() -> None:
    found = reader("application/stream+json", Swap({WORD: VALUE}))
    line = json.dumps({"event_type": "text-generation", "text": "a <EMA"}).encode()
    out = found.feed(line) + found.close()
    assert [json.loads(one)["text"] for one in out.split(b"\n") if one] == ["a ", "<EMA"]
    assert b"\n\n" not in out


def test_an_event_of_another_kind_is_read_all_the_same() -> None:
    found = reader("text/event-stream", Swap({WORD: VALUE}))
    out = found.feed(b'event: new-thing\ndata: {"type":"new-thing","said":"%s"}\n\n' % WORD.encode()) + found.close()
    assert json.loads(out.split(b"data: ")[1])["said"] == VALUE


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [None], {"message": 1}, {"message": {"tool_calls": []}}])
@pytest.mark.parametrize(
    "kind", ["content-delta", "tool-call-start", "tool-call-delta", "message-end", "tool-plan-delta"]
)
def test_no_shape_is_too_odd(kind: str, value: Any) -> None:
    events = DIALECT.events(Exchange(ENDPOINT, "m", True))
    events.event("", {"type": kind, "delta": value, "index": value}, Notes())
    for first in ("text-generation", "tool-calls-chunk", "stream-end", "tool-calls-generation"):
        events.event("", {"event_type": first, "text": value, "tool_call_delta": value, "response": value}, Notes())
    events.whole(
        {"message": value, "tool_calls": [value], "generations": [value], "usage": value, "text": value}, Notes()
    )
