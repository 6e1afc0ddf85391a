"""Recorded traffic, exchange by exchange: HAR files of browsers and proxies, and mitmproxy's own files of flows.

Both are read with mitmproxy's readers, one exchange at a time: what is held is as large as the largest of them, however
large the file is. What can't be read is told by its place and never quoted.
"""

from __future__ import annotations

import base64
import binascii
import gc
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from weir.providers.wire.arrays import ArrayFramer

__all__ = ["Message", "Recorded", "RecordingError", "read"]

PIECE_BYTES = 1 << 20
ENTRY_BYTES_MAX = 256 << 20  # of one exchange in a HAR file
_HEAD_BYTES_MAX = 64 << 20  # of a HAR file before its entries
_ENTRIES = re.compile(rb'(?<!\\)"entries"\s*:\s*(?=\[)')
_BOM = b"\xef\xbb\xbf"
_OVERLAP = 4096
_SWEEP_BYTES = 4 << 20

Told = Callable[[int], None]  # how many bytes of the file are behind


class RecordingError(ValueError):
    """A file that can't be read, or not to its end. Says where, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a WebSocket."""

    from_client: bool
    is_text: bool
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One exchange as it stands in a file. Bodies are as they went over the wire, with their content-encoding."""

    number: int  # from 1, of all that the file holds
    method: str = ""
    scheme: str = ""
    host: str = ""
    port: int = 0
    target: str = field(default="", repr=False)  # path and query
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    status: int | None = None  # None: there was no reply
    reply_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    reply_body: bytes | None = field(default=b"", repr=False)  # None: it was not recorded
    messages: tuple[Message, ...] | None = None  # of a WebSocket
    at: float = 0.0  # seconds since the epoch
    other: str = ""  # what it is when it is no HTTP: tcp, udp, dns


def read(path: Path, told: Told) -> Iterator[Recorded]:
    """The exchanges in ``path``, in their order. Raises RecordingError where it can't go on, OSError."""
    with path.open("rb") as file:
        head = file.peek(64)[:64]
        if not head:
            raise RecordingError("is empty; record something with mitmdump -w, or save a HAR file in a browser")
        is_har = head.removeprefix(_BOM).lstrip()[:1] == b"{"
        swept = 0
        for one in _har(file, told) if is_har else _flows(file, told):
            yield one
            # mitmproxy's flows hold each other: Python finds that out by their number, and a few fill the memory.
            if file.tell() - swept > _SWEEP_BYTES:
                swept = file.tell()
                gc.collect(1)


def _flows(file: BinaryIO, told: Told) -> Iterator[Recorded]:
    from mitmproxy import exceptions, http
    from mitmproxy.io import FlowReader

    number = 0
    flows = iter(FlowReader(file).stream())
    while True:
        start = file.tell()
        try:
            one = next(flows, None)
        except exceptions.FlowReadException:
            if not number:
                raise RecordingError("is neither a HAR file nor whole flows as mitmdump -w writes them") from None
            where = f"flow {number + 1}, which begins at byte {start}"
            raise RecordingError(f"is damaged or cut off: {where}, can't be read") from None
        except Exception as error:  # noqa: BLE001 - whatever a damaged file makes of a flow's parts
            where = f"flow {number + 1}, which begins at byte {start}"
            raise RecordingError(f"is damaged: {where}, can't be read ({type(error).__name__})") from None
        if one is None:
            return
        number += 1
        told(file.tell())
        yield _of_flow(number, one) if isinstance(one, http.HTTPFlow) else Recorded(number, other=one.type)


def _of_flow(number: int, flow: Any, messages: tuple[Message, ...] | None = None) -> Recorded:
    request, response = flow.request, flow.response
    if flow.websocket is not None:
        said = flow.websocket.messages
        messages = tuple(Message(one.from_client, one.is_text, one.content) for one in said)
    return Recorded(
        number,
        request.method,
        request.scheme,
        request.pretty_host,
        request.port,
        request.path,
        _pairs(request.headers),
        request.raw_content or b"",
        response.status_code if response is not None and response.status_code else None,
        _pairs(response.headers) if response is not None else (),
        response.raw_content if response is not None else b"",
        messages,
        request.timestamp_start,
    )


def _pairs(headers: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.fields)


# ── HAR


def _har(file: IO[bytes], told: Told) -> Iterator[Recorded]:
    for number, (raw, whole) in enumerate(_entries(file, told), 1):
        if not whole:
            raise RecordingError(f"entry {number} can't be read: the file ends in it, or it is too large")
        yield _entry(number, raw)


def _entries(file: IO[bytes], told: Told) -> Iterator[tuple[bytes, bool]]:
    """The elements of ``log.entries``, each as it stands, and whether it is whole."""
    head = bytearray()
    found = None
    while found is None:
        piece = file.read(PIECE_BYTES)
        fresh = max(0, len(head) - _OVERLAP)  # what was searched before is not searched again
        head += piece
        found = _ENTRIES.search(head, fresh)
        if found is None and (not piece or len(head) > _HEAD_BYTES_MAX):
            raise RecordingError(
                "is no HAR file: JSON without log.entries; in a browser's network panel, save all as HAR"
            )
    framer = ArrayFramer(ENTRY_BYTES_MAX)
    data = bytes(head[found.end() :])
    del head
    while data:
        for piece_of in framer.feed(data):
            if piece_of.kind == "end":
                return
            if piece_of.kind == "between" and piece_of.raw.strip(b" \t\r\n[,"):
                raise RecordingError("is no HAR file: log.entries holds something that is no entry")
            if piece_of.kind == "element":
                yield piece_of.raw, not piece_of.oversize
                if piece_of.oversize:
                    return
        told(file.tell())
        data = file.read(PIECE_BYTES)
    yield b"", False


def _entry(number: int, raw: bytes) -> Recorded:
    from mitmproxy.io.har import request_to_flow

    try:
        entry = json.loads(raw)
        post = entry["request"].get("postData")
        if isinstance(post, dict):
            post.setdefault("text", "")
            if post.get("encoding") == "base64":  # not of the standard, but what some write for bodies of bytes
                post["text"] = base64.b64decode(post["text"]).decode("latin-1")
        response = entry["response"]
        response.setdefault("content", {})
        response["httpVersion"] = response.get("httpVersion") or "HTTP/1.1"
        missing = response["content"].get("size", 0) > 0 and "text" not in response["content"]
        return _without_text(_of_flow(number, request_to_flow(entry), _messages(entry)), missing)
    except Exception as error:  # noqa: BLE001 - a HAR file may hold anything in the place of anything
        what = f"no {error.args[0]}" if isinstance(error, KeyError) and _is_name(error.args[0]) else ""
        raise RecordingError(f"entry {number} can't be read: {what or type(error).__name__}") from None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.isalpha() and len(value) <= 32


def _without_text(recorded: Recorded, missing: bool) -> Recorded:
    from dataclasses import replace

    return replace(recorded, reply_body=None) if missing else recorded


def _messages(entry: dict[str, Any]) -> tuple[Message, ...] | None:
    """Messages of a WebSocket, as Chrome and mitmproxy write them."""
    said = entry.get("_webSocketMessages")
    if not isinstance(said, list):
        return None
    out: list[Message] = []
    for one in said:
        text = cast("str", one["data"])
        is_text = one.get("opcode", 1) == 1
        try:
            content = text.encode("utf-8", "replace") if is_text else base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            content = text.encode("utf-8", "replace")
        out.append(Message(one.get("type") == "send", is_text, content))
    return tuple(out)
