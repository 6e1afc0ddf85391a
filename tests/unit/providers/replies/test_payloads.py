"""A stream of another framing in pieces within AWS's event stream: read, edited, and exact."""

from __future__ import annotations

import json

import pytest

from golden.eventwire import crc
from golden.swap import VALUE, WORD, Swap
from weir.model import Endpoint, Exchange, Inspection
from weir.providers.formats.huggingface import GeneratedEvents
from weir.providers.replies.eventreading import EVENT_STREAM, exception_bytes
from weir.providers.replies.payloads import PayloadReader
from weir.providers.wire.eventstream import Cutter, message_bytes

PART = {":event-type": "PayloadPart", ":content-type": "application/octet-stream", ":message-type": "event"}
EXCHANGE = Exchange(Endpoint("sagemaker", "sagemaker", "invoke"), "m", True)


def sse(*texts: str) -> bytes:
    docs = [{"token": {"id": 1, "text": text, "special": False}, "generated_text": None} for text in texts]
    return b"".join(b"data:" + json.dumps(doc).encode() + b"\n\n" for doc in docs)


def lines(*texts: str) -> bytes:
    return b"".join(json.dumps({"generated_text": text}).encode() + b"\n" for text in texts)


def document(*texts: str) -> bytes:
    return json.dumps([{"generated_text": "".join(texts)}]).encode()


def packed(data: bytes, size: int) -> bytes:
    return b"".join(message_bytes(PART, data[at : at + size]) for at in range(0, len(data), size))


def unpacked(stream: bytes) -> bytes:
    """All payloads of a stream whose every checksum has to be right."""
    found = b""
    while stream:
        total = int.from_bytes(stream[:4], "big")
        raw, stream = stream[:total], stream[total:]
        assert len(raw) == total and raw[8:12] == crc(raw[:8]) and raw[-4:] == crc(raw[:-4])
        found += raw[12 + int.from_bytes(raw[4:8], "big") : -4]
    return found


def through(data: bytes, text: Swap | None, size: int = 1 << 20) -> tuple[bytes, PayloadReader]:
    reader = PayloadReader(GeneratedEvents(), EVENT_STREAM, True, text)
    out = b"".join(reader.feed(data[at : at + size]) for at in range(0, len(data), size)) + reader.close()
    return out, reader


@pytest.mark.parametrize("make", [sse, lines, document])
@pytest.mark.parametrize("piece", [5, 40, 1 << 20])
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_placeholders_come_back_wherever_the_cuts_are(make: object, piece: int, size: int) -> None:
    assert callable(make)
    data = make("to <EMAIL", "_ADDRESS_1>, or <EM")
    stream = packed(data, piece)
    assert through(stream, None, size)[0] == stream
    out, reader = through(stream, Swap({WORD: VALUE}), size)
    assert reader.reply().text == f"to {WORD}, or <EM"
    got = unpacked(out).decode()
    if make is sse:
        texts = [json.loads(line[5:])["token"]["text"] for line in got.splitlines() if line.startswith("data:")]
    elif make is lines:
        texts = [json.loads(line)["generated_text"] for line in got.splitlines() if line]
    else:
        texts = [json.loads(got)[0]["generated_text"]]
    assert "".join(texts) == f"to {VALUE}, or <EM"


def test_what_does_not_change_passes_message_by_message() -> None:
    stream = packed(sse("a", "b"), 1 << 20) + message_bytes(PART, b" \n")
    assert through(stream, Swap({}))[0] == stream


def test_the_models_failure_is_an_exception() -> None:
    stream = packed(sse("a"), 1 << 20) + exception_bytes("ModelStreamError", b'{"Message":"out of memory"}')
    out, reader = through(stream, Swap({WORD: VALUE}))
    assert out == stream and reader.reply().finish_reason == "error" and reader.reply().text == "a"


def test_faults_of_both_framings_are_told() -> None:
    broken = bytearray(packed(b"data: no JSON\n\n", 1 << 20) + packed(sse("a"), 1 << 20))
    broken[-1] ^= 1
    out, reader = through(bytes(broken), None)
    assert out == bytes(broken) and reader.reply().inspection is Inspection.PARTIAL
    assert "event: " in reader.reply().reason and ";" in reader.reply().reason


def test_a_document_without_event_stream_is_read_as_any() -> None:
    reader = PayloadReader(GeneratedEvents(), "application/json", False, Swap({WORD: VALUE}))
    out = reader.feed(document(WORD)) + reader.close()
    assert out == json.dumps([{"generated_text": VALUE}]).encode()


def test_the_cutter_reads_what_was_made() -> None:
    out, _ = through(packed(sse(f"x {WORD}"), 9), Swap({WORD: VALUE}))
    assert all(not message.fault for message in Cutter(1 << 20).feed(out))
