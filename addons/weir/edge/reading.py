"""From a request on the wire to an `Exchange`, parsed by its dialect or marked as what it is."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from functools import partial

from mitmproxy import http

from weir.edge.lines import line_of
from weir.edge.trace import Trace
from weir.edge.websockets.socket import opening
from weir.edge.wire.coding import CodingError, Decoder, decode
from weir.frozen import quick
from weir.model import Endpoint, Exchange, Inspection, Segment, Unparsed
from weir.providers.formats.web_json import WEB_JSON
from weir.providers.requests.target import URL, charset_problem, target_texts
from weir.providers.services.content import by_content
from weir.providers.services.registry import Provider
from weir.providers.wire.words import plausible_model

__all__ = ["RAW", "URL", "endpoint_of", "peek", "read_into", "read_request"]

RAW = "#raw"  # pointer of a body that no dialect could take apart: scanned whole, never edited
_RAW_CHARS_MAX = 2_000_000
_PEEK_BYTES_MAX = 256 * 1024
_PEEK_PIECE = 512
_CODINGS_MAX = 5
_JSON = re.compile(rb"[ \t\r\n]*[{\[]")
_BLANK = re.compile(rb"[ \t\r\n]*")
_PEEK_MADE_MAX = 2 << 20  # what one piece may become
_INLINE_BYTES_MAX = 64 * 1024  # parsing more than this is a worker's work


@quick
@dataclass(frozen=True, slots=True)
class Reading:
    """A request as far as it could be read; `body` is decoded, None when it could not be."""

    body: bytes | None
    exchange: Exchange


def endpoint_of(trace: Trace, flow: http.HTTPFlow) -> tuple[Provider, Endpoint] | tuple[None, None]:
    """Which provider a request is for by its host and path, and which of its operations; None twice for no provider."""
    registry, request = trace.snapshot.registry, flow.request
    claims = (registry.by_request(name, request.method, request.path) for name in trace.names)
    provider = next((provider for provider in claims if provider), None)
    if provider is None:
        return None, None
    return provider, provider.endpoint(request.method, request.path, request.headers)


def read_request(trace: Trace, flow: http.HTTPFlow) -> Reading:
    """Read a request to an AI service. Everything that can't be read is an `Exchange` that says why."""
    reading = _read(trace, flow)
    why = trace.head.once("upgrade", lambda: _upgrade(flow.request))
    if why == "websocket" and not flow.request.raw_content and not trace.oversize:
        return replace(reading, exchange=opening(reading.exchange, flow.request.query))
    if why and not trace.oversize:  # what follows is no HTTP, whatever the body says
        return replace(reading, exchange=replace(reading.exchange, inspection=Inspection.UNPARSED, reason=why))
    return reading


def _read(trace: Trace, flow: http.HTTPFlow) -> Reading:
    request = flow.request
    endpoint = trace.endpoint or Endpoint(trace.service.id, "", "")
    blank = Exchange(endpoint, plausible_model(endpoint.model), endpoint.stream)
    if trace.provider is None or trace.dialect is None:
        url = _url_segments(trace, request)
    else:
        url = trace.head.once("url", lambda: _url_segments(trace, request))
    if trace.oversize:
        return Reading(None, _marked(blank, Inspection.FAILED, "body over the limit", url))
    raw = request.raw_content or b""
    trace.req_bytes = len(raw)
    try:
        expansion = trace.snapshot.settings.limits.expansion_max
        body = decode(raw, line_of(request, b"content-encoding"), trace.snapshot.body_limit(True), expansion)
    except CodingError as error:
        return Reading(None, _marked(blank, Inspection.UNPARSED, str(error), url))
    if not body and raw:
        return Reading(body, _marked(blank, Inspection.UNPARSED, "empty after decoding", url))
    if trace.dialect is None or trace.dialect.id == WEB_JSON:
        endpoint = _recognised(trace, request, endpoint, body)
        blank = replace(blank, endpoint=endpoint)
    if not body:
        passive = bool(endpoint.operation) or trace.provider is None
        why = "no body" if passive else "unknown operation, no body"
        return Reading(body, _marked(blank, Inspection.PARTIAL, why, url))
    reading = _parsed(trace, request, blank, body, url)
    if trace.remembered and reading.exchange.inspection is Inspection.UNPARSED:
        # Other things may be asked at the same place, and have been: what it says was looked at as one text.
        return replace(reading, exchange=replace(reading.exchange, inspection=Inspection.PARTIAL))
    return reading


def _parsed(trace: Trace, request: http.Request, blank: Exchange, body: bytes, url: tuple[Segment, ...]) -> Reading:
    endpoint = blank.endpoint
    if trace.dialect is None and trace.provider is None and _JSON.match(body):
        # A service without a format of its own in here: every text in its JSON is read.
        endpoint = trace.endpoint = replace(endpoint, dialect=WEB_JSON, operation=endpoint.operation or "page")
        blank, trace.dialect = replace(blank, endpoint=endpoint), trace.snapshot.registry.dialect(WEB_JSON)
    if trace.dialect is None:
        return Reading(body, _unread(blank, "unknown operation", body, url))
    if why := charset_problem(request.headers.get_all("content-type")):
        return Reading(body, _unread(blank, why, body, url))
    trace.dialect = trace.dialect.bound(request.headers.items(multi=True))  # what some bodies are, headers alone tell
    try:
        exchange = trace.dialect.parse(body, endpoint)
    except Unparsed as error:
        return Reading(body, _unread(blank, str(error), body, url))
    trace.endpoint = exchange.endpoint  # the operation may stand in the body
    return Reading(body, replace(exchange, segments=(*exchange.segments, *url)) if url else exchange)


