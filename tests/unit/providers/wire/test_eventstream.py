from __future__ import annotations

import time

import pytest

from golden.eventwire import crc, packed, unpacked
from weir.providers.wire.eventstream import Cutter, Message, message_bytes, with_payload

HEADERS = {":event-type": "metadata", ":content-type": "application/json", ":message-type": "event"}
EVENT = {"headers": HEADERS, "payload": {"a": "é"}}
WIRE = packed([EVENT])


def cut(data: bytes, size: int = 1 << 20, limit: int = 1 << 20) -> list[Message]:
    cutter = Cutter(limit)
    found = [m for at in range(0, len(data), size) for m in cutter.feed(data[at : at + size])]
    return found + cutter.close()


def sealed(lengths: bytes, rest: bytes) -> bytes:
    body = lengths + crc(lengths) + rest
    return body + crc(body)


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_messages_are_read(size: int) -> None:
    found = cut(WIRE + WIRE, size)
    assert [m.raw for m in found] == [WIRE, WIRE]
    assert found[0].headers == HEADERS and found[0].payload == '{"a": "é"}'.encode()
    assert not any(m.fault for m in found)


def test_what_is_written_is_what_others_write() -> None:
    assert message_bytes(HEADERS, '{"a": "é"}'.encode()) == WIRE
    assert unpacked(message_bytes({}, b"")) == [{"headers": {}}]


def test_an_edit_keeps_headers_and_checksums() -> None:
    (message,) = cut(WIRE)
    assert with_payload(message, message.payload) == WIRE
    assert unpacked(with_payload(message, b'{"b":1}')) == [{"headers": HEADERS, "payload": {"b": 1}}]


def test_all_kinds_of_headers() -> None:
    sizes = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
    block = b"".join(b"\x02" + b"h%d" % kind + bytes([kind]) + bytes(size) for kind, size in sizes.items())
    block += b"\x01b\x06\x00\x03\xff\xff\xff" + b"\x01s\x07\x00\x02ok"
    (message,) = cut(sealed((16 + len(block)).to_bytes(4) + len(block).to_bytes(4), block))
    assert not message.fault and message.headers == {"s": "ok"}


@pytest.mark.parametrize(
    "block",
    [
        b"\x05a",
        b"\x01a",
        b"\x01a\x07",
        b"\x01a\x07\x00\x09x",
        b"\x01a\x0a",
        b"\x01a\x02",
        b"\x01a\x00\x01a\x01",
        b"".join(b"\x02%c%c\x00" % (65 + n // 26, 65 + n % 26) for n in range(65)),
    ],
)
def test_headers_that_cannot_be_read(block: bytes) -> None:
    raw = sealed((16 + len(block)).to_bytes(4) + len(block).to_bytes(4), block)
    found = cut(raw + WIRE, 3)
    assert found[0] == Message(raw, {}, b"", 0, "event: headers can't be read")
    assert found[1].raw == WIRE and not found[1].fault


@pytest.mark.parametrize("size", [1, 1000])
def test_a_wrong_checksum_spoils_one_message(size: int) -> None:
    bad = WIRE[:-5] + b"!" + WIRE[-4:]
    found = cut(bad + WIRE, size)
    assert [(m.raw, m.fault) for m in found] == [(bad, "event: wrong checksum"), (WIRE, "")]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"<html>no stream at all</html>", "event stream: wrong checksum of lengths"),
        (sealed((15).to_bytes(4) + (0).to_bytes(4), b""), "event stream: wrong lengths"),
        (sealed((20).to_bytes(4) + (9).to_bytes(4), b"abcd"), "event stream: wrong lengths"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_wrong_lengths_spoil_all_that_follows(data: bytes, fault: str, size: int) -> None:
    found = cut(WIRE + data + WIRE, size)
    assert found[0].raw == WIRE and not found[0].fault
    assert {m.fault for m in found[1:]} == {fault}
    assert b"".join(m.raw for m in found[1:]) == data + WIRE


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_large_message_goes_on_in_pieces(size: int) -> None:
    large = packed([{"headers": HEADERS, "payload": {"a": "x" * 3000}}])
    found = cut(WIRE + large + WIRE, size, limit=1000)
    assert [m.raw for m in (found[0], found[-1])] == [WIRE, WIRE]
    assert {m.fault for m in found[1:-1]} == {"event over the limit"}
    assert b"".join(m.raw for m in found[1:-1]) == large


def test_what_is_cut_off() -> None:
    assert cut(WIRE[:-1])[0].fault == "event stream: cut off"
    assert cut(WIRE[:5])[0] == Message(WIRE[:5], {}, b"", 0, "event stream: cut off")
    large = packed([{"headers": HEADERS, "payload": {"a": "x" * 3000}}])
    cutter = Cutter(1000)
    assert b"".join(m.raw for m in cutter.feed(large[:2000])) == large[:2000] and not cutter.between
    assert [m.fault for m in cutter.close()] == ["event stream: cut off"]
    assert cut(b"") == []


def test_no_more_is_held_than_the_message_at_hand() -> None:
    cutter = Cutter(1000)
    cutter.feed(WIRE[:20])
    assert cutter.held == 20 and cutter.between
    cutter.feed(WIRE[20:])
    assert cutter.held == 0
    cutter.feed((1 << 31).to_bytes(4) + bytes(4) + crc((1 << 31).to_bytes(4) + bytes(4)) + bytes(5000))
    assert cutter.held == 0


def test_a_long_message_in_small_chunks_takes_no_square_of_its_size() -> None:
    wire = packed([{"headers": HEADERS, "payload": {"a": "x" * 1_000_000}}])
    start = time.process_time()
    assert len(cut(wire, 64)) == 1
    assert time.process_time() - start < 2.0
