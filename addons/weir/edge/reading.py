"""From a request on the wire to an `Exchange`, parsed by its dialect or marked as what it is; and reading its reply."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, unquote

from mitmproxy import http

from weir.edge.coding import CodingError, decode
from weir.edge.pipe import ReplyPipe
from weir.edge.trace import Trace
from weir.model import Endpoint, Exchange, Inspection, Segment, Unparsed

__all__ = ["RAW", "URL", "read_into", "read_reply", "read_request"]

RAW = "#raw"  # pointer of a body that no dialect could take apart: scanned whole, never edited
URL = "#url"  # pointer of the query string
_RAW_CHARS_MAX = 2_000_000
_INLINE_BYTES_MAX = 64 * 1024  # parsing more than this is a worker's work


@dataclass(frozen=True, slots=True)
class Reading:
    """A request as far as it could be read; `body` is decoded, None when it could not be."""

    body: bytes | None
    exchange: Exchange


def read_request(trace: Trace, flow: http.HTTPFlow) -> Reading:
    """Read a request to an AI service. Everything that can't be read is an `Exchange` that says why."""
    request = flow.request
    endpoint = trace.endpoint or Endpoint(trace.service.id, "", "")
    blank = Exchange(endpoint, endpoint.model, endpoint.stream)
    url = _url_segments(trace, request)
    if trace.oversize:
        return Reading(None, _marked(blank, Inspection.FAILED, "body over the limit", url))
    raw = request.raw_content or b""
    trace.req_bytes = len(raw)
    if request.headers.get("upgrade", "").lower() == "websocket":
        return Reading(raw, _marked(blank, Inspection.UNPARSED, "websocket", url))
    try:
        body = decode(raw, request.headers.get("content-encoding", ""), trace.snapshot.body_limit(True))
    except CodingError as error:
        return Reading(None, _marked(blank, Inspection.UNPARSED, str(error), url))
    if not body:
        passive = bool(endpoint.operation) or trace.provider is None
        why = "no body" if passive else "unknown operation, no body"
        return Reading(body, _marked(blank, Inspection.PARTIAL, why, url))
    if trace.dialect is None:
        return Reading(body, _marked(blank, Inspection.UNPARSED, "unknown operation", (*_raw_segments(body), *url)))
    try:
        exchange = trace.dialect.parse(body, endpoint)
    except Unparsed as error:
        return Reading(body, _marked(blank, Inspection.UNPARSED, str(error), (*_raw_segments(body), *url)))
    return Reading(body, replace(exchange, segments=(*exchange.segments, *url)) if url else exchange)


def read_into(trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """Read the request into its trace; a large one off the loop, and then there is something to await."""
    if len(flow.request.raw_content or b"") > _INLINE_BYTES_MAX:
        return _read_elsewhere(trace, flow)
    _take(trace, read_request(trace, flow))
    return None


def read_reply(trace: Trace, flow: http.HTTPFlow) -> None:
    """Set up the reading of a reply, and its editing where pseudonyms or an extra event must come out of it.

    An edited reply goes to the client unencoded and without a length. Raises PipeBroken when it can't be decoded.
    """
    response = flow.response
    if trace.dialect is None or trace.exchange is None or response is None:
        return
    text = trace.masker.restorer() if trace.masker and trace.edited else None
    editing = text is not None or trace.strip_usage
    content_type = response.headers.get("content-type", "")
    reader = trace.dialect.reader(trace.exchange, content_type, text, trace.strip_usage)
    encoding = response.headers.get("content-encoding", "")
    trace.pipe = ReplyPipe(reader, encoding, editing=editing, limit=trace.snapshot.settings.limits.reply_bytes_max)
    if editing:
        # mitmproxy keeps the original by the upstream connection, which it would close for want of a length.
        response = flow.response = response.copy()
        response.headers.pop("content-length", None)
        response.headers.pop("content-encoding", None)


async def _read_elsewhere(trace: Trace, flow: http.HTTPFlow) -> None:
    timeout = trace.snapshot.settings.limits.hook_timeout_ms / 1000
    _take(trace, await trace.state.workers.run(read_request, trace, flow, timeout_s=timeout))


def _take(trace: Trace, reading: Reading) -> None:
    trace.body, trace.exchange = reading.body, reading.exchange
    if not trace.failed:
        trace.inspection, trace.reason = reading.exchange.inspection, reading.exchange.reason


def _marked(exchange: Exchange, inspection: Inspection, reason: str, segments: tuple[Segment, ...]) -> Exchange:
    return replace(exchange, inspection=inspection, reason=reason, segments=segments)


def _raw_segments(body: bytes) -> tuple[Segment, ...]:
    text = body[: _RAW_CHARS_MAX * 4].decode("utf-8", "replace")[:_RAW_CHARS_MAX]
    return (Segment(RAW, "parameter", text, part="raw"),) if text.strip() else ()


def _url_segments(trace: Trace, request: http.Request) -> tuple[Segment, ...]:
    """The query's texts, without the parameters in which the provider takes its credential."""
    path, _, query = request.path.partition("?")
    credentials = {place.query for place in (trace.provider.auth if trace.provider else ()) if place.query}
    texts = [v for k, v in parse_qsl(query, keep_blank_values=True, max_num_fields=1000) if k not in credentials]
    if trace.dialect is None:
        texts.insert(0, unquote(path))
    text = "\n".join(texts)
    return (Segment(URL, "parameter", text, part="url"),) if len(text) > 8 else ()
