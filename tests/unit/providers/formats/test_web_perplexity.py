from __future__ import annotations

import json
from typing import Any

from golden.swap import Swap
from weir.model import Endpoint, Reply
from weir.providers.formats.web_perplexity import PerplexityWeb

ENDPOINT = Endpoint("perplexity-web", "perplexity_web", "chat")


def read(*events: dict[str, Any], text: Swap | None = None) -> tuple[bytes, Reply]:
    dialect = PerplexityWeb()
    reader = dialect.reader(dialect.parse(b'{"query_str":"x"}', ENDPOINT), "text/event-stream", text)
    data = b"".join(b"event: message\ndata: " + json.dumps(one).encode() + b"\n\n" for one in events)
    return reader.feed(data) + reader.close(), reader.reply()


def chunk(text: str, at: int) -> dict[str, Any]:
    patch = {"op": "add", "path": f"/chunks/{at}", "value": text}
    return {"blocks": [{"diff_block": {"field": "markdown_block", "patches": [patch]}}]}


def test_the_question_and_its_model() -> None:
    body = {"query_str": "who", "params": {"dsl_query": "who", "model_preference": "turbo"}}
    exchange = PerplexityWeb().parse(json.dumps(body).encode(), ENDPOINT)
    assert exchange.model == "turbo" and exchange.stream
    assert [s.role for s in exchange.segments if s.text == "who"] == ["user", "user"]


def test_pieces_are_one_text_and_the_whole_repeats_it() -> None:
    whole = {"final_sse_message": True, "blocks": [{"markdown_block": {"answer": "one two three"}}]}
    assert read(chunk("one ", 0), chunk("two ", 1), chunk("three", 2), whole)[1].text == "one two three"


def test_what_is_cut_by_pieces_is_put_back() -> None:
    out, _ = read(chunk("to <EMAIL_", 0), chunk("ADDRESS_1>", 1), text=Swap({"<EMAIL_ADDRESS_1>": "ann@x.example"}))
    assert b"ann@x.example" in out and b"<EMAIL_" not in out


def test_how_it_ended() -> None:
    assert read({"status": "FAILED"})[1].finish_reason == "error"
    assert read({"status": "COMPLETED", "final_sse_message": True})[1].finish_reason == "completed"


def test_odd_events() -> None:
    odd = [{"blocks": 1}, {"blocks": [1, {"diff_block": {"field": "markdown_block", "patches": [1, {"value": {}}]}}]}]
    assert read(*odd)[1].text == ""
