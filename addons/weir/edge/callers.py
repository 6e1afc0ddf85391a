"""Who a request or a tunnel comes from, by its address and by the credentials meant for weir."""

from __future__ import annotations

from mitmproxy import connection, http

from weir.edge.guard import refuse
from weir.edge.state import Snapshot, State
from weir.identity.basic import CHALLENGE, parse_basic
from weir.identity.resolve import resolve
from weir.model import ANONYMOUS, Principal

__all__ = ["CREDENTIALS", "address_of", "by_network", "challenge", "identify"]

CREDENTIALS = "proxy-authorization"  # the only header that is weir's own; it never goes upstream


def address_of(client: connection.Client) -> str:
    """The client's address without its port; "" when the connection is gone."""
    return client.peername[0] if client.peername else ""


def by_network(snapshot: Snapshot, flow: http.HTTPFlow) -> Principal:
    """Who the source address stands for."""
    return snapshot.networks.lookup(address_of(flow.client_conn)) or ANONYMOUS


async def identify(state: State, snapshot: Snapshot, flow: http.HTTPFlow) -> Principal | None:
    """Who credentials and address prove, and the credentials off the request; None when they were given and are wrong.

    A password not seen before costs a worker some hundred milliseconds. Raises what `Workers.run` raises.
    """
    given = flow.request.headers.pop(CREDENTIALS, None)
    network = by_network(snapshot, flow)
    if given is None or snapshot.users is None:
        return network
    credentials = parse_basic(given)
    if credentials is None:
        return None
    principal = snapshot.users.cached(*credentials)
    if principal is None:
        timeout = snapshot.settings.limits.hook_timeout_ms / 1000
        owner = address_of(flow.client_conn)
        run = state.workers.run
        principal = await run(snapshot.users.verify, *credentials, timeout_s=timeout, lane="identity", owner=owner)
    return resolve([network, principal]) if principal else None


def challenge(flow: http.HTTPFlow, *, wrong: bool) -> None:
    """Answer 407, so that a client that has credentials sends them."""
    said = "These proxy credentials are not valid." if wrong else "This proxy wants to know who is calling."
    refuse(flow, 407, said, "identity-required")
    assert flow.response
    flow.response.headers["proxy-authenticate"] = CHALLENGE
