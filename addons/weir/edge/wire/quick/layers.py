"""Small things of mitmproxy's layers that are done for every request and event, done with less.

* `Context.fork` makes a server connection, with an identity of its own, and throws it away.
* Connections are compared by their identities' text, nearly always with themselves.
* `Layer.handle_event` asks twice at each command whether layers are debugged; here it is asked once an event.
"""

from __future__ import annotations

from typing import Any

from mitmproxy import connection
from mitmproxy.proxy import context, events, layer

__all__ = ["install"]

_stock_handle_event = layer.Layer.handle_event


def _fork(self: context.Context) -> context.Context:
    made = context.Context.__new__(context.Context)
    made.client = self.client
    made.options = self.options
    made.server = self.server
    made.layers = self.layers.copy()
    return made


def _same(self: connection.Connection, other: object) -> bool:
    if self is other:
        return True
    return self.id == other.id if isinstance(other, connection.Connection) else False


def _handle_event(self: layer.Layer, event: events.Event) -> layer.CommandGenerator[None]:
    if self.debug is not None:
        yield from _stock_handle_event(self, event)
        return
    paused = self._paused
    if not paused:
        generator = self._handle_event(event)
        for command in generator:  # quicker than `send`, and the same
            if command.blocking is True:
                command.blocking = self  # outer layers need not wait
                self._paused = layer.Paused(command, generator)
                yield command
                return
            yield command
    elif isinstance(event, events.CommandCompleted) and event.command is paused.command:
        yield from _go_on(self, paused.generator, event.reply)
    else:
        self._paused_event_queue.append(event)


def _go_on(self: layer.Layer, generator: Any, reply: Any) -> layer.CommandGenerator[None]:
    """The rest of an event whose command is done, then the events that came in between, up to the next to wait for."""
    self._paused = None
    try:
        first = generator.send(reply)
    except StopIteration:
        first = None
    while True:
        if first is not None:
            if first.blocking is True:
                first.blocking = self
                self._paused = layer.Paused(first, generator)
                yield first
                return
            yield first
        for command in generator:
            if command.blocking is True:
                command.blocking = self
                self._paused = layer.Paused(command, generator)
                yield command
                return
            yield command
        if not self._paused_event_queue:
            return
        generator, first = self._handle_event(self._paused_event_queue.popleft()), None


def install() -> None:
    """Put them in the place of mitmproxy's. Idempotent."""
    context.Context.fork = _fork  # type: ignore[method-assign]
    connection.Connection.__eq__ = _same  # type: ignore[method-assign]
    layer.Layer.handle_event = _handle_event  # type: ignore[method-assign]
