"""Raw credentials of an exchange: noted by kind and fingerprint, marked where the company's key takes their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from mitmproxy import http

from weir.edge.keys.managed import header_lines
from weir.edge.trace import Trace
from weir.keys.kinds import Foreign, foreign_of
from weir.keys.raw import SIGNED, Raw, listed, raw_credentials
from weir.policy.case import Shown
from weir.policy.credentials import ruling
from weir.providers.services.registry import Registry

__all__ = ["note"]

_SESSION = "session"


@lru_cache(maxsize=2)  # a policy that is read again brings a registry of its own
def _foreign(registry: Registry) -> Foreign:
    # Of a company's services the one that sells its models comes first.
    providers = sorted(registry.providers, key=lambda provider: not provider.virtual_key_operations)
    return foreign_of((provider.id, provider.key_patterns) for provider in providers)


def note(trace: Trace, flow: http.HTTPFlow, headers: Sequence[tuple[str, str]] | None = None) -> None:
    """Write down every raw credential of a request to an AI service, and mark those that policy replaces.

    ``headers`` are the request's lines, unless it is as it came; ``trace.presented`` is what was found in the
    provider's places already.
    """
    if not trace.is_ai:
        return
    if headers is None:
        found = trace.head.once("raw", lambda: _found(trace, flow, header_lines(flow)))
    else:
        found = _found(trace, flow, headers)
    if not found:
        return
    general, key = _why_not(trace, flow), trace.snapshot.secrets.get(trace.service.id)
    signs = key is not None and key.form == "aws"  # and then a signature is made anew
    trace.raw = tuple(
        replace(one, why_not=general if signs and one.why_not == SIGNED else one.why_not or general) for one in found
    )
    first = next((one for one in found if one.kind != _SESSION), found[0])
    # Beside a virtual key too: a raw one goes upstream, so it counts. A page's sign-in does not outweigh a key.
    if first.kind != _SESSION or trace.credential == "none":
        trace.credential = _SESSION if first.kind == _SESSION else "raw"
        trace.key_fingerprint, trace.key_kind = first.fingerprint, first.kind
        told = listed([first, *(one for one in found if one is not first)])
    else:
        told = listed([Raw("", "", first.place), *found])
    trace.extra = {**trace.extra, **told}
    _mark(trace)


def _found(trace: Trace, flow: http.HTTPFlow, headers: Sequence[tuple[str, str]]) -> tuple[Raw, ...]:
    provider = trace.provider
    return raw_credentials(
        headers,
        flow.request.path.partition("?")[2],
        trace.presented,
        provider.auth if provider else (),
        provider.key_patterns if provider else (),
        _foreign(trace.snapshot.registry),
        trace.state.fingerprint_key,
        cookies=provider.session_cookies if provider else (),
        page=provider is not None and provider.pages,
    )


def _why_not(trace: Trace, flow: http.HTTPFlow) -> str:
    """Why the company's key can't take the place of any credential of this request; "" when it can."""
    settings, provider, endpoint = trace.snapshot.settings, trace.provider, trace.endpoint
    who = trace.principal
    # Whoever brings just any key would otherwise get the company's.
    if who.method == "none" or who.strength < settings.identity.strength:
        return "the caller is not known well enough"
    if provider is None or endpoint is None or trace.service.id not in settings.keys:
        return "the company has no key for this service"
    if flow.request.scheme != "https" or len(trace.names) != 1:
        return "a key is sent over verified TLS to one host only"
    if not provider.allows_managed(endpoint, trace.method, flow.request.path):
        return "the company's key is not for this operation"
    return ""


def _mark(trace: Trace) -> None:
    if not trace.enforcing:
        return
    shown = [Shown(one.kind, one.why_not) for one in trace.raw]
    words = ruling(trace.snapshot.settings, trace.service.id, shown).words
    changed = [one for one, word in zip(trace.raw, words, strict=True) if word == "replace"]
    if changed:
        wanted = {at for one in changed for at in one.at}
        marked = (replace(one, replace=at in wanted) for at, one in enumerate(trace.presented))
        trace.presented = tuple(marked)
        trace.extra = {**trace.extra, "credential_replaced": " ".join(one.fingerprint for one in changed)}
