"""Messages of a socket: what is read in them, and what the client gets for those of the server."""

from __future__ import annotations

import json

import pytest

from weir.dlp.standins.pseudonyms import Restorer
from weir.model import Endpoint, Exchange, Inspection
from weir.providers.replies.frames import FRAME, FrameReader, Frames, read_frame

ENDPOINT = Endpoint("openai", "frames", "realtime")
DIALECT = Frames()


def read(data: bytes, *, is_text: bool = True) -> Exchange:
    return read_frame(DIALECT, data, ENDPOINT, 7, is_text=is_text)


def test_every_text_of_a_message_is_read_with_its_role() -> None:
    body = {
        "type": "session.update",
        "session": {
            "model": "gpt-realtime",
            "instructions": "be brief",
            "tools": [{"type": "function", "name": "river", "description": "how high"}],
        },
        "item": {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
    }
    exchange = read(json.dumps(body).encode())
    found = {segment.text: (segment.role, segment.frame) for segment in exchange.segments}
    assert found["be brief"] == ("system", 7) and found["how high"] == ("tool_definition", 7)
    assert found["hello"] == ("user", 7) and exchange.model == "gpt-realtime"


@pytest.mark.parametrize(
    ("data", "is_text", "inspection", "text"),
    [
        (b"just words", True, "inspected", "just words"),
        (b'{"broken": ', True, "unparsed", '{"broken": '),
        (b'{"text": "bytes of JSON"}', False, "inspected", "bytes of JSON"),
        (b"\x00\x01long enough to read\x02", False, "unparsed", "long enough to read"),
        (b"\x00\x01", False, "unparsed", None),
    ],
)
def test_what_is_no_json_is_still_handed_on(data: bytes, is_text: bool, inspection: str, text: str | None) -> None:
    exchange = read(data, is_text=is_text)
    assert exchange.inspection == inspection
    assert [segment.text for segment in exchange.segments] == ([] if text is None else [text])
    assert text is None or exchange.segments[0].pointer == FRAME or exchange.segments[0].pointer == "/text"


def test_usage_of_all_responses_adds_up() -> None:
    reader = FrameReader(DIALECT.events(read(b"{}")))
    for tokens in (3, 4):
        usage = {"input_tokens": tokens, "output_tokens": 1, "input_token_details": {"cached_tokens": 2}}
        reader.message(
            json.dumps({"type": "response.done", "response": {"usage": usage, "status": "completed"}}).encode()
        )
    used = reader.reply().usage
    assert used and (used.input_tokens, used.output_tokens, used.cache_read_tokens) == (7, 2, 4)
    assert reader.reply().complete


def test_a_message_nobody_changes_is_the_same_object() -> None:
    data = json.dumps({"type": "response.output_text.delta", "delta": "hi"}).encode()
    assert FrameReader(DIALECT.events(read(b"{}"))).message(data)[0] is data
    assert FrameReader(DIALECT.events(read(b"{}")), Restorer({"<A_1>": "x"})).message(data)[0] is data


def test_what_is_held_back_has_a_message_of_its_own() -> None:
    reader = FrameReader(DIALECT.events(read(b"{}")), Restorer({"<A_1>": "x"}))
    place = {"item_id": "i", "output_index": 0, "content_index": 0}
    first = json.dumps({"type": "response.output_text.delta", **place, "delta": "so <A"}).encode()
    assert json.loads(reader.message(first)[0])["delta"] == "so "
    before, done = reader.message(json.dumps({"type": "response.output_text.done", **place, "text": "so <A"}).encode())
    assert json.loads(before)["delta"] == "<A" and json.loads(done)["text"] == "so <A" and reader.rest() == ()


def test_the_refusal_is_an_error_event() -> None:
    said = json.loads(DIALECT.abort_event("No.", "rule-1"))
    assert said["type"] == "error" and said["error"]["code"] == "rule-1" and "No." in said["error"]["message"]


@pytest.mark.parametrize("mark", ["\ufeff", "\x0c", "\x00", " \ufeff\n"])
def test_a_document_behind_a_mark_is_not_taken_for_words(mark: str) -> None:
    read = read_frame(Frames(), f'{mark}{{"type": "x"}}'.encode(), ENDPOINT, 1, is_text=True)
    assert read.inspection is Inspection.UNPARSED
