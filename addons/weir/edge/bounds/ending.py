"""How a connection that a limit ends is told of."""

from __future__ import annotations

from mitmproxy import connection

from weir.edge.trace import link_of, open_flows

__all__ = ["RULE", "give_up"]

RULE = "limit"


def give_up(client: connection.Client, why: str) -> None:
    """Note that a connection is ended by a limit: its last record says so, and those of its exchanges."""
    link = link_of(client)
    link.refused, link.refused_by, link.refused_why, link.broken = True, RULE, why, why
    for _, trace in open_flows(link) if link.exchanges else ():
        trace.refused_by, trace.refused_why = RULE, why
