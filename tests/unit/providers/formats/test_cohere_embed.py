from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Usage
from weir.providers.formats.cohere_embed import CohereEmbed

DIALECT = CohereEmbed()
ENDPOINT = Endpoint("cohere", "cohere_embed", "embeddings")


def usage(reply: dict[str, Any]) -> Usage | None:
    reader = DIALECT.reader(Exchange(ENDPOINT, "m", False), "application/json")
    reader.feed(json.dumps(reply).encode())
    reader.close()
    return reader.reply().usage


@pytest.mark.parametrize(
    ("reply", "want"),
    [
        ({"meta": {"billed_units": {"input_tokens": 6, "images": 1}}}, Usage(6, source="reported")),
        ({"meta": {"billed_units": {"search_units": 1}}}, None),
        ({"model": "rerank-2", "usage": {"total_tokens": 26}}, Usage(26, source="reported")),
        ({"message": "no"}, None),
    ],
)
def test_usage_of_cohere_and_those_like_it(reply: dict[str, Any], want: Usage | None) -> None:
    assert usage(reply) == want


def test_every_text_is_read() -> None:
    body = {"model": "m", "query": "a query", "documents": ["one text", {"text": "two text"}], "texts": ["three text"]}
    texts = {s.text: s.role for s in DIALECT.parse(json.dumps(body).encode(), ENDPOINT).segments}
    assert all(texts[text] == "user" for text in ("a query", "one text", "two text", "three text"))


def test_refusal() -> None:
    assert json.loads(DIALECT.refusal(403, "No.", "")) == {"message": "No."}
