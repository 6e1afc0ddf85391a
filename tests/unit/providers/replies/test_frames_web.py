from __future__ import annotations

import json

import pytest

from golden.swap import Swap
from weir.model import Endpoint, Exchange, Unparsed
from weir.providers.replies.frames import Frames
from weir.providers.replies.frames_web import CopilotFrames, SignalRFrames, web_frames

END = b"\x1e"
HUB = Endpoint("m365-copilot-chathub", "", "chat", "/m365Copilot/Chathub/{user}")
COPILOT = Endpoint("ms-copilot", "", "chat", "/c/api/chat")


def test_the_path_tells() -> None:
    assert isinstance(web_frames(HUB), SignalRFrames) and isinstance(web_frames(COPILOT), CopilotFrames)
    assert type(web_frames(Endpoint("", "", "", "/v1/realtime"))) is Frames


def test_several_documents_in_a_message() -> None:
    message = b'{"arguments":[{"text":"one two"}]}' + END + b'{"arguments":["three four"]}' + END
    dialect = SignalRFrames()
    found = {s.pointer: s.text for s in dialect.parse(message, HUB).segments}
    assert found == {"/0/arguments/0/text": "one two", "/1/arguments/0": "three four"}
    made = dialect.replace(message, {"/1/arguments/0": "x"})
    assert made == b'{"arguments":[{"text":"one two"}]}' + END + b'{"arguments":["x"]}' + END


@pytest.mark.parametrize("pointer", ["/9/arguments/0", "/0", "/x/a", "/0/arguments/0#key", ""])
def test_a_pointer_to_nothing_is_refused(pointer: str) -> None:
    with pytest.raises(Unparsed):
        SignalRFrames().replace(b'{"arguments":["one two"]}' + END, {pointer: "x"})


@pytest.mark.parametrize("message", [END.join([b"{}"] * 102), b"[]" + END, b"{" + END, END + END])
def test_what_is_no_message(message: bytes) -> None:
    with pytest.raises(Unparsed):
        SignalRFrames().parse(message, HUB)


def test_an_answer_piece_by_piece() -> None:
    reader = SignalRFrames().frame_reader(Exchange(HUB, "", True), Swap({"<EMAIL_ADDRESS_1>": "x@y.example"}))
    pieces = ("to <EMAIL_", "ADDRESS_1>")
    out = [
        one
        for text in pieces
        for one in reader.message(json.dumps({"type": 1, "arguments": [{"writeAtCursor": text}]}).encode() + END)
    ]
    out += reader.message(b'{"type":3}' + END)
    assert all(one.endswith(END) for one in out) and len(out) == 3
    assert b"x@y.example" in out[1]
    reply = reader.reply()
    assert (reply.text, reply.complete, reply.finish_reason) == ("to <EMAIL_ADDRESS_1>", True, "stop")


def test_what_is_held_back_comes_with_the_end() -> None:
    reader = SignalRFrames().frame_reader(Exchange(HUB, "", True), Swap({"<EMAIL_ADDRESS_1>": "x"}))
    reader.message(b'{"type":1,"arguments":[{"writeAtCursor":"<EMA"}]}' + END)
    (last,) = reader.rest()
    assert last.endswith(END) and b"<EMA" in last


def test_last_words() -> None:
    assert SignalRFrames().abort_event("no", "r").endswith(END)
    assert json.loads(CopilotFrames().abort_event("no", "r"))["event"] == "error"


def test_a_picture_of_copilot_stands_with_the_provider() -> None:
    body = {
        "event": "send",
        "content": [{"type": "image", "url": "https://x.example/1"}, {"type": "text", "text": "hm"}],
    }
    exchange = CopilotFrames().parse(json.dumps(body).encode(), COPILOT)
    assert exchange.reason == "file kept by the provider"


def test_thoughts_and_answer_of_copilot_are_texts_of_their_own() -> None:
    reader = CopilotFrames().frame_reader(Exchange(COPILOT, "", True))
    for event in (
        {"event": "chainOfThought", "text": "hm "},
        {"event": "appendText", "text": "Yes"},
        {"event": "error"},
    ):
        reader.message(json.dumps(event).encode())
    assert (reader.reply().text, reader.reply().finish_reason) == ("hm Yes", "error")
