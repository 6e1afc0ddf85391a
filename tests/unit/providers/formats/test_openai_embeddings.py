from __future__ import annotations

import json

from golden.swap import Swap
from weir.model import Endpoint, Exchange, Inspection, Usage
from weir.providers.formats.openai_embeddings import OpenAIEmbeddings

DIALECT = OpenAIEmbeddings()
ENDPOINT = Endpoint("openai", "openai_embeddings", "embeddings")


def test_texts() -> None:
    found = DIALECT.parse(b'{"model":"ada","input":"one","dimensions":8}', ENDPOINT)
    assert [(s.pointer, s.role) for s in found.segments] == [("/input", "user")]
    assert found.parameters == {"dimensions": 8}
    assert DIALECT.parse(b'{"input":[1,2]}', ENDPOINT).inspection is Inspection.PARTIAL


def test_reply() -> None:
    data = json.dumps({"model": "e", "data": [{"embedding": [0.5] * 50}], "usage": {"prompt_tokens": 3}}).encode()
    for text in (None, Swap({"x": "y"})):
        reader = DIALECT.reader(Exchange(ENDPOINT, "e", False), "application/json", text)
        assert reader.feed(data) + reader.close() == data
        assert reader.reply().usage == Usage(input_tokens=3, source="reported")
        assert reader.reply().text == ""
    reader = DIALECT.reader(Exchange(ENDPOINT, "e", False), "application/json")
    reader.feed(b'{"error":{"message":"no"}}')
    reader.close()
    assert reader.reply().finish_reason == "error"
