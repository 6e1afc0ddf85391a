"""Connections that pass undecrypted: their bytes are counted both ways, nothing of them is kept.

mitmproxy's `TCPLayer(ignore=True)` fires no hooks and counts nothing, and without `ignore` it keeps every message in
memory. `install()` replaces it by one that counts into the connection's `Link`.
"""

from __future__ import annotations

import time
from typing import Any

import mitmproxy.proxy.layers as layers
import mitmproxy.proxy.layers.tcp as tcp_layers
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context

from weir.edge.trace import link_of
from weir.shadow.hints import Rhythm

__all__ = ["MeteredTCPLayer", "install"]


class MeteredTCPLayer(tcp_layers.TCPLayer):
    """A relay that counts. It never keeps a flow, so no message is stored and no `tcp_*` hook fires."""

    def __init__(self, context: Context, ignore: bool = False) -> None:
        super().__init__(context, ignore=True)
        self.link = link_of(context.client)
        self.link.metered = True
        self.link.rhythm = rhythm = Rhythm()
        self._feed = rhythm.feed
        self.link.meter_reason = self.link.meter_reason or ("not intercepted" if ignore else "not HTTP")

    def start(self, event: Any) -> layer.CommandGenerator[None]:
        """Close what is refused; otherwise connect and relay."""
        if self.link.refused:
            yield commands.CloseConnection(self.context.client)
            self._handle_event = self.done  # type: ignore[method-assign]
            return
        yield from super().start(event)

    _handle_event = start

    def relay_messages(self, event: Any) -> layer.CommandGenerator[None]:
        """Count, then relay; what a new policy wants decrypted ends here, and its client begins anew."""
        if isinstance(event, events.DataReceived):
            if self.link.overtaken:
                yield commands.CloseConnection(self.context.client)
                yield commands.CloseConnection(self.context.server)
                self._handle_event = self.done  # type: ignore[method-assign]
                return
            if event.connection == self.context.client:
                self.link.bytes_up += len(event.data)
                self._feed("up", len(event.data), time.monotonic())
            else:
                self.link.bytes_down += len(event.data)
                self._feed("down", len(event.data), time.monotonic())
        yield from super().relay_messages(event)


def install() -> None:
    """Make mitmproxy relay through `MeteredTCPLayer` wherever it would use its own. Idempotent."""
    tcp_layers.TCPLayer = MeteredTCPLayer  # type: ignore[misc]
    layers.TCPLayer = MeteredTCPLayer  # type: ignore[misc]
