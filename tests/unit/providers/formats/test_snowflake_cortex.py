from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Reply
from weir.providers.formats.snowflake_cortex import SnowflakeCortex

DIALECT = SnowflakeCortex()
ENDPOINT = Endpoint("snowflake-cortex", "snowflake_cortex", "chat")


def parse(doc: Any) -> Exchange:
    return DIALECT.parse(json.dumps(doc).encode(), ENDPOINT)


def read(*deltas: Any) -> Reply:
    reader = DIALECT.reader(parse({"messages": []}), "text/event-stream")
    for delta in deltas:
        reader.feed(b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n")
    reader.close()
    return reader.reply()


def test_it_streams_unless_told_otherwise() -> None:
    assert parse({"messages": []}).stream and parse({"messages": [], "stream": True}).stream
    assert not parse({"messages": [], "stream": False}).stream


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "hi"},
        {"content": "hi", "text": "hi"},
        {"content": "hi", "text": "hi", "content_list": [{"type": "text", "text": "hi"}]},
        {"text": "hi"},
        {"content_list": [{"type": "text", "text": "hi"}]},
    ],
)
def test_a_text_is_kept_once_however_often_it_is_said(delta: Any) -> None:
    assert read(delta, delta).text == "hihi"


def test_an_error_in_a_stream() -> None:
    reader = DIALECT.reader(parse({"messages": []}), "text/event-stream")
    reader.feed(b'data: {"message":"model is not there","code":"390142"}\n\n')
    assert reader.reply().finish_reason == "error"
