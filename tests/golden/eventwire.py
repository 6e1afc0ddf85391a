"""AWS event streams for golden files, written and read by means of their own: lists of headers and documents.

An event is ``{"headers": {…}, "payload": {…}}``, or with ``chunk`` for a document that stands in base64 as ``bytes``.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

Event = dict[str, Any]


def crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big")


def packed(events: list[Event]) -> bytes:
    """The stream of ``events``."""
    return b"".join(_packed(event) for event in events)


def _packed(event: Event) -> bytes:
    block = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + len(value.encode()).to_bytes(2, "big") + value.encode()
        for name, value in event["headers"].items()
    )
    payload = b""
    if "chunk" in event:
        inner = json.dumps(event["chunk"], separators=(",", ":")).encode()
        payload = json.dumps({"bytes": base64.b64encode(inner).decode(), "p": "abcdef"}).encode()
    elif "payload" in event:
        payload = json.dumps(event["payload"], ensure_ascii=False).encode()
    lengths = (16 + len(block) + len(payload)).to_bytes(4, "big") + len(block).to_bytes(4, "big")
    body = lengths + crc(lengths) + block + payload
    return body + crc(body)


def unpacked(stream: bytes) -> list[Event]:
    """The events of ``stream``, whose every length and checksum has to be right."""
    found: list[Event] = []
    while stream:
        total, size = int.from_bytes(stream[:4], "big"), int.from_bytes(stream[4:8], "big")
        raw, stream = stream[:total], stream[total:]
        assert len(raw) == total and raw[8:12] == crc(raw[:8]) and raw[-4:] == crc(raw[:-4])
        found.append(_unpacked(raw[12 : 12 + size], raw[12 + size : -4]))
    return found


def _unpacked(block: bytes, payload: bytes) -> Event:
    headers: dict[str, str] = {}
    while block:
        name, block = block[1 : 1 + block[0]], block[1 + block[0] :]
        assert block[0] == 7
        size = int.from_bytes(block[1:3], "big")
        headers[name.decode()], block = block[3 : 3 + size].decode(), block[3 + size :]
    if not payload:
        return {"headers": headers}
    document = json.loads(payload)
    if "bytes" in document:
        return {"headers": headers, "chunk": json.loads(base64.b64decode(document["bytes"], validate=True))}
    return {"headers": headers, "payload": document}
