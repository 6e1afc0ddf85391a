from __future__ import annotations

import json

import pytest

from weir.model import Endpoint, Exchange
from weir.providers.formats.openai_moderations import OpenAIModerations

DIALECT = OpenAIModerations()
ENDPOINT = Endpoint("openai", DIALECT.id, "moderations")


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ("one", ["/input"]),
        (["one", "two"], ["/input/0", "/input/1"]),
        ([{"type": "text", "text": "one"}], ["/input/0/text"]),
    ],
)
def test_every_form_of_input(given: object, pointers: list[str]) -> None:
    found = DIALECT.parse(json.dumps({"input": given}).encode(), ENDPOINT)
    assert [s.pointer for s in found.segments] == pointers and {s.role for s in found.segments} == {"user"}


def test_the_reply_is_named() -> None:
    reader = DIALECT.reader(Exchange(ENDPOINT, "", False), "application/json")
    reader.feed(b'{"id":"modr-1","model":"omni-moderation-latest","results":[{"flagged":true}]}')
    reader.close()
    assert (reader.reply().model, reader.reply().response_id) == ("omni-moderation-latest", "modr-1")
