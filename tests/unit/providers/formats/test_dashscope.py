from __future__ import annotations

import json
from typing import Any

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Inspection
from weir.providers.formats.dashscope import DashScope

DIALECT = DashScope()
ENDPOINT = Endpoint("dashscope-qwen", "dashscope", "chat")


def parse(doc: Any) -> Exchange:
    return DIALECT.parse(json.dumps(doc).encode(), ENDPOINT)


def stream(*texts: str) -> bytes:
    docs = [{"output": {"text": text, "finish_reason": "null"}, "request_id": "q"} for text in texts]
    return b"".join(b"event:result\ndata:" + json.dumps(doc).encode() + b"\n\n" for doc in docs)


def test_the_whole_text_so_far_is_kept_once() -> None:
    reader = DIALECT.reader(parse({"input": {"prompt": "x"}}), "text/event-stream")
    reader.feed(stream("a", "ab", "abc", "other"))
    reader.close()
    assert reader.reply().text == "abcother" and not reader.reply().complete


def test_each_event_stands_for_itself_where_texts_grow() -> None:
    reader = DIALECT.reader(parse({"input": {"prompt": "x"}}), "text/event-stream", Swap({WORD: VALUE}))
    out = reader.feed(stream("so <EMAIL", f"so {WORD}", f"so {WORD}.")) + reader.close()
    said = [json.loads(line[5:])["output"]["text"] for line in out.splitlines() if line.startswith(b"data:")]
    assert said == ["so <EMAIL", f"so {VALUE}", f"so {VALUE}."]


def test_pieces_stream_when_they_are_asked_for() -> None:
    found = parse({"input": {"prompt": "x"}, "parameters": {"incremental_output": True}})
    assert found.stream
    reader = DIALECT.reader(found, "text/event-stream")
    reader.feed(stream("a", "b"))
    assert reader.reply().text == "ab"


def test_a_session_is_kept_by_the_provider() -> None:
    found = parse({"input": {"prompt": "x", "session_id": "s"}})
    assert found.inspection is Inspection.PARTIAL and found.reason == "earlier turns kept by the provider"


def test_a_task_has_an_id() -> None:
    reader = DIALECT.reader(parse({"input": {"prompt": "x"}}), "application/json")
    reader.feed(b'{"output":{"task_id":"t1","task_status":"PENDING"},"request_id":"q"}')
    reader.close()
    assert reader.reply().response_id == "t1"


def test_the_abort_event_is_an_error() -> None:
    name, data = DIALECT.abort_event("No.", "r").strip().split(b"\n")
    assert name == b"event: error" and json.loads(data[6:])["code"] == "AccessDenied"
