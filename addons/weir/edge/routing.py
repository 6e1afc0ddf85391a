"""Another place for a request whose first one failed: which, with which key, and what the audit says of it.

Only a request that carries a key of the company's goes anywhere else: a client's own is for the host it was sent to.
The body is the one that was inspected, and whatever was held for the exchange is held once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field

from mitmproxy import http

from weir.edge import records
from weir.edge.identity.who import address_of
from weir.edge.keys.keyhealth import heard
from weir.edge.keys.managed import caller_of, put
from weir.edge.state import State
from weir.edge.trace import Trace
from weir.edge.wire.attempt import Attempt
from weir.keys.company import CompanyKey
from weir.keys.pool import Member
from weir.routing.breaker import CONNECTION, Change
from weir.routing.choice import Said, Tried, more_useful, retry_after, told, upcoming, wanted
from weir.sections_routing import Failover

__all__ = ["Home", "Route", "begin", "departs", "failed", "settle"]

log = logging.getLogger("weir.routing")


@dataclass(frozen=True, slots=True)
class Home:
    """The request as it stood before a key went in: where each attempt begins."""

    host: str  # as the request's target, which can be an address
    authority: bytes
    path: bytes
    fields: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    name: str = ""  # what the connection is verified to be
    port: int = 443

    def spot(self, host: str) -> str:
        """Where an attempt at ``host`` goes, as it is remembered who rests.

        A client chooses a port, and the address that it calls a host: how those do says nothing of the host itself.
        """
        there = self.host.lower().rstrip(".") if host == self.name else host
        return host if there == host and self.port == 443 else f"{host} at {there}:{self.port}"


@dataclass(slots=True)
class Route:
    """Where one request has been, and what policy says of other places."""

    section: Failover
    key: CompanyKey
    home: Home
    place: str = ""  # where it goes now
    began_ns: int = 0
    used: set[int] = field(default_factory=set)
    tried: list[Tried] = field(default_factory=list)
    status: int = 0
    said: Said | None = None  # the most useful of the replies that were given up
    over: bool = False  # a reply has begun, or nothing more is tried

    @property
    def made(self) -> int:
        """Attempts that were made and failed."""
        return sum(1 for one in self.tried if one.outcome != "resting")


def begin(state: State, trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """The company's key has gone in: note what is needed to go elsewhere, and go there at once from a place that rests.

    What is to be awaited signs a large body.
    """
    section = trace.snapshot.settings.failover.get(trace.service.id)
    key = trace.snapshot.secrets.get(trace.service.id)
    request = flow.request
    if section is None or key is None or not trace.managed_key or trace.unkeyed is None or flow.response is not None:
        return None
    if request.stream or request.raw_content is None or trace.oversize or "upgrade" in request.headers:
        return None
    fields, path = trace.unkeyed
    home = Home(request.data.host, request.data.authority, path, fields, trace.names[0], request.port)
    route = trace.route = Route(section, key, home, home.name, time.monotonic_ns())
    if state.board.admits(home.spot(home.name), trace.managed_key, _whose(trace, flow)):
        return None
    there = _next(state, trace, flow, route)
    if there is None:
        return None  # all of them rest: the provider's own refusal tells more than ours would
    route.tried.append(Tried(home.name, trace.managed_key, "resting"))
    return _go(trace, flow, route, *there)


def failed(state: State, trace: Trace, attempt: Attempt) -> Awaitable[None] | None:
    """An attempt has failed: say so to whom it concerns, and lead the request elsewhere if policy has a place."""
    route, response = trace.route, attempt.response
    assert route is not None
    ms = (time.monotonic_ns() - route.began_ns) // 1_000_000
    host, label = route.place, trace.managed_key
    route.tried.append(Tried(host, label, attempt.cause, ms))
    asked = retry_after(lambda name: response.headers.get(name, "")) if response is not None else None
    _blame(state, trace, route, attempt, asked)
    if wanted(attempt.cause, route.section.on) and route.made < route.section.attempts_max:
        there = _next(state, trace, attempt.flow, route)
        if there is not None:
            if response is not None:  # else whoever looks at replies hears of it
                route.said = more_useful(route.said, Said(response.status_code, asked))
                heard(state, trace, route.key, response.status_code, response.headers, attempt.flow.request.headers)
            attempt.again = True
            _note(trace, route, "")
            return _go(trace, attempt.flow, route, *there)
    if attempt.waits:
        route.tried.pop()
        departs(trace)
    else:
        _note(trace, route, "")
    return None


def departs(trace: Trace) -> None:
    """A connection is there and the request goes: should its client leave now, the audit says where its content is."""
    route = trace.route
    if route is not None and route.tried:
        _note(trace, route, "", Tried(route.place, trace.managed_key, "unanswered"))


def settle(state: State, trace: Trace, flow: http.HTTPFlow, status: int) -> None:
    """A reply has begun that is no failure of the place."""
    route = trace.route
    assert route is not None
    route.over, route.status = True, status
    _tell(state, trace, state.board.answered(route.home.spot(route.place), _whose(trace, flow)))
    _note(trace, route, f"{route.place} {trace.managed_key} {status}")


def _next(state: State, trace: Trace, flow: http.HTTPFlow, route: Route) -> tuple[int, str, Member] | None:
    """The first target that is left, bound to a key that is no more at rest than its host is."""
    caller, pool, whose = caller_of(trace), route.key.pool, _whose(trace, flow)
    for target in upcoming(route.section.places, route.used, route.home.name, route.tried):
        been = {one.key for one in route.tried if one.host == target.host}
        if route.place == target.host:
            been.add(trace.managed_key)
        label = f"{trace.service.id}-{target.key}" if target.key else ""
        tired = target.host != route.home.name  # a limit is often one of a region
        member = pool.another(target.host, caller, label=label, without=been, tired=tired)
        if member is not None and state.board.admits(route.home.spot(target.host), member.id, whose):
            return target.index, target.host, member
    return None


def _go(
    trace: Trace, flow: http.HTTPFlow, route: Route, index: int, host: str, member: Member
) -> Awaitable[None] | None:
    """Make the request one to ``host`` with that key, from what it was before any key went in."""
    request, home = flow.request, route.home
    route.used.add(index)
    route.place, route.began_ns = host, time.monotonic_ns()
    request.headers = http.Headers(home.fields)
    data = request.data
    data.path, data.host, data.authority = home.path, home.host, home.authority
    trace.managed_key, trace.given = "", None
    if host != home.name:
        request.host = host  # and with it the host header
    return put(trace, flow, route.key, member, host)


def _whose(trace: Trace, flow: http.HTTPFlow) -> str:
    """Whose requests these are: those of one caller may all fail, and that is no reason to send nobody's there."""
    return caller_of(trace) or address_of(flow.client_conn)


