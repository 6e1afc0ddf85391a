"""Large and compressed request bodies: inspected like any other, and untouched when nothing is to be changed."""

from __future__ import annotations

import gzip
import json
import random
import zlib

import brotli
import pytest
import zstandard

from e2e.support import ADDRESS, STAND_IN, House, access_key, chat_body
from harness.bombs import gzip_bomb

URL = "https://api.openai.com/v1/chat/completions"
MEGABYTE = 1_000_000
WORDS = ("the", "river", "stands", "low", "and", "its", "banks", "are", "dry", "where", "reeds", "once", "grew", "tall")


def prose(size: int) -> str:
    """Words without end, of which no detector can make anything."""
    chosen = random.Random(size)
    lines = [" ".join(chosen.choices(WORDS, k=16)) for _ in range(2000)]
    text = "\n".join(chosen.choices(lines, k=size // 70))
    return (text + text)[:size]


def conversation(size: int, middle: str = "") -> bytes:
    """A chat request of that many bytes: many turns, as agents send them, with ``middle`` in one of them."""
    text = prose(size)
    turns = [text[start : start + 100_000] for start in range(0, size, 100_000)]
    turns[len(turns) // 2] += middle
    roles = ("user", "assistant")
    messages = [{"role": roles[number % 2], "content": turn} for number, turn in enumerate(turns)]
    return json.dumps({"model": "gpt-5-mini", "messages": messages}).encode()


def send(house: House, body: bytes, *, http2: bool = False, encoding: str = "") -> tuple[int, bytes]:
    """Post ``body``; the status and the reply."""
    headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
    headers |= {"content-encoding": encoding} if encoding else {}
    with house.client(http2=http2) as http:
        reply = http.post(URL, content=body, headers=headers)
        return reply.status_code, reply.content


both = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])


@both
def test_ten_megabytes_pass_unchanged(http2: bool, house: House) -> None:
    body = conversation(10 * MEGABYTE)
    began = house.weir.process.used_s
    status, said = send(house, body, http2=http2)
    took = house.weir.process.used_s - began
    assert status == 200, said[:300]
    assert house.doubles.only().body == body
    record = house.only("response")
    assert (record["inspection"], record["verdict"], record["req_bytes"]) == ("inspected", "allow", len(body))
    assert took < 15, f"{took:.1f} s"


@both
def test_a_credential_in_the_middle_of_ten_megabytes(http2: bool, house: House) -> None:
    status, said = send(house, conversation(10 * MEGABYTE, f" {access_key()} "), http2=http2)
    assert status == 400 and b"no-credentials-leave" in said
    assert house.doubles.requests() == []
    assert house.only()["kind"] == "block"


@both
def test_an_address_in_the_middle_of_ten_megabytes(http2: bool, house: House) -> None:
    body = conversation(10 * MEGABYTE, f" Write to {ADDRESS} now. ")
    status, said = send(house, body, http2=http2)
    assert status == 200, said[:300]
    assert house.doubles.only().body == body.replace(ADDRESS.encode(), STAND_IN.encode())


CODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("encoding", CODINGS)
def test_a_compressed_body_without_findings_passes_as_it_is(encoding: str, house: House) -> None:
    house.doubles.behave("echo")
    body = CODINGS[encoding](chat_body("How high is the river?"))
    assert send(house, body, encoding=encoding) == (200, body)
    got = house.doubles.only()
    assert got.body == body and got.header("content-encoding") == encoding
    assert house.only("request")["inspection"] == "inspected"


@pytest.mark.parametrize("encoding", CODINGS)
def test_a_credential_in_a_compressed_body_is_found(encoding: str, house: House) -> None:
    status, said = send(house, CODINGS[encoding](chat_body(f"Use {access_key()} for it.")), encoding=encoding)
    assert status == 400 and b"no-credentials-leave" in said
    assert house.doubles.requests() == []


@pytest.mark.parametrize("encoding", CODINGS)
def test_an_address_in_a_compressed_body_is_replaced(encoding: str, house: House) -> None:
    body = chat_body(f"Write to {ADDRESS} now.")
    status, said = send(house, CODINGS[encoding](body), encoding=encoding)
    assert status == 200 and ADDRESS.encode() in said
    got = house.doubles.only()
    assert got.header("content-encoding") == ""
    assert got.body == body.replace(ADDRESS.encode(), STAND_IN.encode())


UNREADABLE = {
    "not what it says": (b"never compressed", "gzip"),
    "no known coding": (b"whatever", "snappy"),
    "broken off": (gzip.compress(chat_body("How high is the river?"))[:-12], "gzip"),
    "a bomb": (gzip_bomb(60, b" "), "gzip"),
    "wrapped too often": (b"x", "gzip, gzip, gzip, gzip"),
}


@pytest.mark.parametrize("how", UNREADABLE)
def test_an_unreadable_body_is_refused(how: str, house: House) -> None:
    body, encoding = UNREADABLE[how]
    status, said = send(house, body, encoding=encoding)
    assert status in (400, 403) and b"on-failure" in said
    assert house.doubles.requests() == []
    block = house.only()
    assert (block["kind"], block["inspection"], block["rule_id"]) == ("block", "unparsed", "on-failure")


def test_more_than_the_limit_is_refused_not_waved_through(house: House) -> None:
    status, said = send(house, conversation(40 * MEGABYTE))
    assert status in (400, 403, 413) and b"on-failure" in said
    assert house.doubles.requests() == []
    block = house.only()
    assert (block["inspection"], block["inspection_reason"]) == ("failed", "body over the limit")
