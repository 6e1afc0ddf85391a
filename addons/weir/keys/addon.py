"""keys in the chain: which credential came, whom a virtual key stands for, and the real key in its place."""

from __future__ import annotations

from datetime import UTC, datetime

from mitmproxy import http

from weir.edge.answer import answer
from weir.edge.guard import guarded
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.keys import credentials

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
            if key is not None and key.allows(trace.service.id, datetime.now(UTC)):
                trace.principal = max(trace.principal, key.principal(), key=lambda p: p.strength)
        elif presented and trace.is_ai:
            trace.credential = "raw"
            trace.key_fingerprint = credentials.fingerprint(self.state.fingerprint_key, presented[0].value)
            patterns = trace.provider.key_patterns if trace.provider else ()
            trace.key_kind = credentials.kind_of(presented[0].value, patterns)

    @guarded
    def request(self, flow: http.HTTPFlow) -> None:
        """Put the real key where the virtual one stood, or refuse: a virtual key is no secret of the provider's."""
        trace = trace_of(flow)
        if trace is None or flow.response or not any(p.virtual for p in trace.presented):
            return
        refusal = self._refusal(trace)
        if refusal:
            trace.refused_by = "virtual-key"
            answer(flow, trace, 401, "virtual-key", refusal)
            return
        secret = trace.snapshot.secrets[trace.service.id]
        lines, (path, mark, query) = _header_lines(flow), flow.request.path.partition("?")
        for presented in trace.presented:
            if presented.virtual:
                lines, query = credentials.replace(lines, query, presented, secret.reveal())
        flow.request.headers = http.Headers([(k.encode("latin-1"), v.encode("latin-1")) for k, v in lines])
        flow.request.path = path + mark + query

    def _refusal(self, trace: Trace) -> str:
        """Why the virtual keys of this request can't be replaced; "" when they can."""
        secret = trace.snapshot.secrets.get(trace.service.id)
        for presented in (p for p in trace.presented if p.virtual):
            key = self.state.virtual_keys.lookup(presented.value)
            if key is None:
                return "This virtual key is not known here."
            why = key.refusal(trace.service.id, datetime.now(UTC))
            if why:
                return f"This virtual key can't be used here: {why}."
            if not presented.declared:
                return "A virtual key stands where this service takes no credential."
        if secret is None:
            return f"No key of the company's is available for {trace.service.id or trace.host}."
        if len(trace.names) != 1 or not secret.may_go_to(trace.host):
            return "The key of this service is not bound to the host of this request."
        return ""
