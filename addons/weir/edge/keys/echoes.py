"""The company's key in what a provider answers: redirects, links and errors repeat what was asked, the key with it.

The client gets the key back that it sent itself: what it knows of the company's stays nothing, and a redirect that it
follows comes here again and is decided on anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from mitmproxy import http

from weir.edge.trace import Trace
from weir.edge.wire.pipe import Reader, ReplyPipe
from weir.model import Reply
from weir.ports import ReplyReader

__all__ = ["REPEATS", "Echo", "Quiet", "echo_of", "hide", "hide_in"]

REPEATS = 300  # from this status on replies speak of the request, and may repeat the key it came with
_SHORTEST = 12  # a shorter "key" would be found in texts by chance


_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: quote(text, safe=""),
    lambda text: quote(text, safe="/"),
    lambda text: re.sub("%..", lambda code: code[0].lower(), quote(text, safe="")),
    lambda text: text.replace("/", r"\/"),  # as some write JSON
)


class Echo:
    """One key and what is said in its place, in the spellings that a URL, JSON and plain text have for it."""

    def __init__(self, real: str, own: str) -> None:
        self._of = (real, own)
        pairs = [(spell(real).encode(), spell(own).encode()) for spell in _SPELLINGS]
        self._pairs = tuple(dict(reversed(pairs)).items())  # each spelling once
        self.longest = max(len(said) for said, _ in self._pairs)

    def __repr__(self) -> str:
        return "Echo(hidden)"

    def is_of(self, real: str, own: str) -> bool:
        """Whether it was made of these two."""
        return self._of == (real, own)

    def out_of(self, data: bytes) -> bytes:
        """``data`` without the key."""
        for said, instead in self._pairs:
            if said in data:
                data = data.replace(said, instead)
        return data

    def held(self, data: bytes) -> int:
        """How many bytes at the end of ``data`` may be the beginning of the key."""
        for length in range(min(self.longest - 1, len(data)), 0, -1):
            tail = data[-length:]
            if any(said.startswith(tail) for said, _ in self._pairs):
                return length
        return 0


class Quiet:
    """A reader of a reply out of which the key is taken, however the reply is cut into chunks."""

    def __init__(self, reader: ReplyReader, echo: Echo) -> None:
        self._reader, self._echo, self._rest = reader, echo, b""

    def feed(self, chunk: bytes) -> bytes:
        """As the reader, and never a part of the key."""
        return self._pass(self._reader.feed(chunk))

    def close(self) -> bytes:
        """What is still to be sent."""
        out, self._rest = self._echo.out_of(self._rest + self._reader.close()), b""
        return out

    def reply(self) -> Reply:
        """As the reader."""
        return self._reader.reply()

    def work(self, size: int, *, end: bool) -> int:
        """As the reader."""
        return self._reader.work(size, end=end) if isinstance(self._reader, Reader) else 0

    def ending(self, event: bytes, document: bytes) -> bytes:
        """As the reader."""
        return self._reader.ending(event, document) if isinstance(self._reader, Reader) else b""

    def _pass(self, data: bytes) -> bytes:
        data = self._echo.out_of(self._rest + data)
        keep = self._echo.held(data)
        self._rest = data[len(data) - keep :]
        return data[: len(data) - keep]


class _Unread:
    """A reader of what nobody reads: it passes as it comes."""

    def feed(self, data: bytes) -> bytes:
        return data

    def close(self) -> bytes:
        return b""

    def reply(self) -> Reply:
        return Reply()


def echo_of(trace: Trace) -> Echo | None:
    """What must not come back of this exchange; None when no key of the company's went out as it is."""
    own = next((p.value for p in trace.presented if p.virtual or p.replace), "")
    if trace.given is None or not own:  # a signing key does not go out, only its signature
        return None
    real = trace.given.reveal()
    if len(real) < _SHORTEST:
        return None
    known: list[Echo] = trace.head.once("echo", list)  # of the request before, unless another key went in
    if not (known and known[0].is_of(real, own)):
        known[:] = [Echo(real, own)]
    return known[0]


def hide(trace: Trace, flow: http.HTTPFlow) -> None:
    """Take the company's key out of the headers of a reply, and see that it goes out of a body that nobody reads."""
    response = flow.response
    if response is None or (echo := echo_of(trace)) is None:
        return
    hide_in(trace, response.headers)
    bodiless = response.headers.get("content-length") == "0" or flow.request.method == "HEAD"
    ours = trace.look is not None and trace.look.refused
    if ours or bodiless or trace.pipe is not None or response.status_code < REPEATS or response.status_code == 304:
        return
    limit = trace.snapshot.settings.limits.reply_bytes_max
    coding = response.headers.get("content-encoding", "")
    trace.pipe = ReplyPipe(Quiet(_Unread(), echo), coding, editing=True, limit=limit)
    # As for every reply that is edited: the original tells how the upstream side ends.
    response = flow.response = response.copy()
    response.headers.pop("content-length", None)
    response.headers.pop("content-encoding", None)


def hide_in(trace: Trace, headers: http.Headers) -> None:
    """Take the company's key out of these headers or trailers."""
    if (echo := echo_of(trace)) is None:
        return
    fields: Iterable[tuple[bytes, bytes]] = headers.fields
    clean = tuple((name, echo.out_of(value)) for name, value in fields)
    if clean != fields:
        headers.fields = clean
