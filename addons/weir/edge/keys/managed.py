"""The company's key goes in where a virtual one stood: copied, as a signature, or as a token.

This comes last of all that changes a request: a signature covers the body as it leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from mitmproxy import http

from weir.edge.answer import answer
from weir.edge.identity.who import address_of
from weir.edge.trace import Trace
from weir.keys import credentials
from weir.keys.backends import SecretUnavailable
from weir.keys.company import CompanyKey
from weir.keys.placing import placed
from weir.keys.pool import Member
from weir.keys.signing.sigv4 import SCHEME, SigningError, sign_with, spelt
from weir.model import Secret

__all__ = ["COMPANYS", "RULE", "caller_of", "give", "header_lines", "put", "refuse"]

RULE = "virtual-key"
COMPANYS = "company-key"  # the caller's key is good, it is the company's that is not
_COMPATIBLE = "openai_"  # another provider's addresses that speak as OpenAI's do take any key behind `Bearer`
_NO_VALUE = "The company's key for {service} cannot be had just now. This is for the company to mend, not for you."
_NOT_SIGNED = "The company's key for {service} signs requests, and this one cannot be signed: {why}."
_ACCESS_KEY = "This service's key of the company's is no AWS access key: send the virtual key as an API key."
INLINE_BYTES_MAX = 256 * 1024  # hashing more than that leaves the event loop
RETRY_S = 30  # about as long as it takes until a backend that is back has been asked again


def header_lines(flow: http.HTTPFlow) -> list[tuple[str, str]]:
    """The headers of a request as text, byte for byte."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in flow.request.headers.fields]


def refuse(flow: http.HTTPFlow, trace: Trace, status: int, why: str, rule: str = RULE, reason: str = "") -> None:
    """Answer in place of the provider. 401: the caller's key is not good for this. 503: the company's is not there.

    The client reads ``why``, the record says ``reason`` where that is another.
    """
    trace.refused_by, trace.refused_why = rule, reason or why
    answer(flow, trace, status, rule, why)
    if status == 503 and flow.response is not None:
        flow.response.headers["retry-after"] = str(RETRY_S)


def give(trace: Trace, flow: http.HTTPFlow, key: CompanyKey) -> Awaitable[None] | None:
    """Put one of the service's keys in; or refuse, when none has a value now or the request can't be signed.

    The caller has made sure that the virtual keys are good and that the request goes to one host over verified TLS.
    What is to be awaited signs a large body elsewhere; awaiting raises what `Workers.run` raises.
    """
    path, _, query = flow.request.path.partition("?")
    places = trace.provider.auth if trace.provider else ()
    if (flow.request.headers.fields, flow.request.path) != trace.presented_in:
        trace.presented = credentials.found_again(trace.presented, header_lines(flow), query, places, path)
    trace.unkeyed = (flow.request.headers.fields, flow.request.data.path)
    member = key.pick(trace.names[0], caller_of(trace))
    if member is None:
        _not_there(trace, flow, key.problem())
        return None
    return put(trace, flow, key, member, trace.names[0])


def put(trace: Trace, flow: http.HTTPFlow, key: CompanyKey, member: Member, host: str) -> Awaitable[None] | None:
    """Put this one in, for a request that goes to ``host``; else as `give`, after which the headers may be put back.

    Raises ValueError when the key is not bound to the host.
    """
    if not member.secret.may_go_to(host):
        raise ValueError("a key goes to the hosts it is bound to only")
    if key.form == "aws":
        return _sign(trace, flow, member, host)
    if key.form == "key" and any(
        (p.virtual or p.replace) and p.place.scheme.upper() == SCHEME for p in trace.presented
    ):
        refuse(flow, trace, 401, _ACCESS_KEY)
        return None
    try:
        (_bearer if key.form == "google" else _replace)(trace, flow, member.secret)
    except SecretUnavailable as error:  # it ended between the pick and here
        _cannot(trace, flow, error)
    else:
        trace.managed_key = member.id
    return None


