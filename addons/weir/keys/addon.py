"""keys in the chain: which credential came, whom a virtual key stands for, and the real key in its place."""

from __future__ import annotations

from datetime import UTC, datetime

from mitmproxy import http

from weir.edge.answer import answer
from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import trace_of
from weir.keys import credentials
from weir.keys.refusal import refusal

__all__ = ["Keys"]


def _header_lines(flow: http.HTTPFlow) -> list[tuple[str, str]]:
    return [(k.decode("latin-1"), v.decode("latin-1")) for k, v in flow.request.headers.fields]


class Keys:
    """Virtual keys never go upstream; real ones go only to the hosts they are bound to."""

    name = "keys"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Find every credential and let a virtual key say who is calling."""
        trace = trace_of(flow)
        if trace is None:
            return
        places = trace.provider.auth if trace.provider else ()
        query = flow.request.path.partition("?")[2]
        presented = credentials.find(_header_lines(flow), query, places)
        trace.presented = tuple(presented)
        virtual = [p for p in presented if p.virtual]
        if virtual:
            trace.credential, trace.key_kind = "virtual", "virtual"
            key = self.state.virtual_keys.lookup(virtual[0].value)
            if key is not None:  # a revoked one too: it will be refused, and the record must say whose it was
                trace.principal = max(trace.principal, key.principal(), key=lambda p: p.strength)
        raw = [p for p in presented if not p.virtual]
        if raw and trace.is_ai:  # beside a virtual one too: it goes upstream, so it counts
            trace.credential = "raw"
            trace.key_fingerprint = credentials.fingerprint(self.state.fingerprint_key, raw[0].value)
            patterns = trace.provider.key_patterns if trace.provider else ()
            trace.key_kind = credentials.kind_of(raw[0].value, patterns)

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        """Put the real key where the virtual one stood, or refuse: a virtual key is no secret of the provider's."""
        trace = trace_of(flow)
        if trace is None or flow.response or not any(p.virtual for p in trace.presented):
            return
        secret = trace.snapshot.secrets.get(trace.service.id)
        keyring, at = self.state.virtual_keys, datetime.now(UTC)
        names = trace.names if flow.request.scheme == "https" else ()
        provider, endpoint = trace.provider, trace.endpoint
        allowed = bool(provider and endpoint and provider.allows_managed(endpoint, trace.method, flow.request.path))
        why = refusal(trace.presented, keyring, secret, trace.service.id, names, at, allowed=allowed)
        if why or secret is None:
            trace.refused_by, trace.refused_why = "virtual-key", why
            answer(flow, trace, 401, "virtual-key", why)
            return
        lines, (path, mark, query) = _header_lines(flow), flow.request.path.partition("?")
        for presented in trace.presented:
            if presented.virtual:
                lines, query = credentials.replace(lines, query, presented, secret.reveal())
        flow.request.headers = http.Headers([(k.encode("latin-1"), v.encode("latin-1")) for k, v in lines])
        flow.request.path = path + mark + query
