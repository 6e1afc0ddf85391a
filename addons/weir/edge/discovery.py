"""AI traffic on hosts that no catalogue lists: recognised by signs, or by what the same host was before.

Also what the headers of any decrypted exchange tell beside that: the SDK or agent that sent it, weights that came back.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from mitmproxy import http

from weir.edge.keys.rawkeys import note
from weir.edge.reading import peek
from weir.edge.trace import Trace
from weir.edge.wire.opening import OPENING_BYTES, Opening
from weir.edge.wire.pipe import ReplyPipe
from weir.model import Service
from weir.shadow import signals
from weir.shadow.clients import client_of, tells
from weir.shadow.downloads import download_of

__all__ = ["Discovery", "answered", "named", "suspected"]

_HOSTS_MAX = 1000
_SAID = 1024
_MANIFOLD = re.compile(rb'"jsonrpc"\s*:|"operationName"\s*:|"query"\s*:\s*"\s*(?:query|mutation|subscription|\{)')
_STREAM = "text/event-stream"
_DECODED_MAX = 64 * OPENING_BYTES  # what one chunk may unpack to
# Where models, servers of theirs and files of weights answer; pages, pictures and films pass without another look.
_SPOKEN = re.compile(
    r"(application/(?:[\w.-]+\+)?json|application/(x-)?ndjson|application/octet-stream|text/(event-stream|plain)|$)",
    re.I,
)


class Discovery:
    """Remembers which hosts are servers of MCP: the older generation's stream shows nothing of itself.

    A client opens it with a plain GET, and what its requests are answered with comes on it. The first stream of a host
    is opened before its first request, and so passes for what it looks like; later ones are known.
    """

    def __init__(self) -> None:
        self._servers: dict[str, None] = {}
        signals.ready()

    def look(self, trace: Trace, flow: http.HTTPFlow) -> bool:
        """Whether the request is AI traffic; from here on it is an exchange like any other then."""
        request = flow.request
        body = peek(flow, trace.snapshot.settings.limits.peek_bytes_max)
        headers = _pairs(request)
        sighting = signals.score(request.method, trace.host, request.path, headers, body, port=request.port)
        trace.signals = sighting.signals
        stream = self._is_stream(trace, request)
        if sighting.is_ai or stream:
            _found(trace, sighting.score, sighting.kind)
        elif trace.suspected:
            _found(trace, *trace.suspected)
        elif (known := _remembered(trace, request, body)) is not None:
            _found(trace, *known)
            trace.remembered = True
            trace.extra = {**trace.extra, "known_by": "an earlier reply"}
        else:
            return False
        registry = trace.snapshot.registry
        trace.endpoint = replace(registry.guess(request.path), service=trace.host)
        if stream:
            trace.endpoint = replace(trace.endpoint, dialect="mcp", operation="mcp.stream")
        trace.dialect = registry.dialect(trace.endpoint.dialect) if trace.endpoint.dialect else None
        note(trace, flow, headers)
        if sighting.kind == "mcp":
            self._remember(trace.host)
        return True

    def _is_stream(self, trace: Trace, request: http.Request) -> bool:
        return request.method == "GET" and trace.host in self._servers and _STREAM in request.headers.get("accept", "")

    def _remember(self, host: str) -> None:
        self._servers[host] = None
        if len(self._servers) > _HOSTS_MAX:
            del self._servers[next(iter(self._servers))]


def suspected(trace: Trace, flow: http.HTTPFlow, begun: bytes) -> tuple[int, str] | tuple[()]:
    """Score and kind when a long body that is still coming begins like one for AI: it is kept to be read whole then."""
    request, body = flow.request, peek(flow, len(begun), begun)
    sighting = signals.score(request.method, trace.host, request.path, _pairs(request), body, port=request.port)
    if sighting.is_ai:
        return sighting.score, sighting.kind
    return _remembered(trace, request, body) or ()


def named(trace: Trace, flow: http.HTTPFlow) -> None:
    """Note which SDK, agent or app sent an AI request, as far as it says so: its own word, and only for the record."""
    told = ((name, value) for name, value in flow.request.headers.fields if tells(name))
    client = client_of((name.decode("latin-1"), value.decode("latin-1")) for name, value in told)
    if client is not None:
        said = {"client": client.name, "client_kind": client.kind, "client_version": client.version}
        trace.extra = {**trace.extra, **{name: value for name, value in said.items() if value}}


def answered(trace: Trace, flow: http.HTTPFlow) -> None:
    """Look at a reply's head: weights of a model, or an AI service that shows itself only in what it answers.

    Where the head does not tell, how the body begins may: it is heard while it passes.
    """
    if flow.response is None or not trace.forwarded_ns or trace.unread:
        return
    told = _download(trace, flow)
    if trace.is_ai or _recognised(trace, flow) or told or trace.pipe is not None or flow.request.method == "HEAD":
        return
    if flow.response.status_code == 101 or not _SPOKEN.match(flow.response.headers.get("content-type", "")):
        return
    coding = flow.response.headers.get("content-encoding", "")
    trace.pipe = ReplyPipe(Opening(partial(_heard, trace, flow)), coding, editing=False, limit=_DECODED_MAX)


def _heard(trace: Trace, flow: http.HTTPFlow, start: bytes) -> None:
    if trace.pipe is not None:
        trace.pipe.broken = trace.pipe.broken or "heard enough"  # the rest is not even decoded
    if not _download(trace, flow, start):
        _recognised(trace, flow, start)


def _download(trace: Trace, flow: http.HTTPFlow, start: bytes = b"") -> bool:
    assert flow.response
    if flow.request.method.upper() != "GET":
        return False  # almost every exchange with a model: its reply's headers needn't be taken apart
    status, replied = flow.response.status_code, _pairs(flow.response)
    found = download_of(flow.request.method, trace.host, flow.request.path, replied, start, status)
    if found is None:
        return False
    size = "" if found.bytes is None else str(found.bytes)
    came = {"download": found.name, "download_format": found.format, "download_bytes": size}
    trace.extra = {**trace.extra, **{name: value for name, value in came.items() if value}}
    return True


def _recognised(trace: Trace, flow: http.HTTPFlow, start: bytes = b"") -> bool:
    assert flow.response
    request, headers, replied = flow.request, _pairs(flow.request), _pairs(flow.response)
    body = peek(flow, trace.snapshot.settings.limits.peek_bytes_max)
    sighting = signals.score(trace.method, trace.host, request.path, headers, body, replied, start, request.port)
    if not sighting.is_ai:
        return False
    trace.signals = sighting.signals
    _found(trace, sighting.score, sighting.kind)
    if not _is_anything(body):
        trace.state.answering.note(trace.host, trace.method, request.path, sighting.score, sighting.kind)
    trace.reason = "recognised by its reply"  # its request has gone, and the record says so
    named(trace, flow)
    note(trace, flow, headers)
    return True


def _remembered(trace: Trace, request: http.Request, body: bytes | None) -> tuple[int, str] | None:
    known = trace.state.answering.find(trace.host, trace.method, request.path)
    return None if known is None or _is_anything(body) else known


def _is_anything(body: bytes | None) -> bool:
    """Whether a request says in its body what it is for: at one address there is everything else as well."""
    return body is not None and (_MANIFOLD.search(body[:_SAID]) or _MANIFOLD.search(body[-_SAID:])) is not None


def _found(trace: Trace, score: int, kind: str) -> None:
    found = trace.state.found
    found.pop(trace.host, None)  # those in use stay, however many are made up
    found[trace.host] = None
    if len(found) > _HOSTS_MAX:
        del found[next(iter(found))]
    trace.discovered = trace.is_ai = True
    trace.service = trace.snapshot.judged(Service(trace.host, trace.host, category="discovered"))
    trace.extra = {**trace.extra, "score": str(score), **({"ai": kind} if kind else {})}


def _pairs(message: http.Message) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.headers.fields]
