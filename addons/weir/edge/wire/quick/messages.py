"""What mitmproxy asks of each HTTP message several times, answered in one walk over its fields.

How long its body is (five times a request), whether its connection ends, whether its fields are well formed, which
version it speaks, and a new flow's identity. Only the plain case is answered here: what has a transfer-encoding, an odd
length or an odd version goes to mitmproxy's own functions, whatever they say of it.
"""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import mitmproxy.proxy.layers.http as http_layers
from mitmproxy import flow, http
from mitmproxy.net.http import http1
from mitmproxy.net.http.http1 import read

__all__ = ["install"]

_stock_size = read.expected_http_body_size
_stock_close = read.connection_close
_stock_validate = http_layers.validate_headers
_stock_version = read.raise_if_http_version_unknown

_LENGTH, _CODING, _CONNECTION = b"content-length", b"transfer-encoding", b"connection"
_PLAIN_CONNECTION = (b"close", b"keep-alive")
_names: set[bytes] = set()  # that mitmproxy has found well formed
_NAMES_MAX, _NAME_MAX = 1000, 64
_DIGITS_MAX = 18


def _plain_length(fields: tuple[tuple[bytes, bytes], ...]) -> int | None:
    """The one content-length of a message without transfer-encoding; -1 when it has neither, None when not plain."""
    length = -1
    for name, value in fields:
        size = len(name)
        if size == 14 and name.lower() == _LENGTH:
            if length >= 0 or not value.isdigit() or (value[0] == 48 and len(value) > 1) or len(value) > _DIGITS_MAX:
                return None
            length = int(value)
        elif size == 17 and name.lower() == _CODING:
            return None
    return length


def _size(request: http.Request, response: http.Response | None = None) -> int | None:
    if response is None:
        length = _plain_length(request.headers.fields)
        return _stock_size(request) if length is None else max(length, 0)
    status, method = response.data.status_code, request.data.method
    if method not in (b"GET", b"POST", b"PUT") or status < 200 or status in (204, 304):
        return _stock_size(request, response)
    length = _plain_length(response.headers.fields)
    return _stock_size(request, response) if length is None else length


def _close(http_version: Any, headers: http.Headers) -> bool:
    found = None
    for name, value in headers.fields:
        if len(name) == 10 and name.lower() == _CONNECTION:
            if found is not None or value not in _PLAIN_CONNECTION:
                return bool(_stock_close(http_version, headers))  # type: ignore[no-untyped-call]
            found = value
    if found is not None:
        return found == b"close"
    return http_version not in ("HTTP/1.1", b"HTTP/1.1", "HTTP/2.0", b"HTTP/2.0")


def _validate(message: http.Message) -> None:
    fields = message.headers.fields
    for name, _ in fields:
        if name not in _names:
            _stock_validate(message)
            _learn(fields)
            return
    if _plain_length(fields) is None:
        _stock_validate(message)


def _learn(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    for name, _ in fields:  # all of them passed
        if len(_names) < _NAMES_MAX and len(name) <= _NAME_MAX:
            _names.add(name)


def _version(http_version: bytes) -> None:
    if http_version != b"HTTP/1.1":
        _stock_version(http_version)


def _identity() -> str:
    """A random UUID of version 4, as text."""
    text = os.urandom(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{'89ab'[int(text[16], 16) & 3]}{text[17:20]}-{text[20:]}"


def install() -> None:
    """Put them where mitmproxy looks these functions up. Idempotent."""
    http1.expected_http_body_size = _size
    http1.connection_close = _close
    http_layers.validate_headers = _validate
    read.raise_if_http_version_unknown = _version
    flow.uuid = SimpleNamespace(uuid4=_identity)  # type: ignore[assignment]
