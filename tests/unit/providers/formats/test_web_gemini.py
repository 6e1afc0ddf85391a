from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import pytest

from weir.model import Endpoint, Unparsed
from weir.providers.formats.web_gemini import GeminiWeb

ENDPOINT = Endpoint("gemini-web", "gemini_web", "chat")


def form(inner: Any, **more: str) -> bytes:
    return urlencode({"f.req": json.dumps([None, json.dumps(inner)]), **more}).encode()


def test_an_edit_goes_through_both_documents() -> None:
    body = form([["what is it", 0], ["en"], ["", "", ""]], at="token:1")
    made = GeminiWeb().replace(body, {"/f.req/1/0/0": 'a "b" \\ ü', "/f.req/1/1/0": "de"})
    sent = parse_qs(made.decode())
    assert json.loads(json.loads(sent["f.req"][0])[1]) == [['a "b" \\ ü', 0], ["de"], ["", "", ""]]
    assert sent["at"] == ["token:1"]


def test_a_value_that_nobody_writes_so_is_read_only() -> None:
    body = b"f.req=" + "".join(f"%{byte:02x}" for byte in json.dumps([None, '[["what is it"]]']).encode()).encode()
    exchange = GeminiWeb().parse(body, ENDPOINT)
    assert [(s.pointer, s.role, s.text) for s in exchange.segments] == [("/f.req/1/0/0#key", "user", "what is it")]


@pytest.mark.parametrize(
    "pointer",
    ["/f.req/1/9/9", "/f.req/0", "/f.req", "/at", "/at#value#key", "/f.req/1/0/1/2", "/f.req/1/x", "/f.req/1//"],
)
def test_a_pointer_to_nothing_is_refused(pointer: str) -> None:
    with pytest.raises(Unparsed):
        GeminiWeb().replace(form([["what is it", None]], at="t"), {pointer: "x"})


@pytest.mark.parametrize("body", [b"", b"a", b"f.req=%5B", b"f.req=7", b"f.req=%ff", b"{}", b"f.req=[]"])
def test_what_is_no_call(body: bytes) -> None:
    with pytest.raises(Unparsed):
        GeminiWeb().parse(body, ENDPOINT)


def test_two_calls_in_one_form_are_read_and_not_edited() -> None:
    one = "f.req=" + quote(json.dumps([None, '[["what is it"]]']))
    body = f"{one}&{one}".encode()
    assert len(GeminiWeb().parse(body, ENDPOINT).segments) == 2
    with pytest.raises(Unparsed):
        GeminiWeb().replace(body, {"/f.req/1/0/0": "x"})


def test_documents_within_documents_end_somewhere() -> None:
    value: Any = ["deep words here"]
    for _ in range(9):
        value = [json.dumps(value)]
    exchange = GeminiWeb().parse(urlencode({"f.req": json.dumps(value)}).encode(), ENDPOINT)
    assert any("deep words here" in segment.text for segment in exchange.segments)
