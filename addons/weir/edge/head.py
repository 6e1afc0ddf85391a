"""What a request's head alone tells, worked out once: most clients send the same one again over a connection.

Heads are the same when all of them is but the length of the body and what numbers a request for whoever traces it, and
only under the same policy. What is kept lives as long as its connection and is never written anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from mitmproxy import http

if TYPE_CHECKING:
    from weir.edge.trace import Trace

__all__ = ["Head", "head_of"]

_LENGTH = b"content-length"
# Lines that differ from request to request. Nobody decides anything by them: they are no place of a credential, and a
# value of any other form than that of a number or an id makes another head, as it may be one all the same.
_PASSING = frozenset(
    {_LENGTH, b"idempotency-key", b"traceparent", b"x-stainless-retry-count", b"x-stainless-read-timeout"}
    | {b"x-request-id", b"x-client-request-id", b"x-correlation-id", b"x-b3-traceid", b"x-b3-spanid", b"sentry-trace"}
)
_ID = re.compile(
    rb"\d{1,6}(?:\.\d{1,3})?"
    rb"|(?:(?:stainless|python|node|retry|req)-){0,3}[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    rb"|(?:00-)?[0-9a-f]{32}(?:-[0-9a-f]{16}(?:-[0-9a-f]{1,2})?)?|[0-9a-f]{16}"
)
_KEPT_LINES_MAX, _KEPT_BYTES_MAX = 64, 16 * 1024  # a head of more is not kept


class Head:
    """What was made of one head so far. A new one knows nothing."""

    __slots__ = ("_key", "_made", "_snapshot", "sound")

    def __init__(self, key: tuple[Any, ...] = (), snapshot: object = None) -> None:
        self._key, self._snapshot = key, snapshot
        self._made: dict[str, Any] = {}
        self.sound = False  # looked at, and nobody could read it in two ways

    def once[T](self, what: str, make: Callable[[], T]) -> T:
        """The value ``what``, made when it is first asked for: of nothing but the head and the policy."""
        made = self._made
        if what not in made:
            made[what] = make()
        return cast("T", made[what])

    def same(self, key: tuple[Any, ...], snapshot: object) -> bool:
        """Whether this is what is known of a head with this ``key``, under the policy ``snapshot``."""
        return self._snapshot is snapshot and self._key == key


def _passes(name: bytes, value: bytes) -> bool:
    """Whether a line of this ``name`` (of `_PASSING`) makes no other head."""
    return value.isdigit() if name == _LENGTH else _ID.fullmatch(value) is not None


def head_of(trace: Trace, flow: http.HTTPFlow) -> Head:
    """What is known of a request's head as it came: what the request before it on this connection left, if it fits."""
    data, client = flow.request.data, flow.client_conn
    fields: tuple[tuple[bytes, bytes] | bytes, ...] = tuple(
        [
            field if (name := field[0].lower()) not in _PASSING or not _passes(name, field[1]) else name
            for field in data.headers.fields
        ]
    )
    request = (data.path, data.method, data.host, data.authority, data.scheme, data.port, data.http_version)
    key = (fields, request, flow.server_conn.address, client.sni, client.peername)
    known = trace.link.head
    if known is not None and known.same(key, trace.snapshot):
        return known
    made = Head(key, trace.snapshot)
    size = len(data.path) + sum(len(name) + len(value) for name, value in data.headers.fields)
    if size <= _KEPT_BYTES_MAX and len(fields) <= _KEPT_LINES_MAX:
        trace.link.head = made
    return made