def _recognised(trace: Trace, request: http.Request, endpoint: Endpoint, body: bytes) -> Endpoint:
    """What the request is by its headers and body, where its path says nothing; the trace has that dialect then."""
    told = by_content(endpoint, request.method, request.headers.items(multi=True), body)
    if told is not endpoint:
        trace.endpoint, trace.dialect = told, trace.snapshot.registry.dialect(told.dialect)
    return told


def peek(flow: http.HTTPFlow, limit: int, raw: bytes | None = None) -> bytes | None:
    """A request body's beginning, decoded, and its end: what an unknown service is recognised by. None without a body.

    At most ``limit`` bytes and never more than 256 KiB. A coding that can't be undone leaves the bytes as they are; of
    a long body that is encoded there is the beginning alone. ``raw`` is what has come of a body that is still coming.
    """
    limit = min(limit, _PEEK_BYTES_MAX)
    raw = flow.request.raw_content or b"" if raw is None else raw
    codings = [c.strip() for c in flow.request.headers.get("content-encoding", "").split(",") if c.strip()]
    if not codings:
        return _ends(raw, limit) or None
    head = raw[:limit]
    for coding in reversed(codings[-_CODINGS_MAX:]):
        out = bytearray()
        try:
            decoder = Decoder(coding, _PEEK_MADE_MAX)
            for start in range(0, len(head), _PEEK_PIECE):
                out += decoder.feed(head[start : start + _PEEK_PIECE])
                if len(out) >= limit:
                    break
        except CodingError:
            if not out:
                break
        head = bytes(out[:limit])
    return head or None


def _ends(raw: bytes, limit: int) -> bytes:
    blank = _BLANK.match(raw)
    start = blank.end() if blank is not None else 0
    if len(raw) - start <= limit:
        return raw[start:]
    return raw[start : start + limit * 3 // 4] + b"\n" + raw[1 - limit // 4 :]


def read_into(trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """Read the request into its trace; a large one off the loop, and then there is something to await."""
    if len(flow.request.raw_content or b"") > _INLINE_BYTES_MAX:
        return _read_elsewhere(trace, flow)
    _take(trace, read_request(trace, flow))
    return None


async def _read_elsewhere(trace: Trace, flow: http.HTTPFlow) -> None:
    timeout = trace.snapshot.settings.limits.hook_timeout_ms / 1000
    owner = flow.client_conn.peername[0] if flow.client_conn.peername else ""
    run = trace.state.workers.run
    _take(trace, await run(read_request, trace, flow, timeout_s=timeout, lane="parse", owner=owner))


def _take(trace: Trace, reading: Reading) -> None:
    trace.body, trace.exchange = reading.body, reading.exchange
    if not trace.failed:
        trace.inspection, trace.reason = reading.exchange.inspection, reading.exchange.reason


def _marked(exchange: Exchange, inspection: Inspection, reason: str, segments: tuple[Segment, ...]) -> Exchange:
    return replace(exchange, inspection=inspection, reason=reason, segments=segments)


def _unread(exchange: Exchange, reason: str, body: bytes, url: tuple[Segment, ...]) -> Exchange:
    """What is left when no dialect can take a body apart: its bytes as one text, and the reason."""
    text = body[: _RAW_CHARS_MAX * 4].decode("utf-8", "replace")
    if len(text) > _RAW_CHARS_MAX:
        text, reason = text[:_RAW_CHARS_MAX], f"{reason}; only the first {_RAW_CHARS_MAX} characters looked at"
    raw = (Segment(RAW, "parameter", text, part="raw"),) if text.strip() else ()
    return _marked(exchange, Inspection.UNPARSED, reason, (*raw, *url))


def _upgrade(request: http.Request) -> str:
    """Why the request asks for another protocol; "" when it does not."""
    asked = [word.strip().lower() for line in request.headers.get_all("upgrade") for word in line.split(",")]
    if asked == ["websocket"]:
        return "websocket"
    options = (word.strip().lower() for line in request.headers.get_all("connection") for word in line.split(","))
    return "upgrade" if asked or "upgrade" in options else ""


def _url_segments(trace: Trace, request: http.Request) -> tuple[Segment, ...]:
    """What the request target says; left out is the credential that the provider takes in the query, as far as it looks
    like one."""
    template = trace.endpoint.path_template if trace.endpoint else ""
    names = {place.query for place in (trace.provider.auth if trace.provider else ()) if place.query}
    return target_texts(request.method, request.path, template, names, partial(_is_credential, trace))


def _is_credential(trace: Trace, value: str) -> bool:
    """Whether a value is what it has to be in the place of a credential: the provider's own, or a virtual key."""
    patterns = trace.provider.key_patterns if trace.provider else ()
    return any(p.fullmatch(value) for p, _ in patterns) or any(
        presented.virtual and presented.value == value for presented in trace.presented
    )
