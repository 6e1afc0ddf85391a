"""What a connection that was given up still says: nobody hears it."""

from __future__ import annotations

from typing import Any

from mitmproxy.proxy import layer

__all__ = ["Sink"]


class Sink(layer.Layer):
    """Stands in a connection's place and swallows its events. It is no part of any stack of layers."""

    def __init__(self, context: Any) -> None:
        self.context = context
        self._paused = None
        self.debug = None

    def _handle_event(self, event: Any) -> layer.CommandGenerator[None]:
        yield from ()

    def handle_event(self, event: Any) -> layer.CommandGenerator[None]:
        """Nothing follows from it."""
        yield from ()
