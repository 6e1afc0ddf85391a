"""Messages of a socket: what is read in them, and what the client gets for those of the server."""

from __future__ import annotations

import json
from base64 import b64encode

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


def test_a_turn_is_told_once_with_what_is_its_own() -> None:
    reader = FrameReader(DIALECT.events(read(b"{}")))
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{}"}
    first = {"id": "resp_1", "model": "m", "status": "completed", "output": [call], "usage": {"input_tokens": 5}}
    reader.message(json.dumps({"type": "response.completed", "response": first}).encode())
    (turn,) = reader.take_turns()
    assert (turn.model, turn.response_id, turn.finish_reason) == ("m", "resp_1", "completed")
    assert turn.tool_calls == (("call_1", "look"),) and turn.usage is not None and turn.usage.input_tokens == 5
    assert reader.take_turns() == ()
    second = {"id": "resp_2", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    reader.message(json.dumps({"type": "response.incomplete", "response": second}).encode())
    (turn,) = reader.take_turns()
    assert (turn.finish_reason, turn.usage, turn.tool_calls) == ("max_output_tokens", None, ())


def test_a_transcript_is_another_models_turn() -> None:
    reader = FrameReader(DIALECT.events(read(b"{}")))
    session = {"audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}
    reader.message(json.dumps({"type": "session.updated", "session": session}).encode())
    kind = "conversation.item.input_audio_transcription.completed"
    reader.message(json.dumps({"type": kind, "item_id": "i", "transcript": "x"}).encode())
    assert reader.take_turns() == ()  # nothing was reported
    usage = {"type": "tokens", "input_tokens": 3, "output_tokens": 1}
    reader.message(json.dumps({"type": kind, "item_id": "i", "transcript": "x", "usage": usage}).encode())
    (turn,) = reader.take_turns()
    assert turn.heard and turn.model == "gpt-4o-transcribe"
    used = reader.reply().usage
    assert used is not None and used.input_tokens == 3 and reader.reply().text == ""


def test_settings_and_tools_stand_one_level_down() -> None:
    session = {"max_output_tokens": 50, "tools": [{"type": "function", "name": "look"}], "model": "gpt-realtime"}
    found = read(json.dumps({"type": "session.update", "session": session}).encode())
    assert (found.tools, dict(found.parameters), found.model) == (("look",), {"max_tokens": 50}, "gpt-realtime")


@pytest.mark.parametrize("kept", ["auto", "none", "conv_1"])
def test_a_response_of_the_sockets_own_conversation_hides_nothing(kept: str) -> None:
    found = read(json.dumps({"type": "response.create", "response": {"conversation": kept}}).encode())
    assert (found.inspection is Inspection.PARTIAL) == (kept == "conv_1")


def test_sound_is_not_text_and_text_is_not_sound() -> None:
    noise = bytes(range(128, 256)) * 4

    def appended(data: bytes) -> Exchange:
        return read(json.dumps({"type": "input_audio_buffer.append", "audio": b64encode(data).decode()}).encode())

    silent = appended(noise)
    assert (silent.segments, silent.inspection, silent.reason) == ((), Inspection.PARTIAL, "audio")
    noted = appended(noise + b"the password is alder" + noise)
    assert [(s.pointer, s.text) for s in noted.segments] == [("/audio#key", "the password is alder")]
    text = appended(b"this is no sound at all, whatever it says")
    assert [s.pointer for s in text.segments] == ["/audio"] and text.inspection is Inspection.INSPECTED


def test_sound_of_the_server_is_no_text() -> None:
    reader = FrameReader(DIALECT.events(read(b"{}")))
    for kind in ("response.output_audio.delta", "response.audio.delta"):
        reader.message(json.dumps({"type": kind, "item_id": "i", "delta": "UklGRiQAAABXQVZF"}).encode())
    assert reader.reply().text == ""
