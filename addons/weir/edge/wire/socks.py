"""SOCKS5 with a name and a password: which method the client gets is asked of the chain.

mitmproxy decides it by its option `proxyauth`, for all clients alike. Here a client that offers a name and a password
is asked for them when policy can check them, and one that doesn't goes on without, unless that would be refused anyway.
`install()` puts this layer in mitmproxy's place.
"""

from __future__ import annotations

from dataclasses import dataclass

from mitmproxy import connection
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.layers import modes

from weir.edge.trace import link_of

__all__ = ["Greeting", "Socks5GreetingHook", "WeirSocks5Proxy", "install"]

NONE, PASSWORD = modes.SOCKS5_METHOD_NO_AUTHENTICATION_REQUIRED, modes.SOCKS5_METHOD_USER_PASSWORD_AUTHENTICATION
_NO_METHOD = bytes([modes.SOCKS5_VERSION, modes.SOCKS5_METHOD_NO_ACCEPTABLE_METHODS])


@dataclass(slots=True)
class Greeting:
    """The methods that a client offers (RFC 1928), and the one it gets: one of them, or None, which ends it."""

    client_conn: connection.Client
    offered: bytes
    method: int | None = None


@dataclass
class Socks5GreetingHook(StartHook):
    """A client has offered its methods."""

    name = "socks5_greeting"
    data: Greeting


class WeirSocks5Proxy(modes.Socks5Proxy):
    """As mitmproxy's, but for the choice of the method."""

    def state_greet(self) -> layer.CommandGenerator[None]:
        """Choose a method that the client offers, or refuse."""
        if len(self.buf) < 2 or self.buf[0] != modes.SOCKS5_VERSION:
            yield from super().state_greet()
            return
        end = 2 + self.buf[1]
        if len(self.buf) < end:
            return
        greeting = Greeting(self.context.client, self.buf[2:end])
        yield Socks5GreetingHook(greeting)
        method = greeting.method
        if method not in (NONE, PASSWORD) or method not in greeting.offered:
            yield commands.SendData(self.context.client, _NO_METHOD)
            yield from self.socks_err("no acceptable method")
            return
        yield commands.SendData(self.context.client, bytes([modes.SOCKS5_VERSION, method]))
        self.buf = self.buf[end:]
        self.state = self.state_auth if method == PASSWORD else self.state_connect  # type: ignore[method-assign]
        yield from self.state()

    state = state_greet

    def socks_err(self, message: str, reply_code: int | None = None) -> layer.CommandGenerator[None]:
        """End the connection. What the client sent stays out of messages: it may be a password."""
        link = link_of(self.context.client)
        link.broken = link.broken or "no SOCKS5 that weir speaks"
        self.buf = b""
        yield from super().socks_err("SOCKS5 handshake failed", reply_code)

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.ConnectionClosed) and self.buf:
            link_of(self.context.client).broken, self.buf = "closed within the SOCKS5 handshake", b""
        yield from super()._handle_event(event)

    def state_auth(self) -> layer.CommandGenerator[None]:
        """Read name and password; only the version that RFC 1929 knows."""
        if self.buf and self.buf[0] != 1:
            yield from self.socks_err("unknown version of name and password")
            return
        yield from super().state_auth()


def install() -> None:
    """Make mitmproxy speak SOCKS5 by `WeirSocks5Proxy`. Idempotent."""
    modes.Socks5Proxy = WeirSocks5Proxy  # type: ignore[misc]
