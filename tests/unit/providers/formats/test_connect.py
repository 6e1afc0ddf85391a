from __future__ import annotations

import base64
import gzip
import json

import pytest

from weir.model import Endpoint, Exchange, Inspection, Unparsed
from weir.providers.formats.connect import Connect, is_framed, is_protobuf

ENDPOINT = Endpoint("cursor", "connect", "chat")


def field(number: int, data: bytes) -> bytes:
    return bytes((number << 3 | 2, len(data))) + data


def frame(data: bytes, flags: int = 0) -> bytes:
    return bytes((flags,)) + len(data).to_bytes(4, "big") + data


def parsed(kind: str, body: bytes) -> Exchange:
    return Connect().bound([("Content-Type", kind)]).parse(body, ENDPOINT)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/connect+proto", frame(field(1, b"hello you"))),
        ("application/grpc", frame(field(1, b"hello you"))),
        ("application/grpc+proto; charset=x", frame(gzip.compress(field(1, b"hello you")), 1)),
        ("application/grpc-web-text", base64.b64encode(frame(field(1, b"hello you")))),
        ("application/connect+json", frame(b'{"q": "hello you"}')),
        ("application/proto", field(1, b"hello you")),
        ("application/x-protobuf", b"\xff hello you"),
    ],
)
def test_strings_are_read_and_nothing_can_be_edited(kind: str, body: bytes) -> None:
    exchange = parsed(kind, body)
    assert exchange.inspection is Inspection.UNPARSED and "protobuf" in exchange.reason
    assert any("hello you" in segment.text for segment in exchange.segments)
    assert all(segment.pointer.startswith("#proto/") for segment in exchange.segments)
    with pytest.raises(Unparsed):
        Connect().bound([("content-type", kind)]).replace(body, {exchange.segments[0].pointer: "x"})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (frame(b"\x28\xb5\x2f\xfd zstd", 1), "compressed in a way"),
        (frame(field(1, b"whole")) + b"\x00\x00\x00\x00\x09cut", "a message is cut"),
        (b"\x00\xff\xff\xff\xff", "message over the limit"),
    ],
)
def test_what_is_not_seen_is_told(body: bytes, reason: str) -> None:
    assert reason in parsed("application/connect+proto", body).reason


def test_connect_in_json_is_json() -> None:
    exchange = parsed("application/json", b'{"query": "hello you"}')
    assert exchange.inspection is Inspection.INSPECTED
    dialect = Connect().bound([("content-type", "application/json")])
    assert dialect.replace(b'{"query": "hello you"}', {"/query": "x"}) == b'{"query": "x"}'
    with pytest.raises(Unparsed):
        parsed("application/json", b"no json")


def test_errors_of_its_own_shape() -> None:
    assert json.loads(Connect().refusal(400, "no", "r"))["code"] == "permission_denied"
    end = Connect().abort_event("no", "r")
    assert end[0] == 2 and json.loads(end[5:])["error"]["message"] == "no (weir rule: r)"


def test_an_error_in_json_is_read_as_json() -> None:
    reader = Connect().reader(Exchange(ENDPOINT, "", True), "application/json")
    reader.feed(b'{"code":"unauthenticated"}')
    reader.close()
    assert reader.reply().inspection is Inspection.INSPECTED


def test_types() -> None:
    assert is_framed("application/grpc-web") and not is_framed("application/proto")
    assert is_protobuf("Application/Proto") and not is_protobuf("application/json") and not is_protobuf("")