def _blame(state: State, trace: Trace, route: Route, attempt: Attempt, asked_s: float | None) -> None:
    """A limit or a refusal is about the key, anything else about the host."""
    spot, cause = route.home.spot(route.place), attempt.cause
    if cause == "429":
        state.board.limit(spot, trace.managed_key, asked_s if asked_s is not None else 1.0)
        return
    if cause in ("401", "408"):
        return
    breaker = route.section.breaker
    asked_s = asked_s if cause == "503" else None
    whose = CONNECTION if attempt.connecting or cause == "connect" else _whose(trace, attempt.flow)
    _tell(state, trace, state.board.failed(spot, breaker.failures, breaker.rest_s, asked_s, whose), cause)


def _tell(state: State, trace: Trace, change: Change | None, cause: str = "") -> None:
    if change is None:
        return
    times = f"{change.failures} failures" if change.failures > 1 else "a failure"
    said = f"rests {change.rest_s:.0f} s after {times} ({cause})" if change.rest_s else "answers again"
    said += f", for {change.caller} alone" if change.caller else ""
    log.warning("upstream %s %s", change.host, said)
    state.spool.put(records.event_record("config", f"upstream {change.host} {said}", trace.snapshot.settings.hash))


def _note(trace: Trace, route: Route, answered: str, *under_way: Tried) -> None:
    said = told([*route.tried, *under_way], answered)
    if said:
        trace.extra = {**trace.extra, **said}
