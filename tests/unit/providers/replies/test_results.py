from __future__ import annotations

import json
from typing import Any

import pytest

from golden.swap import Swap
from weir.model import Endpoint, Exchange, Inspection, Reply
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.openai_batches import OpenAIResults
from weir.providers.replies.results import anthropic_answer, openai_answer

EXCHANGE = Exchange(Endpoint("openai", "openai_results", "read"), "", False)


def reader(content_type: str = "application/octet-stream", text: TextMap | None = None) -> ReplyReader:
    return OpenAIResults().reader(EXCHANGE, content_type, text)


def line(number: int, model: str = "gpt-4o", **more: Any) -> bytes:
    body = {"object": "chat.completion", "model": model, "choices": [], "usage": {"prompt_tokens": number}, **more}
    return json.dumps({"custom_id": str(number), "response": {"status_code": 200, "body": body}}).encode() + b"\n"


def read(data: bytes, size: int = 1 << 20, content_type: str = "application/octet-stream") -> Reply:
    one = reader(content_type)
    out = b"".join(one.feed(data[at : at + size]) for at in range(0, len(data), size)) + one.close()
    assert out == data
    return one.reply()


@pytest.mark.parametrize("size", [1, 3, 1 << 20])
def test_lines_add_up_by_model(size: int) -> None:
    reply = read(line(1) + line(2, "gpt-5") + b"\n" + line(4).rstrip(), size)
    assert [(model, used.input_tokens) for model, used in reply.by_model] == [("gpt-4o", 5), ("gpt-5", 2)]
    assert reply.inspection is Inspection.INSPECTED


def test_what_failed_used_nothing() -> None:
    failed = {"custom_id": "1", "response": {"status_code": 500, "body": {"usage": {"prompt_tokens": 9}}}}
    assert read(json.dumps(failed).encode()).by_model == ()
    assert openai_answer({"custom_id": "1", "response": None}, lambda _: None) is None  # type: ignore[arg-type,return-value]
    assert anthropic_answer({"result": {"type": "canceled"}}, lambda _: None) is None  # type: ignore[arg-type,return-value]


def test_a_line_that_is_damaged_is_told_and_the_others_count() -> None:
    reply = read(line(1) + b"{broken\n" + line(2))
    assert reply.by_model[0][1].input_tokens == 3
    assert (reply.inspection, reply.reason) == (Inspection.PARTIAL, "event: not JSON")


def test_models_are_bounded() -> None:
    reply = read(b"".join(line(1, f"model-{number}") for number in range(80)))
    assert len(reply.by_model) == 64 and "too many models" in reply.reason


def test_tool_calls_of_all_lines_are_told() -> None:
    call = {"id": "call_1", "function": {"name": "look", "arguments": "{}"}}
    choice = {"index": 0, "message": {"tool_calls": [call]}}
    assert read(line(1, choices=[choice]) + line(2, choices=[choice])).tool_calls == (("call_1", "look"),) * 2


@pytest.mark.parametrize(
    ("data", "content_type", "inspection"),
    [
        (b'{"a": 1}', "application/json", "inspected"),
        (b'{\n "a": 1\n}\n', "application/octet-stream", "inspected"),
        (b"name,city\nJane,Brno\n", "text/csv", "inspected"),
        (b"data that begins like an event", "text/plain", "inspected"),
        (b"{looks like JSON", "text/plain", "inspected"),
        (b"%PDF-1.7 \xff\xfe", "application/pdf", "inspected"),
        (b"{broken", "application/json", "unparsed"),
        (b"", "application/octet-stream", "inspected"),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_other_files_pass_as_what_they_are(data: bytes, content_type: str, inspection: str, size: int) -> None:
    reply = read(data, size, content_type)
    assert (reply.inspection, reply.by_model) == (inspection, ())


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_texts_in_lines_come_home(size: int) -> None:
    choice = {"index": 0, "message": {"content": "dear <A_1>"}}
    data, one = line(1, choices=[choice]) + line(2), reader(text=Swap({"<A_1>": 'jane "x"'}))
    out = b"".join(one.feed(data[at : at + size]) for at in range(0, len(data), size)) + one.close()
    assert out == data.replace(b"<A_1>", b'jane \\"x\\"')


def test_plain_text_is_kept_whole_however_it_is_cut() -> None:
    text = "caf\u00e9 \U0001f600 end"
    for size in (1, 2, 3, 100):
        assert read(text.encode(), size, "text/plain").text == text
