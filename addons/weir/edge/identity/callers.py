"""Who a tunnel or a request comes from: the connection's own proofs and the credentials meant for weir, settled.

What a connection proves is found out once and policy, so that a request on it costs a look at the link.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import NamedTuple

from mitmproxy import connection, http

from weir.edge.identity import evidence
from weir.edge.identity.turnaway import Wrong, answer_wrong, challenge
from weir.edge.identity.who import address_of
from weir.edge.process.workers import WorkersBusy, WorkersTimeout
from weir.edge.state import Snapshot, State
from weir.edge.trace import Link, Trace, link_of
from weir.identity.build import Sources
from weir.identity.desk import Said
from weir.identity.sources import PROXY_MODES, Answer, Outcome, conflict, settle, speaking
from weir.identity.throttle import network_of
from weir.model import Principal

__all__ = [
    "AGAIN_S",
    "CREDENTIALS",
    "Settled",
    "arrive",
    "ask",
    "by_key",
    "check",
    "credentials_of",
    "has_to_say",
    "hear",
    "hears",
    "identify",
    "of_connection",
]  # fmt: skip

AGAIN_S = 1.0  # a token ends and a password is changed while a tunnel stands: how often the desk is asked again
CHAIN_AGAIN_S = 60.0  # a certificate ends while a connection stands
CREDENTIALS = "proxy-authorization"  # the only header that is weir's own; it never goes upstream


class Settled(NamedTuple):
    """Who a connection comes from, by the sources of one policy, and the answers that this was settled from.

    Not the whole snapshot: a connection may stay idle for days, and would keep detectors in memory that nobody uses.
    """

    sources: Sources
    order: tuple[str, ...]
    answers: Mapping[str, Answer]
    outcome: Outcome
    said: Said = Said()  # what the desk made of the credentials shown for the connection


def credentials_of(flow: http.HTTPFlow) -> str | None:
    """The credentials meant for weir, off the request: they never go upstream, whether anybody looks at them or not."""
    values = flow.request.headers.get_all(CREDENTIALS)
    if not values:
        return None
    del flow.request.headers[CREDENTIALS]
    return values[0] if len(values) == 1 else "two of them"  # which is no credential at all


def hears(snapshot: Snapshot, client: connection.Client) -> bool:
    """Whether this client knows of a proxy and policy has a source for what it may show there."""
    sources = snapshot.sources
    basic, bearer = bool(sources.passwords), sources.tokens is not None
    listens = (basic and "basic" in sources.order) or (bearer and "jwt" in sources.order)
    return listens and evidence.mode_of(client) in PROXY_MODES


async def check(state: State, snapshot: Snapshot, header: str, address: str, *, again: bool = False) -> Said:
    """What credentials (the value of the header) prove: known from memory, or found out by a worker.

    A password not seen before costs a worker some hundred milliseconds. ``again``: they were right before. When no
    worker has time for them nobody can say, as with a directory that is down: that is no matter of ``on_failure``.
    """
    said = snapshot.desk.quick(header, address, again=again)
    if said is None:
        timeout = snapshot.settings.limits.hook_timeout_ms / 1000
        lane, run = "identity" if snapshot.settings.identity.ldap is None else "directory", state.workers.run
        if header.lstrip(" \t")[:6].lower() == "bearer":
            lane = "tokens"  # passwords take long, and whoever guesses at some must not keep tokens from being read
        owner = network_of(address)
        try:
            said = await run(snapshot.desk.slow, header, address, again, timeout_s=timeout, lane=lane, owner=owner)
        except (WorkersBusy, WorkersTimeout):
            busy = Answer(None, "too many credentials are being checked")
            said = Said("jwt" if lane == "tokens" else "basic", busy, down=True)
    return said


def of_connection(
    state: State, snapshot: Snapshot, link: Link, client: connection.Client
) -> Settled | Awaitable[Settled]:
    """Who the connection comes from, by itself and by what was shown when it was opened."""
    kept = link.settled
    again = bool(link.shown) and time.monotonic() >= link.shown_until
    ended = bool(link.chain) and time.monotonic() >= link.chain_until
    if kept is not None and kept.sources is snapshot.sources and not again and not ended:
        return kept
    said = kept.said if kept is not None else Said()
    if again:
        quick = snapshot.desk.quick(link.shown, address_of(client), again=said.answer.principal is not None)
        if quick is None:
            return _asked_again(state, snapshot, link, client, right=said.answer.principal is not None)
        said = hear(link, link.shown, quick)
    found = evidence.answers(state, snapshot, link, client)
    if isinstance(found, Mapping):
        return _keep(snapshot, link, client, found, said)
    return _found_out(snapshot, link, client, found, said)


def hear(link: Link, header: str, said: Said) -> Said:
    """Note what credentials proved that were shown for the whole connection."""
    link.shown, link.shown_until = header, time.monotonic() + AGAIN_S
    link.heard, link.settled = ({said.source: said.answer} if said.source else {}), None
    return said


async def _asked_again(
    state: State, snapshot: Snapshot, link: Link, client: connection.Client, *, right: bool
) -> Settled:
    if link.asking is None or link.asking.done():  # once for all requests that come meanwhile
        link.asking = asyncio.ensure_future(check(state, snapshot, link.shown, address_of(client), again=right))
    said = hear(link, link.shown, await asyncio.shield(link.asking))
    found = evidence.answers(state, snapshot, link, client)
    return _keep(snapshot, link, client, found if isinstance(found, Mapping) else await found, said)


async def _found_out(
    snapshot: Snapshot, link: Link, client: connection.Client, found: Awaitable[Mapping[str, Answer]], said: Said
) -> Settled:
    return _keep(snapshot, link, client, await found, said)


def _keep(
    snapshot: Snapshot, link: Link, client: connection.Client, found: Mapping[str, Answer], said: Said
) -> Settled:
    order = speaking(
        snapshot.sources.order,
        evidence.mode_of(client),
        through_tunnel=bool(snapshot.sources.peers) and evidence.through_tunnel(client),
        local=bool(snapshot.sources.processes) and evidence.is_local(client),
    )
    answers = {**found, **link.heard}
    outcome = settle(order, answers)
    link.settled = Settled(snapshot.sources, order, answers, outcome, said)
    link.chain_until = time.monotonic() + CHAIN_AGAIN_S
    link.principal, link.auth_asked = outcome.principal, outcome.asked
    return link.settled


async def arrive(state: State, flow: http.HTTPFlow) -> None:
    """A CONNECT: what is shown with it holds for the connection. Whoever is wrong or has to say more is turned away."""
    snapshot, client = state.snapshot, flow.client_conn
    link = link_of(client)
    link.host, link.port = flow.request.host, flow.request.port
    # A client may try again on the same connection after a 407.
    link.heard, link.shown, link.settled, link.closed, link.refused = {}, "", None, False, link.condemned
    link.refused_by = link.refused_why = ""
    given, said = credentials_of(flow), Said()
    if given is not None and hears(snapshot, client):
        said = hear(link, given, await check(state, snapshot, given, address_of(client)))
    settled = of_connection(state, snapshot, link, client)
    if not isinstance(settled, Settled):
        settled = await settled
    wrong = _wrong(said, settled.order, settled.outcome)
    if wrong is None and hears(snapshot, client) and has_to_say(state, snapshot, settled.outcome.principal):
        challenge(flow, snapshot)
        link.refused_by, link.refused_why = "identity-required", "caller not identified"
    elif wrong is not None:
        answer_wrong(flow, snapshot, wrong)
        link.refused_by, link.refused_why, link.failures = wrong.rule_id, wrong.reason, said.failures
    else:
        return
    link.refused = True


def _wrong(said: Said, order: tuple[str, ...], outcome: Outcome) -> Wrong | None:
    """What was shown and is wrong, if anything was."""
    if said.answer.why and (said.source in order or not said.source):
        return Wrong(said.source, said.answer.why, said.retry_after_s, said.down, said.failures)
    if outcome.refused:
        source, _, why = outcome.refused.partition(": ")
        return Wrong(source, why)
    return None


def has_to_say(state: State, snapshot: Snapshot, principal: Principal) -> bool:
    """Whether credentials are asked for already here: a virtual key could still come inside of the tunnel."""
    identity = snapshot.settings.identity
    return (
        identity.required
        and snapshot.settings.mode == "enforce"
        and principal.strength < max(1, identity.strength)
        and not ("virtual_key" in snapshot.sources.order and state.virtual_keys.any)
    )


def identify(state: State, trace: Trace, flow: http.HTTPFlow, given: str | None) -> Awaitable[None] | None:
    """Who a request comes from: its connection's caller, unless it brings credentials (``given``) of its own."""
    client = flow.client_conn
    settled = of_connection(state, trace.snapshot, trace.link, client)
    if isinstance(settled, Settled) and (given is None or not hears(trace.snapshot, client)):
        _take(trace, flow, settled)
        return None
    return _identify(state, trace, flow, settled, given)


