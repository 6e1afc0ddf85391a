"""mitmproxy's files of flows, as ``mitmdump -w`` writes them: netstrings with a type, one after the other.

Read here, and not by mitmproxy's own reader, since six fields of a flow are wanted and none of its bodies: a flow is
walked through, not built, and whatever a hostile file holds is bytes of a stated length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from weir.logs.format import Bad, Format, Row, Sample

__all__ = ["FORMAT"]

_FLOW_MAX = 128 << 20  # bytes of a flow, bodies and all; larger ones are skipped
_PIECE = 1 << 20
_HEAD = re.compile(rb"\d{1,12}:\d{1,3}:[a-z_]{3,20};\d")
_HEADERS_MAX = 500


class _TornError(ValueError):
    """No whole value where one should be."""


def _looks(sample: Sample) -> float:
    if not _HEAD.match(sample.head):
        return 0.0
    return 1.0 if b"7:version;" in sample.head or b"11:client_conn;" in sample.head else 0.6


def _rows(stream: BinaryIO) -> Iterator[Row | Bad]:
    number = 0
    while True:
        number += 1
        size = _length(stream)
        if size is None:
            return
        if size < 0:
            yield Bad(number, "no flow; the rest of the file can't be read")
            return
        flow = _flow(stream, size)
        if flow is None:
            yield Bad(number, "cut off")
            return
        if isinstance(flow, str):
            yield Bad(number, flow)
            continue
        try:
            row = _row(flow)
        except (ValueError, OverflowError):  # Unicode's errors are ValueErrors
            yield Bad(number, "a damaged flow")
            continue
        if row is not None:
            yield row


def _length(stream: BinaryIO) -> int | None:
    """The number before the colon; None at the end of the file, -1 when there is none."""
    digits = b""
    while (one := stream.read(1)) and one.isdigit() and len(digits) < 12:
        digits += one
    if not one and not digits:
        return None
    return int(digits) if one == b":" and digits else -1


def _flow(stream: BinaryIO, size: int) -> memoryview | str | None:
    """A flow's items; why it is skipped; or None when the file ends in it."""
    keep = size <= _FLOW_MAX
    held = bytearray()
    left = size + 1  # the type's letter
    last = b""
    while left:
        piece = stream.read(min(_PIECE, left))
        if not piece:
            return None
        left -= len(piece)
        last = piece
        if keep:
            held += piece
    if not last.endswith(b"}"):
        return "a damaged flow"
    return memoryview(held)[:-1] if keep else "larger than 128 MB"


def _row(flow: memoryview) -> Row | None:
    """What a flow tells; None for one that isn't HTTP."""
    parts = _items(flow)
    if _text(parts.get("type")) != "http":
        return None
    request = _dict(parts.get("request"))
    response = _dict(parts.get("response")) if parts.get("response", (b"", "~"))[1] == "}" else {}
    client = _dict(parts.get("client_conn"))
    host, port = _text(request.get("host")), _text(request.get("port"))
    agent = named = ""
    for pair in _list(request.get("headers"))[:_HEADERS_MAX]:
        name, value = (_text(one) for one in (*_list(pair), (b"", ","), (b"", ","))[:2])
        agent = value if name.lower() == "user-agent" else agent
        named = value if name.lower() == "host" else named
    authority = _text(request.get("authority")) or named
    started = _text(request.get("timestamp_start"))
    peer = _list(client.get("peername", client.get("address", (b"", "]"))))
    return Row(
        ts=int(float(started) * 1_000_000) if started else None,
        # What the client asked for goes before the address that a transparent proxy saw.
        host=authority.split("@")[-1] or (f"[{host}]:{port}" if ":" in host else host),
        path=_text(request.get("path")),
        agent=agent,
        source=_text(peer[0]) if peer else "",
        bytes_up=len(request["content"][0]) if "content" in request else None,
        bytes_down=len(response["content"][0]) if "content" in response else None,
    )


_Value = tuple[memoryview | bytes, str]


def _value(data: memoryview, at: int) -> tuple[_Value, int]:
    """The value that begins at ``at``, its type's letter, and where the next begins."""
    head = bytes(data[at : at + 13])
    digits, colon, _ = head.partition(b":")
    if not colon or not digits.isdigit():
        raise _TornError
    start = at + len(digits) + 1
    end = start + int(digits)
    if end >= len(data):
        raise _TornError
    return (data[start:end], chr(data[end])), end + 1


def _walk(data: memoryview) -> Iterator[_Value]:
    at = 0
    while at < len(data):
        value, at = _value(data, at)
        yield value


def _items(data: memoryview) -> dict[str, _Value]:
    values = _walk(data)
    return {_text(key): value for key, value in zip(values, values, strict=True)}


def _dict(value: _Value | None) -> dict[str, _Value]:
    return _items(memoryview(value[0])) if value and value[1] == "}" else {}


def _list(value: _Value | None) -> list[_Value]:
    return list(_walk(memoryview(value[0]))) if value and value[1] == "]" else []


def _text(value: _Value | None) -> str:
    """Text, bytes or a number as text; "" for null and for what has parts."""
    if value is None or value[1] not in ",;#^":
        return ""
    return bytes(value[0][:65_536]).decode("utf-8", "replace")


FORMAT = Format("mitm", "mitmproxy's files of flows (mitmdump -w)", _looks, rows=_rows)