def _cannot(trace: Trace, flow: http.HTTPFlow, error: Exception) -> None:
    if isinstance(error, SigningError):
        refuse(flow, trace, 400, _NOT_SIGNED.format(service=trace.service.id, why=error))
    else:
        _not_there(trace, flow, str(error))


def _not_there(trace: Trace, flow: http.HTTPFlow, problem: str) -> None:
    service = trace.service.id
    reason = f"no key of the company's for {service} has a value now" + (f": {problem}" if problem else "")
    refuse(flow, trace, 503, _NO_VALUE.format(service=service), COMPANYS, reason)


def caller_of(trace: Trace) -> str:
    """Whose requests should go with the same key: files, stored answers and prompt caches belong to it."""
    who = trace.principal
    return who.key_id or who.user or who.app or who.team


def _replace(trace: Trace, flow: http.HTTPFlow, secret: Secret) -> None:
    lines, (path, mark, query) = header_lines(flow), flow.request.path.partition("?")
    value = secret.reveal()
    for presented in trace.presented:
        if presented.virtual or presented.replace:
            lines, query = credentials.replace(lines, query, presented, value)
    provider = trace.provider
    if provider is not None and not (trace.endpoint and trace.endpoint.dialect.startswith(_COMPATIBLE)):
        lines = placed(lines, value, provider.bearer, provider.auth, provider.key_patterns)
    _set(flow, lines)
    flow.request.path = path + mark + query
    trace.given = Secret(value)


def _without(trace: Trace, flow: http.HTTPFlow) -> list[tuple[str, str]]:
    """The headers without any credential; those in the query are taken out."""
    path, _, query = flow.request.path.partition("?")
    lines, query = credentials.remove(header_lines(flow), query, trace.presented)
    flow.request.path = f"{path}?{query}" if query else path
    return [(name, value) for name, value in lines if name.lower() != "authorization"]


def _bearer(trace: Trace, flow: http.HTTPFlow, secret: Secret) -> None:
    token = secret.reveal()
    _set(flow, [*_without(trace, flow), ("authorization", f"Bearer {token}")])
    trace.given = Secret(token)


def _sign(trace: Trace, flow: http.HTTPFlow, member: Member, host: str) -> Awaitable[None] | None:
    request = flow.request
    if request.stream or request.raw_content is None:
        _cannot(trace, flow, SigningError("its body was not held here"))
        return None
    lines = _without(trace, flow)
    path, mark, query = request.path.partition("?")
    request.path = spelt(path) + mark + query
    port = "" if request.port == 443 else f":{request.port}"
    url = f"https://{host}{port}{request.path}"
    body, now = request.raw_content, datetime.now(UTC)
    work = partial(sign_with, member.secret, request.method, url, lines, body, now)
    if len(body) > INLINE_BYTES_MAX:
        return _sign_elsewhere(trace, flow, member, work)
    try:
        signed = work()
    except (SecretUnavailable, SigningError) as error:
        _cannot(trace, flow, error)
    else:
        _signed(trace, flow, member, signed)
    return None


async def _sign_elsewhere(
    trace: Trace, flow: http.HTTPFlow, member: Member, work: Callable[[], list[tuple[str, str]]]
) -> None:
    timeout = trace.snapshot.settings.limits.hook_timeout_ms / 1000
    owner = address_of(flow.client_conn)
    try:
        signed = await trace.state.workers.run(work, timeout_s=timeout, lane="parse", owner=owner)
    except (SecretUnavailable, SigningError) as error:
        _cannot(trace, flow, error)
    else:
        _signed(trace, flow, member, signed)


def _signed(trace: Trace, flow: http.HTTPFlow, member: Member, lines: Sequence[tuple[str, str]]) -> None:
    _set(flow, [(name.lower() if flow.request.is_http2 else name, value) for name, value in lines])
    trace.managed_key = member.id


def _set(flow: http.HTTPFlow, lines: Sequence[tuple[str, str]]) -> None:
    flow.request.headers = http.Headers([(k.encode("latin-1"), v.encode("latin-1")) for k, v in lines])
