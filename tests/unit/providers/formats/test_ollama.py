from __future__ import annotations

import json
from typing import Any

import pytest

from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Inspection
from weir.providers.formats.ollama import Ollama
from weir.providers.replies.notes import Notes

DIALECT = Ollama()
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def endpoint(operation: str) -> Endpoint:
    return Endpoint("ollama", "ollama", operation)


def parsed(body: dict[str, Any], operation: str = "chat") -> Exchange:
    return DIALECT.parse(json.dumps(body).encode(), endpoint(operation))


@pytest.mark.parametrize(
    ("body", "operation", "stream"),
    [
        ({}, "chat", True),
        ({}, "completions", True),
        ({"stream": True}, "chat", True),
        ({"stream": False}, "chat", False),
        ({}, "embeddings", False),
        ({"stream": "no"}, "chat", True),
    ],
)
def test_a_stream_is_the_default(body: dict[str, Any], operation: str, stream: bool) -> None:
    assert parsed(body, operation).stream is stream


def test_pictures_are_attachments() -> None:
    found = parsed({"messages": [{"role": "user", "content": "x", "images": [PNG, "a note in a wrong place"]}]})
    assert [a.data[:4] for a in found.attachments] == [b"\x89PNG"]
    assert "a note in a wrong place" in [s.text for s in found.segments]
    assert PNG not in [s.text for s in found.segments]


def test_earlier_turns_as_token_ids() -> None:
    found = parsed({"prompt": "x", "context": [1, 2]}, "completions")
    assert (found.inspection, found.reason) == (Inspection.PARTIAL, "text given as token ids")


def run(docs: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    reader = DIALECT.reader(Exchange(endpoint("chat"), "m", True), kind, Swap({WORD: VALUE}))
    out = b"".join(reader.feed(json.dumps(doc).encode() + b"\n") for doc in docs) + reader.close()
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("kind", ["application/x-ndjson", "", "text/plain"])
def test_a_stream_cut_off_still_says_all(kind: str) -> None:
    got = run([{"model": "m", "message": {"role": "assistant", "content": "a <EMA"}, "done": False}], kind)
    assert [line["message"]["content"] for line in got] == ["a ", "<EMA"]
    assert [line["done"] for line in got] == [False, False] and got[1]["message"]["role"] == "assistant"


def test_a_tail_has_what_clients_add_up() -> None:
    got = run([{"response": "", "thinking": "<EMA", "done": False}, {"response": "x", "done": False}], "")
    assert got[1] == {"response": "", "thinking": "<EMA", "done": False}
    got = run([{"message": {"thinking": "<EMA"}, "done": False}, {"message": {"content": "x"}, "done": False}], "")
    assert got[1] == {"message": {"content": "", "thinking": "<EMA"}, "done": False}


def test_somebody_elses_stream_is_read_too() -> None:
    got = run([{"delta": "to <EMAIL"}, {"delta": "_ADDRESS_1>"}], "application/x-ndjson")
    assert "".join(line["delta"] for line in got) == f"to {VALUE}"


def test_a_stream_ends_with_an_error() -> None:
    assert json.loads(DIALECT.refusal(403, "No.", "r")) == {"error": "No. (weir rule: r)"}
    reader = DIALECT.reader(Exchange(endpoint("chat"), "m", True), "application/x-ndjson", Swap({}))
    reader.feed(b'{"done":false}\n{"do')
    assert reader.ending(b"x", b'{"error":"No."}') == b'{"error":"No."}\n'  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, [None], {"tool_calls": [1]}, {"tool_calls": [{"function": 1}]}]
)
@pytest.mark.parametrize("done", [True, False, None, 1])
def test_no_shape_is_too_odd(value: Any, done: Any) -> None:
    events = DIALECT.events(Exchange(endpoint("chat"), "m", True))
    events.event("", {"message": value, "response": value, "done": done, "eval_count": value}, Notes())
    events.whole({"message": value, "response": value, "done": done, "error": value}, Notes())
