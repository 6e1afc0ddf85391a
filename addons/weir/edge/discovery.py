"""AI traffic on hosts that no catalogue lists: recognised by signs, or by what the same host was before."""

from __future__ import annotations

from dataclasses import replace

from mitmproxy import http

from weir.edge.keys.rawkeys import note
from weir.edge.reading import peek
from weir.edge.trace import Trace
from weir.model import Service
from weir.shadow import signals

__all__ = ["Discovery"]

_HOSTS_MAX = 1000
_STREAM = "text/event-stream"


class Discovery:
    """Remembers which hosts are servers of MCP: the older generation's stream shows nothing of itself.

    A client opens it with a plain GET, and what its requests are answered with comes on it. The first stream of a host
    is opened before its first request, and so passes for what it looks like; later ones are known.
    """

    def __init__(self) -> None:
        self._servers: dict[str, None] = {}

    def look(self, trace: Trace, flow: http.HTTPFlow) -> bool:
        """Whether the request is AI traffic; from here on it is an exchange like any other then."""
        request = flow.request
        body = peek(flow, trace.snapshot.settings.limits.peek_bytes_max)
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.fields]
        sighting = signals.score(request.method, trace.host, request.path, headers, body)
        trace.signals = sighting.signals
        stream = self._is_stream(trace, request)
        if not sighting.is_ai and not stream:
            return False
        trace.discovered = trace.is_ai = True
        trace.service = trace.snapshot.judged(Service(trace.host, trace.host, category="discovered"))
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
