"""Headers that say something beside the body: request ids and limits of the provider, the project a client named."""

from __future__ import annotations

from mitmproxy import http

from weir.edge.trace import Trace
from weir.keys.credentials import fingerprint

__all__ = ["noted"]

_DIGITS = 16


def noted(trace: Trace, message: http.Message | None) -> dict[str, str]:
    """What the provider's file finds worth keeping of a request's or a reply's headers, as ``reply x-request-id``.

    Of what a client sent only a fingerprint is kept: enough to tell two projects apart, and nobody's hiding place.
    """
    if trace.provider is None or message is None:
        return {}
    names = trace.provider.headers
    if isinstance(message, http.Request):
        key = trace.state.fingerprint_key
        sent = trace.provider.noted(names.request, message.headers.items(multi=True)) if names.request else {}
        return {f"request {name}": fingerprint(key, value)[:_DIGITS] for name, value in sent.items()}
    got = trace.provider.noted(names.response, message.headers.items(multi=True)) if names.response else {}
    return {f"reply {name}": value for name, value in got.items()}
