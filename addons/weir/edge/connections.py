"""Records of connections that have no exchanges to record: metered, pinned, failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from mitmproxy import connection, http, tls
from mitmproxy import flow as mitm_flow
from mitmproxy.proxy import layer

from weir.audit.record import new_event_id, now_us
from weir.edge import pinning, records
from weir.edge.content.keeping import replied
from weir.edge.content.storing import put
from weir.edge.guard import guarded
from weir.edge.identity.unseen import found_at, judge, service_of
from weir.edge.state import State
from weir.edge.trace import Link, Trace, link_of, open_flows, open_links
from weir.edge.wire.meter import MeteredTCPLayer
from weir.model import Action, Inspection

__all__ = ["Connections"]

LOST_AFTER_S = 20.0  # longer than any hook works on an exchange that has ended

# What a client says when it does not accept our certificate; other handshake failures are not pinning.
_DISTRUST = ("unknown ca", "bad certificate", "certificate unknown", "unknown_ca")


def _seen(link: Link) -> tuple[Inspection, str]:
    if link.failed:
        return Inspection.FAILED, link.failed
    return Inspection.PINNED if link.pinned else Inspection.METERED, link.meter_reason


def _ruled(link: Link, state: State) -> dict[str, Any]:
    """What policy said of a connection, and what became of that."""
    settings = state.snapshot.settings
    unwanted = Action.BLOCK if link.refused_by else Action.ALLOW
    return {
        "mode": str(settings.mode),
        "policy_hash": settings.hash,
        "verdict": unwanted.word,
        "action": (unwanted if link.refused else Action.ALLOW).word,
        "rule_id": link.refused_by,
        "reason": link.refused_why,
        "identity_rule": link.identity_rule,
    }


class Connections:
    """One record when bytes begin to pass undecrypted, one when the connection has ended."""

    name = "connections"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def next_layer(self, data: layer.NextLayer) -> Awaitable[None] | None:
        """Runs after the layer was chosen: a relay gets its first record before its first byte goes up."""
        if isinstance(data.layer, MeteredTCPLayer):
            link, address = link_of(data.context.client), data.context.server.address
            if address and not link.host:  # neither a CONNECT nor TLS has named it
                link.host, link.port = address[:2]
            return self._begin(link, data.context.client)
        return None

    @guarded
    def tls_clienthello(self, data: tls.ClientHelloData) -> Awaitable[None] | None:
        """Runs after the decision to decrypt or not."""
        if data.ignore_connection:
            return self._begin(link_of(data.context.client), data.context.client)
        return None

    def _begin(self, link: Link, client: connection.Client) -> Awaitable[None] | None:
        if link.exchange_id or link.refused:
            return None
        waits = judge(self.state, link, client)
        if waits is not None:
            return self._judged(waits, link, client)
        self._begun(link, client)
        return None

    async def _judged(self, waits: Awaitable[None], link: Link, client: connection.Client) -> None:
        await waits
        self._begun(link, client)

    def _begun(self, link: Link, client: connection.Client) -> None:
        link.exchange_id = new_event_id()
        if link.refused:  # its layer closes it
            link.closed = True
            self._put(link, client, "block", *_seen(link), now_us())
        else:
            self._put(link, client, "request", *_seen(link), None)

    @guarded
    def tls_failed_client(self, data: tls.TlsData) -> None:
        """The client broke off the handshake with us."""
        link = link_of(data.context.client)
        error = (data.conn.error or "").lower()
        distrusts = not link.failed and any(word in error for word in _DISTRUST)
        inspection = Inspection.PINNED if distrusts else Inspection.FAILED
        why = "client does not trust the certificate" if distrusts else link.failed or "TLS with the client failed"
        link.exchange_id, link.closed = new_event_id(), True
        link.tries = pinning.turned_down(self.state, link) if distrusts else 0
        self._put(link, data.context.client, "error", inspection, why, now_us())

    @guarded
    def client_disconnected(self, client: connection.Client) -> None:
        """The last record of a connection that passed undecrypted, or that failed before any exchange."""
        link = link_of(client)
        self._end(link, client)
        left = open_flows(link)
        if left:  # their own hooks may still be at work on them; a crash below us leaves them with none
            asyncio.get_running_loop().call_later(LOST_AFTER_S, self._lost, left)

    def _lost(self, left: list[tuple[http.HTTPFlow, Trace]]) -> None:
        for flow, trace in left:
            if not trace.closed:
                trace.closed = True
                flow.error = flow.error or mitm_flow.Error("client closed the connection")
                put(self.state, records.reply_record(trace, flow), replied(trace))

    def _end(self, link: Link, client: connection.Client) -> None:
        if link.closed:
            return
        link.closed = True
        if link.metered and not link.exchange_id and (link.bytes_up or link.bytes_down):
            link.exchange_id = new_event_id()  # relayed after an upgrade
        if link.metered and link.exchange_id:
            self._put(link, client, "meter", *_seen(link), now_us())
        elif link.broken or (not link.exchanges and (link.host or link.failed)):
            link.exchange_id = new_event_id()
            link.tries = 0 if link.failed or link.broken else pinning.left(self.state, link, client)
            why = link.failed or link.broken or "no request was made"
            self._put(link, client, "error", Inspection.FAILED, why, now_us())

    def _put(
        self, link: Link, client: connection.Client, kind: str, inspection: Inspection, why: str, end: int | None
    ) -> None:
        service = service_of(self.state, link)
        if service is None and inspection is Inspection.PINNED:
            service = found_at(self.state, link)  # of others it is not known whether it is what they are for
        if not link.service and service is not None:
            link.service, link.service_status = service.id, str(service.status)
        record = records.connection_record(
            link,
            client,
            kind,
            inspection=str(inspection),
            inspection_reason=why,
            ts_end=end,
            duration_us=end - link.started_us if end else None,
            **_ruled(link, self.state),
        )
        self.state.met(record)
        self.state.spool.put(record)

    def close_all(self) -> None:
        """At shutdown: connections that are about to be cut get their last record."""
        for client, link in open_links():
            self._lost(open_flows(link))
            self._end(link, client)
