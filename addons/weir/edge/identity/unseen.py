"""Connections to AI services that pass undecrypted: who may have one.

Nobody can say inside of it who is calling, so what the connection proves has to do. A permission for some operations,
models or tools of the service is one for such a connection: nobody sees which of them it is for, and the record says
that it was not looked into.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

from mitmproxy import connection

from weir.edge.identity.callers import Settled, of_connection
from weir.edge.process.workers import WorkersBusy, WorkersTimeout
from weir.edge.state import State
from weir.edge.trace import Link, open_links
from weir.identity.permissions import Use
from weir.model import Action, Inspection, Principal, Service
from weir.policy.case import NO_SERVICE, Case
from weir.tls.decide import normalise

__all__ = ["again", "found_at", "judge", "pinned_case", "service_of"]

_AT_ONCE = 20  # connections, some ten microseconds each


def service_of(state: State, link: Link) -> Service | None:
    """The AI service that a connection leads to by its names, with its status; None for any other."""
    snapshot = state.snapshot
    for name in filter(None, (link.sni, link.host)):
        service = snapshot.catalogue.by_host(name)
        if service is None and (provider := snapshot.registry.by_host(name)) is not None:
            service = Service(provider.id, provider.name, category="model-api")
        if service is not None:
            return snapshot.judged(service)
    return None


def found_at(state: State, link: Link) -> Service | None:
    """The AI service that was discovered where a connection leads to; other things may be there too."""
    host = next((name for name in map(normalise, filter(None, (link.sni, link.host))) if name in state.found), None)
    return state.snapshot.judged(Service(host, host, category="discovered")) if host is not None else None


def pinned_case(link: Link, service: Service | None, who: Principal) -> Case:
    """What policy is asked about a connection whose client lets nobody look into it."""
    names = tuple(dict.fromkeys(filter(None, (link.sni, link.host))))
    return Case(
        principal=who,
        service=service or NO_SERVICE,
        host=names[0] if names else "",
        is_ai=service is not None,
        discovered=service is not None and service.category == "discovered",
        inspection=Inspection.PINNED,
        reason="client does not trust the certificate",
    )


def judge(state: State, link: Link, client: connection.Client) -> Awaitable[None] | None:
    """Note in ``link`` what policy says of such a connection; in ``enforce`` one that it does not want is refused."""
    settled = of_connection(state, state.snapshot, link, client)
    if isinstance(settled, Settled):
        _judge(state, link, settled)
        return None
    return _wait(state, link, settled)


async def again(state: State) -> None:
    """Ask about those that stand: a user who is gone, a token that has ended, a policy or an hour that is another now.

    What is not wanted any more ends with its next byte. Nobody is cut off for what cannot be found out just now.
    """
    for number, (client, link) in enumerate(open_links()):
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)  # there may be thousands, and requests wait meanwhile
        # What a service is may be another now, too.
        if not link.metered or link.refused or service_of(state, link) is None:
            continue
        whose = link.principal
        try:
            settled = of_connection(state, state.snapshot, link, client)
            settled = settled if isinstance(settled, Settled) else await settled
        except (WorkersBusy, WorkersTimeout):
            continue
        if not settled.said.down:
            _judge(state, link, settled)
            link.overtaken = link.overtaken or link.refused
        link.principal = link.principal if link.principal.method != "none" else whose  # whose bytes these were


async def _wait(state: State, link: Link, settled: Awaitable[Settled]) -> None:
    _judge(state, link, await settled)


def _judge(state: State, link: Link, settled: Settled) -> None:
    service, snapshot = service_of(state, link), state.snapshot
    if service is None:
        return
    link.service, link.service_status = service.id, str(service.status)
    if settled.outcome.refused:
        link.refused_by, link.refused_why, link.identity_rule = "identity-required", settled.outcome.refused, ""
    else:
        link.refused_by, link.refused_why = _ruling(state, link, service, settled.outcome.principal)
    if link.refused_by and snapshot.settings.mode == "enforce":
        link.refused = True


def _ruling(state: State, link: Link, service: Service, who: Principal) -> tuple[str, str]:
    """(rule, why) of a refusal; empty when the connection may pass, with the rule that allows it in ``link``."""
    settings, permissions = state.snapshot.settings.identity, state.snapshot.sources.permissions
    if settings.required and who.method == "none":
        link.identity_rule = ""
        return "identity-required", "caller not identified"
    link.identity_rule = "identity-required" if settings.required else ""
    if link.pinned:  # rules may be about who calls, and who that is was not known at the handshake
        verdict = state.snapshot.policy.decide(pinned_case(link, service, who))
        if verdict.action >= Action.COACH:
            link.identity_rule = ""
            return verdict.rule_id, verdict.reason
    if not permissions:
        return "", ""
    names = (service.id, f"vendor:{service.vendor}", f"category:{service.category}")
    ruling = permissions.decide(who, Use(names), time.time())
    link.identity_rule = ruling.rule_id if ruling.allowed else ""
    return ("", "") if ruling.allowed else (ruling.rule_id, ruling.why)
