"""Clients that don't take weir's certificate: noted, and left alone where policy has nothing against it.

A host that is decrypted only to look what it is loses nothing by that. Everywhere else, AI services above all, a client
could switch inspection off by turning the certificate down: there the policy is asked about an exchange that nobody can
look into (`inspection: pinned`), so `on_failure: block` keeps the door shut. It stays decrypted then, and one that has
learnt to trust the CA gets through at once.
"""

from __future__ import annotations

from mitmproxy import connection, tls

from weir.edge.identity.unseen import found_at, pinned_case, service_of
from weir.edge.state import State
from weir.edge.trace import Link
from weir.model import Action, Mode
from weir.tls.decide import SAMPLED, Decision, normalise
from weir.tls.pins import client_of

__all__ = ["PINNED", "left", "passes", "sent", "turned_down"]

PINNED = "pinned: this client does not take weir's certificate"


def passes(state: State, link: Link, data: tls.ClientHelloData, decision: Decision) -> bool:
    """Whether this connection is left undecrypted because of what its client did before. Notes who the client is."""
    client, hello = data.context.client, data.client_hello
    address = client.peername[0] if client.peername else ""
    link.who = client_of(address, hello.cipher_suites, [kind for kind, _ in hello.extensions])
    link.looked = decision.reason == SAMPLED.reason
    if not state.pins.holds(link.who, _host(link), state.snapshot.settings.discover.pinned.hours):
        return False
    if not link.looked or _host(link) in state.found:  # what has shown itself is an AI service like any other
        service = service_of(state, link) or found_at(state, link)
        verdict = state.snapshot.policy.decide(pinned_case(link, service, link.principal))
        if verdict.action >= Action.COACH:  # nobody can be asked for a reason inside of it
            if state.snapshot.settings.mode is Mode.ENFORCE:
                return False
            link.refused_by, link.refused_why = verdict.rule_id, verdict.reason
    link.pinned, link.meter_reason = True, PINNED
    return True


def turned_down(state: State, link: Link) -> int:
    """The client broke the handshake off over the certificate; how often it has so far."""
    return _count(state, link, silent=False)


def left(state: State, link: Link, client: connection.Client) -> int:
    """The client has gone without a request: some say so in this way. How often, 0 when it means nothing."""
    if not link.looked or link.exchanges or not client.tls_established:
        return 0
    return _count(state, link, silent=True)


def sent(state: State, link: Link) -> None:
    """A request came through: its client takes the certificate."""
    if link.who is not None and link.exchanges == 1:
        state.pins.trusted(link.who, _host(link), remember=link.looked)


def _count(state: State, link: Link, *, silent: bool) -> int:
    if link.who is None:
        return 0
    rule = state.snapshot.settings.discover.pinned
    return state.pins.failed(link.who, _host(link), rule.after, rule.hours, silent=silent)


def _host(link: Link) -> str:
    return normalise(link.sni or link.host)
