from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Unparsed
from weir.providers.formats.openai_chat import OpenAIChat
from weir.providers.formats.openai_embeddings import OpenAIEmbeddings
from weir.providers.formats.openai_json import OpenAIJson
from weir.providers.requests import batchlines
from weir.providers.requests.batchlines import BatchLines, looks_like_batch

LINES = BatchLines({"/chat/completions": OpenAIChat(), "/embeddings": OpenAIEmbeddings(), "": OpenAIJson()})


def line(url: str = "/v1/chat/completions", *, body: Any = None, **more: Any) -> bytes:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello jane"}]} if body is None else body
    return json.dumps({"custom_id": "c", "method": "POST", "url": url, "body": body, **more}).encode()


def test_each_line_is_read_by_the_dialect_of_its_path() -> None:
    data = line() + b"\n\n" + line("/v1/embeddings", body={"model": "m", "input": ["a text"]}) + b"\r\n"
    found = LINES.read(data, "/file/0")
    roles = {s.pointer: s.role for s in found.segments}
    assert roles["/file/0/0/body/messages/0/content"] == "user" and roles["/file/0/2/body/input/0"] == "user"
    assert found.models == {"m"}


def test_what_stands_around_the_body_is_read_too() -> None:
    found = LINES.read(line(metadata={"note": "for jane"}, custom_id="a person's name"), "/file/0")
    texts = {s.text: s.pointer for s in found.segments}
    assert texts["for jane"] == "/file/0/0/metadata/note" and "a person's name" in texts


def test_edits_leave_every_other_byte() -> None:
    data = line() + b"\r\n \n" + line() + b"\n"
    head, _, tail = data.rpartition(b"hello jane")
    new = LINES.replace(data, {"/2/body/messages/0/content": "hello <A>"})
    assert new == head + b"hello <A>" + tail and LINES.replace(data, {}) == data


@pytest.mark.parametrize("pointer", ["/9/body/x", "/0", "/x/body", "/0/body/nothing", "/0/body/model#key"])
def test_what_is_no_text_is_not_edited(pointer: str) -> None:
    with pytest.raises(Unparsed):
        LINES.replace(line(), {pointer: "x"})


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{broken", "line 1: not JSON"),
        (line() + b"\n[]", "line 2 is no request"),
        (b'{"custom_id": "a", "url": "/v1/x", "body": "text"}', "line 1 is no request"),
        (b'{"body": {}, "body": {}}', "duplicate"),
        (b"\xff", "UTF-8"),
    ],
)
def test_what_is_wrong_is_told_without_its_content(data: bytes, why: str) -> None:
    with pytest.raises(Unparsed, match=why):
        LINES.read(data, "/file/0")


def test_texts_beyond_the_limit_are_kept_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batchlines, "TEXTS_MAX", 6)
    found = LINES.read(line() + b"\n" + line(), "/file/0")
    assert found.segments[-1].pointer == "/file/0/1#rest#key" and "hello jane" in found.segments[-1].text


def test_pictures_in_a_line_are_handed_on() -> None:
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf"}}
    found = LINES.read(line(body={"model": "m", "messages": [{"role": "user", "content": [part]}]}), "/file/0")
    assert found.attachments[0].pointer.startswith("/file/0/0/body/messages/0/content/0")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (line(), True),
        (b"\n " + line(), True),
        (b'{"text": "custom_id body"}', False),
        (b"name,city", False),
        (b"", False),
    ],
)
def test_what_looks_like_a_batch(data: bytes, says: bool) -> None:
    assert looks_like_batch(data) is says