async def _identify(
    state: State, trace: Trace, flow: http.HTTPFlow, settled: Settled | Awaitable[Settled], given: str | None
) -> None:
    client, snapshot = flow.client_conn, trace.snapshot
    if not isinstance(settled, Settled):
        settled = await settled
    if given is None or not hears(snapshot, client):
        _take(trace, flow, settled)
        return
    said = await check(state, snapshot, given, address_of(client))
    trace.shown, trace.shown_until, trace.said = given, time.monotonic() + AGAIN_S, said
    # Whoever opened the tunnel is not replaced by who shows a credential of the same kind inside of it.
    answers = {said.source: said.answer, **settled.answers} if said.source in settled.order else settled.answers
    if said.source in settled.order and said.answer.principal is not None:
        trace.conflict = conflict(settled.outcome.principal, said.answer.principal)
    own = Settled(snapshot.sources, settled.order, answers, settle(settled.order, answers), said)
    _take(trace, flow, own, here=True)


def _take(trace: Trace, flow: http.HTTPFlow, settled: Settled, *, here: bool = False) -> None:
    outcome = settled.outcome
    trace.principal, trace.auth_asked, trace.heard = outcome.principal, outcome.asked, settled.answers
    wrong = _wrong(settled.said, settled.order, outcome)
    if wrong is None:
        return
    trace.refused_by, trace.refused_why = wrong.rule_id, wrong.reason
    if wrong.failures:
        trace.extra = {**trace.extra, "failures": str(wrong.failures)}
    answer_wrong(flow, trace.snapshot, wrong, here=here)


def ask(trace: Trace, flow: http.HTTPFlow) -> None:
    """A request in absolute form that was refused for want of credentials: its client is asked for them instead."""
    unknown = trace.acted and trace.verdict.rule_id in ("identity-required", "identity-strength")
    shown = trace.credential == "virtual" or any(source in trace.heard for source in ("basic", "jwt"))
    if unknown and not shown and not trace.link.host and hears(trace.snapshot, flow.client_conn):
        challenge(flow, trace.snapshot)


def by_key(trace: Trace, principal: Principal) -> None:
    """A virtual key says who is calling: it takes its place in the policy's order, and must not contradict the rest."""
    settled = trace.link.settled
    order = settled.order if settled is not None else ()
    answers = {**trace.heard, "virtual_key": Answer(principal)}
    outcome = settle(order, answers)
    trace.auth_asked = outcome.asked
    if "virtual_key" in order:
        trace.conflict = trace.conflict or conflict(trace.principal, principal)
    # Whoever is calling, this is the key that pays.
    who = outcome.principal
    trace.principal = who if who.key_id == principal.key_id else replace(who, key_id=principal.key_id)
