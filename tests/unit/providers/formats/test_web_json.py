from __future__ import annotations

import pytest

from weir.model import Endpoint, Exchange, Unparsed
from weir.providers.formats.web_json import WebJson

ENDPOINT = Endpoint("chatgpt", "web_json", "page")


def test_every_text_of_any_json() -> None:
    exchange = WebJson().parse(b'{"event":"draft","props":{"text":"my words"}}', ENDPOINT)
    assert ("/props/text", "my words") in [(s.pointer, s.text) for s in exchange.segments]
    exchange = WebJson().parse(b'[["my words"], {"a": "b c"}]', ENDPOINT)
    assert [(s.pointer, s.text) for s in exchange.segments] == [("/0/0", "my words"), ("/1/a", "b c")]
    assert WebJson().replace(b'[["my words"]]', {"/0/0": "x"}) == b'[["x"]]'


@pytest.mark.parametrize("body", [b'"a"', b"7", b"a=b", b"", b"null"])
def test_what_is_neither_object_nor_list(body: bytes) -> None:
    with pytest.raises(Unparsed):
        WebJson().parse(body, ENDPOINT)


def test_a_reply_is_looked_at() -> None:
    reader = WebJson().reader(Exchange(ENDPOINT, "", False), "application/json")
    reader.feed(b'{"ok":true}')
    reader.close()
    assert reader.reply().complete
