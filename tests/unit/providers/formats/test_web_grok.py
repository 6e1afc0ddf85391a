from __future__ import annotations

import json

from golden.swap import Swap
from weir.model import Endpoint, Reply
from weir.providers.formats.web_grok import GrokWeb

ENDPOINT = Endpoint("grok-web", "grok_web", "chat")


def read(*lines: object, text: Swap | None = None) -> tuple[bytes, Reply]:
    dialect = GrokWeb()
    reader = dialect.reader(dialect.parse(b'{"message":"x"}', ENDPOINT), "application/json", text)
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return reader.feed(data) + reader.close(), reader.reply()


def test_the_model_goes_by_other_names() -> None:
    assert GrokWeb().parse(b'{"modelName":"grok-4"}', ENDPOINT).model == "grok-4"
    assert GrokWeb().parse(b'{"grokModelOptionId":"grok-3"}', ENDPOINT).model == "grok-3"
    assert GrokWeb().parse(b'{"modelName":"no model at all"}', ENDPOINT).model == ""


def test_what_is_held_back_comes_before_the_answer_as_a_whole() -> None:
    final = {"result": {"response": {"modelResponse": {"message": "a <EMA"}}}}
    out, reply = read({"result": {"response": {"token": "a <EMA"}}}, final, text=Swap({"<EMAIL_ADDRESS_1>": "x"}))
    lines = [json.loads(line) for line in out.splitlines()]
    assert [one["result"]["response"].get("token") for one in lines] == ["a ", "<EMA", None]
    assert (reply.text, reply.complete) == ("a <EMA", True)


def test_an_answer_that_only_comes_as_a_whole() -> None:
    _, reply = read({"result": {"response": {"modelResponse": {"message": "whole", "model": "grok-4"}}}})
    assert (reply.text, reply.model, reply.finish_reason) == ("whole", "grok-4", "stop")


def test_what_the_user_said_is_no_answer() -> None:
    assert read({"result": {"sender": "USER", "message": "mine"}})[1].text == ""


def test_odd_lines() -> None:
    assert read({"result": 1}, {"result": {"response": []}}, {"result": {"token": 5}})[1].text == ""
