"""Messages of Gemini's live interface, fed one by one as a socket has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Inspection
from weir.providers.replies.frames import Frames, read_frame
from weir.providers.replies.frames_gemini import GeminiFrames, frames_of

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
ENDPOINT = Endpoint("google-gemini", "gemini_frames", "realtime", PATH)
DIALECT = GeminiFrames()


def sent(doc: Any) -> Exchange:
    return read_frame(DIALECT, json.dumps(doc).encode(), ENDPOINT, 3, is_text=False)


def content(**members: Any) -> dict[str, Any]:
    return {"serverContent": members}


def turn(*texts: str, **part: Any) -> dict[str, Any]:
    return {"modelTurn": {"parts": [{"text": text, **part} for text in texts]}}


def used(asked: int, given: int, **more: int) -> dict[str, Any]:
    return {"usageMetadata": {"promptTokenCount": asked, "responseTokenCount": given, **more}}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (PATH, GeminiFrames),
        (PATH + "Constrained", GeminiFrames),
        ("/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent", GeminiFrames),
        ("/v1/realtime", Frames),
        ("", Frames),
    ],
)
def test_the_path_tells_whose_messages_they_are(path: str, kind: type) -> None:
    assert type(frames_of(Endpoint("s", "", "realtime", path))) is kind


def test_a_session_is_set_up() -> None:
    setup = {
        "model": "models/gemini-live-2.5-flash",
        "generationConfig": {"temperature": 0.5, "responseModalities": ["AUDIO"]},
        "systemInstruction": {"role": "user", "parts": [{"text": "be brief"}]},
        "tools": [{"functionDeclarations": [{"name": "river", "description": "how high"}]}, {"googleSearch": {}}],
    }
    found = sent({"setup": setup})
    roles = {s.text: (s.role, s.frame) for s in found.segments}
    assert roles["how high"] == ("tool_definition", 3) and roles["be brief"] == ("system", 3)
    assert (found.model, found.tools) == ("gemini-live-2.5-flash", ("river", "googleSearch"))
    assert found.parameters == {"temperature": 0.5} and found.inspection is Inspection.INSPECTED


def test_a_session_that_goes_on_is_partial() -> None:
    found = sent({"setup": {"model": "models/m", "sessionResumption": {"handle": "h"}}})
    assert found.inspection is Inspection.PARTIAL and found.reason == "earlier turns kept by the provider"


@pytest.mark.parametrize(
    ("doc", "role"),
    [
        ({"clientContent": {"turns": [{"role": "user", "parts": [{"text": "hello"}]}], "turnComplete": True}}, "user"),
        ({"clientContent": {"turns": [{"role": "model", "parts": [{"text": "hello"}]}]}}, "assistant"),
        ({"realtimeInput": {"text": "hello"}}, "user"),
        ({"toolResponse": {"functionResponses": [{"id": "f", "response": {"output": "hello"}}]}}, "tool"),
    ],
)
def test_texts_of_the_client_with_their_roles(doc: Any, role: str) -> None:
    assert [(s.text, s.role) for s in sent(doc).segments if s.text == "hello"] == [("hello", role)]


def test_bytes_of_json_are_edited_like_text() -> None:
    body = json.dumps({"realtimeInput": {"text": "hello"}, "later": [1, {"x": "y"}]}).encode()
    assert DIALECT.replace(body, {"/realtimeInput/text": "bye"}) == body.replace(b"hello", b"bye")


def played(*docs: Any, text: Swap | None = None) -> tuple[list[Any], Any]:
    reader = DIALECT.frame_reader(sent({}), text)
    out: list[Any] = []
    for doc in docs:
        data = json.dumps(doc).encode()
        made = reader.message(data)
        if text is None:
            assert made == (data,)
        out += [json.loads(one) for one in made]
    return out + [json.loads(one) for one in reader.rest()], reader


def test_a_conversation_of_turns_with_usage_each() -> None:
    call = {"toolCall": {"functionCalls": [{"id": "f1", "name": "river", "args": {"place": "Cham"}}]}}
    _, reader = played(
        {"setupComplete": {}},
        content(**turn("hm", thought=True)),
        {**call, **used(50, 4, thoughtsTokenCount=2)},
        content(**turn("Three ")),
        content(**turn("metres.")),
        content(generationComplete=True),
        {**content(turnComplete=True), **used(70, 6, cachedContentTokenCount=40)},
        content(inputTranscription={"text": "and"}),
        content(interrupted=True),
        used(90, 1),
        {"goAway": {"timeLeft": "10s"}},
    )
    turns = reader.take_turns()
    assert [(t.usage.input_tokens, t.usage.output_tokens, t.finish_reason) for t in turns] == [
        (50, 6, "tool_call"),
        (70, 6, "turn_complete"),
        (90, 1, "interrupted"),
    ]
    assert [t.tool_calls for t in turns] == [(("f1", "river"),), (), ()]
    reply = reader.reply()
    assert reply.usage.input_tokens == 210 and reply.usage.output_tokens == 13 and reply.usage.cache_read_tokens == 40
    assert reply.usage.source == "reported" and reply.usage.reasoning_tokens == 2
    assert (
        reply.text == "hmThree metres."
        and reply.arguments == ('{"place":"Cham"}',)
        and reply.complete
        and reader.take_turns() == ()
    )


def test_within_a_turn_a_later_count_replaces_an_earlier_one() -> None:
    _, reader = played({**content(**turn("a")), **used(9, 1)}, {**content(**turn("b")), **used(9, 2)})
    assert reader.reply().usage.output_tokens == 2 and reader.take_turns() == ()


def test_a_turn_whose_usage_nobody_tells() -> None:
    _, reader = played(content(**turn("a"), turnComplete=True), content(**turn("b")))
    assert [t.usage for t in reader.take_turns()] == [None]


def test_placeholders_come_back_in_answers_and_transcripts() -> None:
    out, reader = played(
        content(**turn("to <EMAIL")),
        content(**turn("_ADDRESS_1>, <EM")),
        content(outputTranscription={"text": f"say {WORD}"}),
        content(turnComplete=True),
        {"toolCall": {"functionCalls": [{"id": "f", "name": "n", "args": {"who": WORD}}]}},
        text=Swap({WORD: VALUE}),
    )
    texts = [p["text"] for d in out for p in d.get("serverContent", {}).get("modelTurn", {}).get("parts", [])]
    assert "".join(texts) == f"to {VALUE}, <EM"
    assert out[2] == content(outputTranscription={"text": f"say {VALUE}"})
    assert out[-1]["toolCall"]["functionCalls"][0]["args"] == {"who": VALUE}
    assert reader.reply().text == f"to {WORD}, <EMsay {WORD}" and WORD in reader.reply().arguments[0]


def test_thoughts_end_before_the_answer() -> None:
    out, _ = played(content(**turn("so <A", thought=True)), content(**turn("yes")), text=Swap({"<A_1>": "x"}))
    assert [d["serverContent"]["modelTurn"]["parts"][0]["text"] for d in out] == ["so ", "<A", "yes"]
    assert out[1]["serverContent"]["modelTurn"]["parts"][0]["thought"] is True


def test_sound_is_marked() -> None:
    part = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "AAAA"}}
    _, reader = played(content(modelTurn={"parts": [part]}))
    assert reader.reply().inspection is Inspection.PARTIAL and reader.reply().reason == "audio"


@pytest.mark.parametrize("doc", [{}, {"serverContent": 3}, {"serverContent": {"modelTurn": []}}, {"toolCall": None}])
def test_odd_messages_pass(doc: Any) -> None:
    played(doc)
    out, _ = played(doc, text=Swap({WORD: VALUE}))
    assert out == [doc]


def test_the_refusal_is_googles_error() -> None:
    error = json.loads(DIALECT.abort_event("No.", "r-1"))["error"]
    assert error["status"] == "PERMISSION_DENIED" and error["message"] == "No. (weir rule: r-1)"


def test_sound_among_the_tokens_has_a_price_of_its_own() -> None:
    details = {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}, {"modality": "TEXT", "tokenCount": 10}]}
    given = {"responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 90}]}
    usage = {"usageMetadata": {"promptTokenCount": 50, "responseTokenCount": 90, **details, **given}}
    _, reader = played({**content(turnComplete=True), **usage}, {**content(**turn("b"), turnComplete=True), **usage})
    parts = (("input_audio_tokens", 40), ("output_audio_tokens", 90))
    assert [t.usage.parts for t in reader.take_turns()] == [parts, parts]
    assert dict(reader.reply().usage.parts) == {"input_audio_tokens": 80, "output_audio_tokens": 180}
