"""The handler of one client connection: mitmproxy's, with hooks run in place and one write a connection and event.

mitmproxy hands every hook to a task and every head and body to the kernel by itself. Here a hook that returns at once
costs neither a task nor a turn of the event loop, and what one event makes for one connection leaves in one write.
Nothing is held back beyond the event that produced it, so no chunk arrives later than before.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

from mitmproxy import connection, http
from mitmproxy.proxy import commands, events, mode_servers, server
from mitmproxy.utils import asyncio_utils

from weir.edge.bounds.farewell import Farewell
from weir.edge.bounds.readers import BoundedHandler
from weir.edge.hooks import TableAddonManager
from weir.edge.trace import link_of
from weir.edge.wire.attempt import Deadline
from weir.edge.wire.corked import CorkedWriter
from weir.edge.wire.quick.tunnel import shortcut_of

__all__ = ["WeirConnectionHandler", "install"]

_LOOKS = 12


class _Transports(dict[connection.Connection, server.ConnectionIO]):
    """Corks every writer that is put in."""

    def __setitem__(self, key: connection.Connection, io: server.ConnectionIO) -> None:
        if io.writer is not None and not isinstance(io.writer, CorkedWriter):
            io.writer = CorkedWriter(io.writer)  # type: ignore[assignment]
        super().__setitem__(key, io)


class WeirConnectionHandler(BoundedHandler):
    """See the module's docstring. Under a Master without `TableAddonManager` it only corks."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # type: ignore[no-untyped-call]
        corked = _Transports()
        for key, io in self.transports.items():
            corked[key] = io
        self.transports = corked
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_place = isinstance(self.master.addons, TableAddonManager)
        self._way: Any = None  # past the layers of a CONNECT tunnel
        self._looks = _LOOKS
        self.farewells: list[Farewell] = []  # HTTP/2 that wants to know when weir ends

    async def server_event(self, event: events.Event) -> None:
        """Handle one event and those that its own hooks complete, then send what they made."""
        if event.__class__ is events.DataReceived and event.connection is self.client:
            self.heard = time.monotonic()
        if not self._in_place:
            await super().server_event(event)
            self._flush()
            return
        async with self._server_event_lock:
            # No `await` below: events of one connection are handled one after the other.
            self.timeout_watchdog.register_activity()
            waiting, crashed = deque([event]), False
            top = self._way or self._find_way()
            while waiting:
                try:
                    for command in top.handle_event(waiting.popleft()):
                        if isinstance(command, commands.StartHook):
                            if self._hook(command) and command.blocking:
                                waiting.append(events.HookCompleted(command))
                        else:
                            self._carry_out(command)
                except Exception:  # noqa: BLE001  as in mitmproxy: what else waits here may belong to another stream
                    self.log("mitmproxy has crashed!", logging.ERROR, exc_info=True)
                    crashed = True
            self._flush()
            if crashed and self.client in self.transports:
                self.close_connection(self.client)  # nobody may wait for an answer that nobody will give

    def _find_way(self) -> Any:
        if self._looks:  # a tunnel stands within the first events or never
            self._looks -= 1
            self._way = shortcut_of(self.layer)
        return self._way or self.layer

    def _hook(self, hook: commands.StartHook) -> bool:
        """Run a hook; False when something in it waits, and then a task goes on with it."""
        if hook.name == "response":
            self._flush()  # the client need not wait for our accounting
        rest = self.master.addons.start(hook)  # type: ignore[attr-defined]
        if rest is None:
            return True
        task = asyncio.get_running_loop().create_task(self._finish_hook(hook, rest))
        if not task.done():
            self._tasks.add(task)  # the loop keeps only weak references
            task.add_done_callback(self._tasks.discard)
        return False

    async def _finish_hook(self, hook: commands.StartHook, rest: Coroutine[Any, Any, None]) -> None:
        with self.timeout_watchdog.disarm():
            await rest
        if hook.blocking:
            await self.server_event(events.HookCompleted(hook))

    def _carry_out(self, command: commands.Command) -> None:
        """Every command but hooks, as mitmproxy's `server_event` does it."""
        if isinstance(command, commands.OpenConnection):
            assert command.connection not in self.transports
            name = f"server connection handler {command.connection.address}"
            handler = asyncio_utils.create_task(
                self.open_connection(command), name=name, keep_ref=False, client=self.client.peername
            )
            self.transports[command.connection] = server.ConnectionIO(handler=handler)
        elif isinstance(command, Farewell):
            self.farewells.append(command)
        elif isinstance(command, commands.RequestWakeup):
            name = f"wakeup timer ({command.delay:.1f}s)"
            timer = asyncio_utils.create_task(
                self.wakeup(command), name=name, keep_ref=False, client=self.client.peername
            )
            self.wakeup_timer.add(timer)
            if isinstance(command, Deadline):
                command.timer = timer
                timer.add_done_callback(self.wakeup_timer.discard)  # also when it is called off
        elif isinstance(command, commands.ConnectionCommand) and command.connection not in self.transports:
            pass  # already closed
        elif isinstance(command, commands.SendData):
            writer = self.transports[command.connection].writer
            assert writer
            if not writer.is_closing():
                writer.write(command.data)
        elif isinstance(command, commands.CloseTcpConnection):
            self.close_connection(command.connection, command.half_close)
        elif isinstance(command, commands.CloseConnection):
            self.close_connection(command.connection, False)
        elif isinstance(command, commands.Log):
            self.log(command.message, command.level)
        else:
            raise RuntimeError(f"unexpected command {type(command).__name__}")

    async def drain_writers(self) -> None:
        """As mitmproxy's, which takes a lock and asks each writer; nearly always nobody has anything left to take."""
        for io in self.transports.values():
            if io.writer is not None and not io.writer.at_rest():  # type: ignore[union-attr]
                break
        else:
            if not link_of(self.client).bounds.backlogs:
                return
        await super().drain_writers()

    def _flush(self) -> None:
        for io in self.transports.values():
            if io.writer is not None:
                io.writer.flush()  # type: ignore[union-attr]


def install() -> None:
    """Make mitmproxy handle connections by `WeirConnectionHandler`. Idempotent.

    Also takes out the type check of every field of every message, a tenth of what a request costs: it is there to catch
    mistakes of addons that replace a message's data whole, which none of ours does.
    """
    http.MessageData.__post_init__ = lambda _: None  # type: ignore[method-assign]
    mode_servers.ProxyConnectionHandler = WeirConnectionHandler  # type: ignore[misc]
