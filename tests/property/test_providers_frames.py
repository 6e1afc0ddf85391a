"""Laws of reading messages of sockets: total, and the same bytes where nothing changes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint
from weir.providers.replies.frames import FRAME, Frames, read_frame
from weir.providers.replies.frames_gemini import GeminiFrames
from weir.providers.requests.walk import KEY_SUFFIX

DIALECTS = [Frames(), GeminiFrames()]
ENDPOINT = Endpoint("s", "frames", "realtime")
names = st.sampled_from(
    [
        "serverContent",
        "modelTurn",
        "parts",
        "text",
        "thought",
        "turnComplete",
        "interrupted",
        "outputTranscription",
        "toolCall",
        "functionCalls",
        "name",
        "id",
        "args",
        "usageMetadata",
        "promptTokenCount",
        "responseTokenCount",
        "promptTokensDetails",
        "modality",
        "tokenCount",
        "setup",
        "model",
        "tools",
        "clientContent",
        "turns",
        "role",
        "type",
        "delta",
        "response",
        "usage",
        "output",
        "item",
        "session",
        "inlineData",
        "data",
        "mimeType",
    ]
)
texts = st.one_of(
    st.text(max_size=12), st.sampled_from([WORD, "<EMAIL_", "response.done", "user", "AUDIO", "models/m"])
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), texts),
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(names, below, max_size=4)),
    max_leaves=20,
)
messages = st.one_of(
    st.binary(max_size=60), st.dictionaries(names, values, max_size=4).map(lambda doc: json.dumps(doc).encode())
)


@given(st.sampled_from(DIALECTS), st.lists(messages, max_size=8))
@settings(max_examples=200)
def test_any_messages_of_a_server_pass_and_are_read(dialect: Frames, sent: list[bytes]) -> None:
    exchange = read_frame(dialect, b"{}", ENDPOINT, 1, is_text=True)
    listening, idle = dialect.frame_reader(exchange), dialect.frame_reader(exchange, Swap({}))
    editing = dialect.frame_reader(exchange, Swap({WORD: VALUE}))
    for data in sent:
        assert listening.message(data) == (data,)
        assert idle.message(data)[-1] == data
        editing.message(data)
    assert listening.reply() == idle.reply() == editing.reply()
    assert len(listening.take_turns()) <= len(sent)
    for made in (*listening.rest(), *editing.rest()):
        json.loads(made)


@given(st.sampled_from(DIALECTS), messages, st.booleans())
@settings(max_examples=200)
def test_any_message_of_a_client_is_read_and_edited_exactly(dialect: Frames, data: bytes, is_text: bool) -> None:
    exchange: Any = read_frame(dialect, data, ENDPOINT, 1, is_text=is_text)
    editable = {s.pointer: s.text for s in exchange.segments if not s.pointer.endswith(KEY_SUFFIX)}
    if FRAME not in editable:
        assert dialect.replace(data, editable) == data or not editable
