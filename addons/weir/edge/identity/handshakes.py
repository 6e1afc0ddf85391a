"""What a client shows before there is any request: its certificate in TLS, its name and password in SOCKS5."""

from __future__ import annotations

import base64
from collections.abc import Awaitable
from dataclasses import replace

import orjson
from mitmproxy import connection, tls
from mitmproxy.proxy.layers import modes

from weir.audit.record import new_event_id, now_us
from weir.edge import records
from weir.edge.guard import guarded
from weir.edge.identity.callers import Settled, check, has_to_say, hear, of_connection
from weir.edge.identity.turnaway import Wrong
from weir.edge.identity.who import address_of
from weir.edge.state import State
from weir.edge.trace import link_of
from weir.edge.wire import socks
from weir.edge.wire.clientcerts import asked, chain_of
from weir.identity.desk import Said
from weir.model import Action, Inspection

__all__ = ["Handshakes"]


class Handshakes:
    """Keeps what was shown with the connection. What is wrong, or missing where it has to be, ends it, recorded."""

    name = "handshakes"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def tls_established_client(self, data: tls.TlsData) -> None:
        """Keep the client's certificates: mitmproxy forgets them when TLS within the tunnel begins."""
        if asked(data.context):
            link = link_of(data.context.client)
            link.chain, link.settled = chain_of(data.ssl_conn), None

    @guarded
    async def socks5_greeting(self, data: socks.Greeting) -> None:
        """A name and a password of a client that has them, if somebody can check them; else none, if none will do."""
        state, snapshot, client = self.state, self.state.snapshot, data.client_conn
        checks = bool(snapshot.sources.passwords) and "basic" in snapshot.sources.order
        if checks and socks.PASSWORD in data.offered:
            data.method = socks.PASSWORD
        elif socks.NONE in data.offered:
            settled = await self._settled(client)
            later = snapshot.sources.certificates is not None and "certificate" in snapshot.sources.order
            if checks and not later and has_to_say(state, snapshot, settled.outcome.principal):
                await self._turn_away(client, Wrong("basic", "caller not identified"))
            else:
                data.method = socks.NONE
        else:
            await self._turn_away(client, Wrong("socks5", "no way to log in that weir knows"))

    @guarded
    async def socks5_auth(self, data: modes.Socks5AuthData) -> None:
        """Check a name and a password; they hold for the connection."""
        client, snapshot = data.client_conn, self.state.snapshot
        link = link_of(client)
        given = base64.b64encode(f"{data.username}:{data.password}".encode()).decode()
        header = f"Basic {given}"
        said = hear(link, header, await check(self.state, snapshot, header, address_of(client)))
        await self._settled(client)
        if said.answer.principal is None:
            await self._turn_away(client, _wrong(said))
        else:
            data.valid = True

    async def _settled(self, client: connection.Client) -> Settled:
        settled = of_connection(self.state, self.state.snapshot, link_of(client), client)
        return settled if isinstance(settled, Settled) else await settled

    async def _turn_away(self, client: connection.Client, wrong: Wrong) -> None:
        """Record why: there is neither a request nor a tunnel that would tell."""
        link, settings = link_of(client), self.state.snapshot.settings
        link.refused, link.closed, link.exchange_id = True, True, new_event_id()
        made = records.connection_record(
            link, client, "block", inspection=str(Inspection.FAILED), inspection_reason=wrong.reason, ts_end=now_us()
        )
        waits: Awaitable[None] | None = self.state.record(
            replace(
                made,
                mode=str(settings.mode),
                policy_hash=settings.hash,
                action=Action.BLOCK.word,
                rule_id=wrong.rule_id,
                reason=wrong.reason,
                extra=orjson.dumps({"failures": str(wrong.failures)}).decode() if wrong.failures else "",
            )
        )
        if waits is not None:
            await waits


def _wrong(said: Said) -> Wrong:
    why = said.answer.why or "nobody can check it"
    return Wrong(said.source or "basic", why, said.retry_after_s, said.down, said.failures)
