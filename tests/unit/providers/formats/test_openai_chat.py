from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Inspection, Unparsed, Usage
from weir.providers.formats.openai_chat import OpenAIChat, openai_usage

DIALECT = OpenAIChat()
ENDPOINT = Endpoint("openai", "openai_chat", "chat")


def client(body: bytes, status: int, kind: str = "application/json") -> openai.OpenAI:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, content=body, headers={"content-type": kind})

    transport = httpx2.MockTransport(answer)
    return openai.OpenAI(api_key="none", http_client=httpx2.Client(transport=transport), max_retries=0)


def stream(*docs: dict[str, Any], text: Swap | None = None, strip: bool = False) -> bytes:
    reader = DIALECT.reader(Exchange(ENDPOINT, "m", True), "text/event-stream", text, strip)
    out = b"".join(reader.feed(b"data: " + json.dumps(doc).encode() + b"\n\n") for doc in docs)
    return out + reader.feed(b"data: [DONE]\n\n") + reader.close()


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (b'{"stream": true}', b'{"stream": true,"stream_options":{"include_usage":true}}'),
        (
            b'{"stream_options": {"include_obfuscation": false} , "stream":true }',
            b'{"stream_options": {"include_obfuscation":false,"include_usage":true} , "stream":true }',
        ),
        (b'{"stream":true,"stream_options":null}', b'{"stream":true,"stream_options":{"include_usage":true}}'),
        (
            b'{"stream":true,"stream_options":{"include_usage":false}}',
            b'{"stream":true,"stream_options":{"include_usage":true}}',
        ),
        (b'{"stream":true,"stream_options":{"include_usage":true}}', None),
        (b'{"stream":false}', None),
        (b'{"stream":1}', None),
        (b"{}", None),
    ],
)
def test_ask_usage(body: bytes, asked: bytes | None) -> None:
    assert DIALECT.ask_usage(body) == asked


def test_ask_usage_of_no_object() -> None:
    with pytest.raises(Unparsed):
        DIALECT.ask_usage(b"[]")


@pytest.mark.parametrize("prompt", [[1, 2], [[1, 2], [3]]])
def test_token_ids_stay_unseen(prompt: Any) -> None:
    found = DIALECT.parse(json.dumps({"prompt": prompt}).encode(), ENDPOINT)
    assert (found.inspection, found.reason) == (Inspection.PARTIAL, "text given as token ids")


def test_functions_in_the_older_form() -> None:
    assert DIALECT.parse(b'{"functions":[{"name":"f"}]}', ENDPOINT).tools == ("f",)


@pytest.mark.parametrize("usage", [None, {}, [], "x", {"prompt": 1}])
def test_no_usage(usage: Any) -> None:
    assert openai_usage(usage) is None


def test_usage_survives_nonsense() -> None:
    found = openai_usage({"prompt_tokens": "many", "completion_tokens": -4, "prompt_tokens_details": 7})
    assert found == Usage(source="reported")


def test_choices_are_kept_apart() -> None:
    def part(index: int, text: str) -> dict[str, Any]:
        return {"id": "c", "choices": [{"index": index, "delta": {"content": text}}]}

    out = stream(part(1, "<EMAIL_"), part(10, "<EMAIL_"), part(1, "ADDRESS_1>"), text=Swap({WORD: VALUE}))
    texts: dict[int, str] = {}
    for line in out.splitlines():
        if line.startswith(b"data: {"):
            choice = json.loads(line[6:])["choices"][0]
            texts[choice["index"]] = texts.get(choice["index"], "") + choice["delta"]["content"]
    assert texts == {1: VALUE, 10: "<EMAIL_"}


def test_a_text_ends_where_a_tool_call_begins() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    out = stream(
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "so <EM"}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]},
        text=Swap({WORD: VALUE}),
    )
    events = [json.loads(line[6:])["choices"][0]["delta"] for line in out.splitlines() if line.startswith(b"data: {")]
    assert [list(e) for e in events] == [["role", "content"], ["content"], ["tool_calls"]]
    assert events[1] == {"content": "<EM"}  # no second role: accumulating clients would join the two


@pytest.mark.parametrize("status", [400, 403])
def test_the_sdk_raises_its_own_error(status: int) -> None:
    want = {400: openai.BadRequestError, 403: openai.PermissionDeniedError}[status]
    with pytest.raises(want, match="Leave the key out") as caught:
        client(DIALECT.refusal(status, "Leave the key out.", "no-keys"), status).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}]
        )
    assert caught.value.code == "no-keys"


@pytest.mark.parametrize("before", [b"", b'data: {"id":"1","choices":[]}\n\n', b'data: {"id":"1","choices":[]}'])
def test_the_sdk_raises_on_an_aborted_stream(before: bytes) -> None:
    body = before + DIALECT.abort_event("Stopped.", "r")
    with pytest.raises(openai.APIError, match="Stopped"):
        list(client(body, 200, "text/event-stream").chat.completions.create(model="m", messages=[], stream=True))


def test_the_sdk_reads_a_restored_stream() -> None:
    def part(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    body = stream(
        part({"content": "To <EMAIL_ADD"}), part({"content": "RESS_1> <"}), part({}, "stop"), text=Swap({WORD: VALUE})
    )
    got = ""
    for event in client(body, 200, "text/event-stream").chat.completions.create(model="m", messages=[], stream=True):
        got += event.choices[0].delta.content or ""
    assert got == f"To {VALUE} <"


@pytest.mark.parametrize(
    ("usage", "parts"),
    [
        ({"prompt_tokens": 9, "prompt_tokens_details": {"audio_tokens": 4}}, (("input_audio_tokens", 4),)),
        (
            {
                "input_tokens": 9,
                "input_token_details": {
                    "audio_tokens": 4,
                    "cached_tokens_details": {"audio_tokens": 3, "text_tokens": 1},
                },
                "output_token_details": {"audio_tokens": 2, "text_tokens": 1},
            },
            (("input_audio_tokens", 4), ("cache_audio_read_tokens", 3), ("output_audio_tokens", 2)),
        ),
        ({"input_tokens": 9, "input_tokens_details": {"image_tokens": 5}}, (("input_image_tokens", 5),)),
        ({"type": "duration", "seconds": 1.25}, (("audio_ms", 1250),)),
    ],
)
def test_sound_and_pictures_are_told_apart(usage: dict[str, Any], parts: tuple[tuple[str, int], ...]) -> None:
    found = openai_usage(usage)
    assert found is not None and found.parts == parts and found.source == "reported"


@pytest.mark.parametrize("seconds", [None, "5", -1, 0, True, 1e300, float("nan")])
def test_a_length_that_is_none_is_no_usage(seconds: Any) -> None:
    assert openai_usage({"type": "duration", "seconds": seconds}) is None


@pytest.mark.parametrize(("named", "tier"), [("flex", "flex"), ("default", ""), ("auto", ""), ("sk-anything", "")])
def test_the_tier_is_one_that_there_is(named: str, tier: str) -> None:
    found = openai_usage({"prompt_tokens": 1}, named)
    assert found is not None and found.tier == tier
