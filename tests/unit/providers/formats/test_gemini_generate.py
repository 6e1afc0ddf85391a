from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Reply, Usage
from weir.providers.formats.gemini_generate import GeminiGenerate

DIALECT = GeminiGenerate()
ENDPOINT = Endpoint("google-gemini", "gemini_generate", "generate_content", model="g", stream=True)
EXCHANGE = Exchange(ENDPOINT, "g", True)


def client(body: bytes, status: int, kind: str = "application/json") -> genai.Client:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=body, headers={"content-type": kind}))
    return genai.Client(api_key="none", http_options=types.HttpOptions(httpx_client=httpx.Client(transport=transport)))


def chunk(*parts: dict[str, Any], finish: str = "", index: int = 0, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}, "index": index}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})], "modelVersion": "g-1"} | more


def run(*docs: dict[str, Any], text: Swap | None = None, array: bool = False) -> tuple[bytes, Reply]:
    kind = "application/json" if array else "text/event-stream"
    reader = DIALECT.reader(EXCHANGE, kind, text)
    if array:
        data = json.dumps(docs).encode()
    else:
        data = b"".join(b"data: " + json.dumps(doc).encode() + b"\r\n\r\n" for doc in docs)
    return reader.feed(data) + reader.close(), reader.reply()


def test_the_last_usage_counts() -> None:
    first = {"promptTokenCount": 5, "candidatesTokenCount": 1}
    last = {"promptTokenCount": 5, "candidatesTokenCount": 4, "toolUsePromptTokenCount": 2, "thoughtsTokenCount": 3}
    _, reply = run(chunk({"text": "a"}, usageMetadata=first), chunk({"text": "b"}, usageMetadata=last))
    assert reply.usage == Usage(input_tokens=7, output_tokens=7, reasoning_tokens=3, source="reported")
    assert (reply.text, reply.complete) == ("ab", False)


@pytest.mark.parametrize("array", [False, True])
def test_a_tail_at_the_end_of_a_cut_stream(array: bool) -> None:
    out, _ = run(chunk({"text": "a <EM"}), text=Swap({WORD: VALUE}), array=array)
    if array:
        texts = [d["candidates"][0]["content"]["parts"][0]["text"] for d in json.loads(out)]
    else:
        lines = [line[6:] for line in out.splitlines() if line.startswith(b"data: ")]
        texts = [json.loads(line)["candidates"][0]["content"]["parts"][0]["text"] for line in lines]
    assert texts == ["a ", "<EM"]


def test_thoughts_and_answer_are_kept_apart() -> None:
    out, _ = run(
        chunk({"text": "<EMAIL_", "thought": True}),
        chunk({"text": "ADDRESS_1>"}, finish="STOP"),
        text=Swap({WORD: VALUE}),
    )
    parts = [json.loads(line[6:])["candidates"][0]["content"]["parts"][0] for line in out.splitlines() if line]
    assert parts == [{"text": "", "thought": True}, {"text": "<EMAIL_", "thought": True}, {"text": "ADDRESS_1>"}]


def test_what_is_held_back_goes_before_a_call() -> None:
    out, _ = run(chunk({"text": "so <EM"}), chunk({"functionCall": {"name": "f"}}), text=Swap({WORD: VALUE}))
    parts = [json.loads(line[6:])["candidates"][0]["content"]["parts"][0] for line in out.splitlines() if line]
    assert parts == [{"text": "so "}, {"text": "<EM"}, {"functionCall": {"name": "f"}}]


def test_tools_and_embedding_requests() -> None:
    body = {"tools": [{"function_declarations": [{"name": "f"}]}, {"codeExecution": {}}], "requests": [
        {"model": "models/e", "content": {"parts": [{"text": "one"}]}}]}  # fmt: skip
    found = DIALECT.parse(json.dumps(body).encode(), ENDPOINT)
    assert found.tools == ("f", "codeExecution")
    assert ("/requests/0/content/parts/0/text", "user") in [(s.pointer, s.role) for s in found.segments]


@pytest.mark.parametrize("status", [400, 403])
def test_the_sdk_raises_its_own_error(status: int) -> None:
    with pytest.raises(errors.ClientError) as caught:
        client(DIALECT.refusal(status, "Leave the key out.", "no-keys"), status).models.generate_content(
            model="g", contents="x"
        )
    assert (caught.value.code, caught.value.message) == (status, "Leave the key out. (weir rule: no-keys)")
    assert caught.value.status == {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED"}[status]


def test_the_sdk_raises_on_an_aborted_stream() -> None:
    body = DIALECT.abort_event("Stopped.", "r")
    with pytest.raises(errors.ClientError, match="Stopped"):
        list(client(body, 200, "text/event-stream").models.generate_content_stream(model="g", contents="x"))


def test_the_sdk_reads_a_restored_stream() -> None:
    call = {"functionCall": {"name": "f", "args": {"to": WORD}}}
    body, _ = run(
        chunk({"text": "To <EMAIL_ADD"}),
        chunk({"text": "RESS_1> <"}),
        chunk(call, finish="STOP"),
        text=Swap({WORD: VALUE}),
    )
    got, calls = "", []
    for event in client(body, 200, "text/event-stream").models.generate_content_stream(model="g", contents="x"):
        for part in event.candidates[0].content.parts:  # type: ignore[index,union-attr]
            got += part.text or ""
            if part.function_call:
                calls.append(part.function_call.args)
    assert (got, calls) == (f"To {VALUE} <", [{"to": VALUE}])


@pytest.mark.parametrize(
    ("media_type", "reason"),
    [("image/png", "image"), ("audio/pcm;rate=24000", "audio"), ("application/pdf", "file"), ("text/plain", "")],
)
def test_what_is_no_text_in_a_reply_passes_untouched_and_is_told(media_type: str, reason: str) -> None:
    """Words that happen to stand in a picture's base64 are no words of anybody's."""
    data, reply = run(chunk({"inlineData": {"mimeType": media_type, "data": "AAAAword"}}), text=Swap({"word": "x"}))
    assert (b"AAAAword" in data) == bool(reason) and reply.reason == reason


def test_tokens_of_sound_and_pictures_have_names_of_their_own() -> None:
    details = [{"modality": "IMAGE", "tokenCount": 5}, {"modality": "AUDIO", "tokenCount": 7}, {"modality": "TEXT"}, 3]
    usage = {"promptTokenCount": 20, "promptTokensDetails": details, "toolUsePromptTokensDetails": details[:1]}
    _, reply = run(chunk({"text": "a"}, usageMetadata={**usage, "serviceTier": "FLEX"}))
    assert reply.usage and dict(reply.usage.parts) == {"input_image_tokens": 10, "input_audio_tokens": 7}
    assert reply.usage.tier == "flex"


def test_what_is_kept_for_later_tells_a_total_alone() -> None:
    _, reply = run({"name": "cachedContents/c", "usageMetadata": {"totalTokenCount": 9}})
    assert reply.usage and (reply.usage.input_tokens, reply.usage.output_tokens) == (9, 0)
