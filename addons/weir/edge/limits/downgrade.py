"""A request for another model: its name is replaced where the request gives it, and nothing else changes.

That may be the body, the path, the query or a header. Each change is read back before it is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol
from urllib.parse import quote, unquote

from mitmproxy import http

from weir.edge.keys.signing import is_signed
from weir.edge.trace import Trace
from weir.model import Endpoint, Exchange, Unparsed
from weir.providers.services.paths import Template, is_plain_path

__all__ = ["model_pointer", "reroute"]

# Where bodies name their model: JSON, a form's field, a session's and a response's settings.
_POINTERS = ("/model", "/model/0", "/response/model", "/session/model")


class Named(Protocol):
    """What reads a body, and changes a text in it."""

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange: ...

    def replace(self, body: bytes, texts: Mapping[str, str]) -> bytes: ...


def model_pointer(dialect: Named, body: bytes, trace: Trace, model: str) -> tuple[str, bytes] | None:
    """The place in ``body`` that names its model, and the body with ``model`` there; None when there is none."""
    assert trace.exchange
    endpoint = replace(trace.exchange.endpoint, model="")  # what the body says counts here
    for pointer in _POINTERS:
        try:
            changed = dialect.replace(body, {pointer: model})
            if dialect.parse(changed, endpoint).model == model:
                return pointer, changed
        except Unparsed:
            continue
    return None


def reroute(trace: Trace, flow: http.HTTPFlow, model: str) -> bool:
    """Make the request one for ``model``; False, and then nothing has changed, where its name can't be replaced.

    A request that its client has signed whole can't be changed at all.
    """
    exchange = trace.exchange
    if exchange is None or is_signed(flow.request):
        return False
    if exchange.endpoint.model:
        return _in_target(trace, flow, model)
    if trace.dialect is None or not trace.body:
        return False
    found = model_pointer(trace.dialect, trace.body, trace, model)
    if found is None:
        return False
    trace.body, trace.edited = found[1], True
    trace.set_body(flow)
    trace.exchange = replace(exchange, model=model)
    return True


def _in_target(trace: Trace, flow: http.HTTPFlow, model: str) -> bool:
    """Replace the name in the path, in the query or in a header, wherever the provider's file says it stands."""
    exchange, provider, request = trace.exchange, trace.provider, flow.request
    assert exchange
    if provider is None or not is_plain_path(request.path):
        return False
    for target, header in _targets(exchange.endpoint, request, quote(model, safe=":@.-_~")):
        headers = {name.lower(): value for name, value in request.headers.items()}
        if header:
            headers[header] = model
        endpoint = provider.endpoint(request.method, target, headers)
        same = endpoint.path_template == exchange.endpoint.path_template
        if same and endpoint.model == model and is_plain_path(target):
            request.path, trace.edited, trace.endpoint = target, True, endpoint
            if header:
                request.headers[header] = model
            trace.exchange = replace(exchange, model=model, endpoint=endpoint)
            return True
    return False


def _targets(endpoint: Endpoint, request: http.Request, quoted: str) -> Iterator[tuple[str, str]]:
    """Request targets with the other model where the first may stand, and the header that is to name it instead."""
    path, mark, query = request.path.partition("?")
    template, segments = Template.parse(endpoint.path_template), path.strip("/").split("/")
    for index, part in enumerate(template.parts if len(segments) == len(template.parts) else ()):
        if part.parameter == "model":
            old = segments[index]
            begin, end = old[: len(part.before)], old[len(old) - len(part.after) :]
            changed = "/".join((*segments[:index], begin + quoted + end, *segments[index + 1 :]))
            yield f"/{changed}{'/' if path.endswith('/') else ''}{mark}{query}", ""
    pairs = query.split("&")
    for index, pair in enumerate(pairs):
        name, _, value = pair.partition("=")
        if unquote(value) == endpoint.model:
            yield f"{path}?{'&'.join((*pairs[:index], f'{name}={quoted}', *pairs[index + 1 :]))}", ""
    for name, value in request.headers.items():
        if value == endpoint.model:
            yield request.path, name.lower()
