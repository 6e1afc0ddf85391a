"""Dispatches hooks from a table, and without a task where nothing waits.

mitmproxy walks all addons for each hook and again for its `update` hook, which only its user interfaces listen to, and
it starts a task for every hook although most return at once. That is half of what a request costs. The semantics kept:
chain order, awaitables awaited before the next listener is called, and an exception logged without stopping the chain
(deciding hooks are guarded and never raise).
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from mitmproxy import addonmanager, exceptions, hooks

__all__ = ["TableAddonManager"]

Listener = Callable[..., Any]


class TableAddonManager(addonmanager.AddonManager):
    """An `AddonManager` whose table of listeners is built once and again whenever the chain changes."""

    def __init__(self, master: Any) -> None:
        super().__init__(master)  # type: ignore[no-untyped-call]
        self._table: dict[str, tuple[Listener, ...]] = {}
        self._fields: dict[type[hooks.Hook], tuple[str, ...]] = {}  # `Hook.args` asks for them each time

    def add(self, *addons: Any) -> None:
        """As mitmproxy's; forgets the table."""
        super().add(*addons)  # type: ignore[no-untyped-call]
        self._table.clear()

    def remove(self, addon: Any) -> None:
        """As mitmproxy's; forgets the table."""
        super().remove(addon)  # type: ignore[no-untyped-call]
        self._table.clear()

    def _listeners(self, event: hooks.Hook) -> tuple[Listener, ...]:
        found = self._table.get(event.name)
        if found is None:
            found = tuple(listener for addon in self.chain for _, listener in self._iter_hooks(addon, event))
            self._table[event.name] = found
        return found

    def start(self, event: hooks.Hook) -> Coroutine[Any, Any, None] | None:
        """Call the listeners up to the first that has to wait; None when all are done, else what is left to await."""
        kind = type(event)
        names = self._fields.get(kind)
        if names is None:
            names = self._fields[kind] = tuple(field.name for field in dataclasses.fields(event))  # type: ignore[arg-type]
        return self._run(self._listeners(event), 0, [getattr(event, name) for name in names])

    def _run(
        self, listeners: tuple[Listener, ...], index: int, arguments: list[Any]
    ) -> Coroutine[Any, Any, None] | None:
        while index < len(listeners):
            listener = listeners[index]
            index += 1
            try:
                waits = listener(*arguments)
            except exceptions.AddonHalt:
                return None
            except Exception:
                with addonmanager.safecall():
                    raise
                continue
            if waits is not None and inspect.isawaitable(waits):
                return self._rest(waits, listeners, index, arguments)
        return None

    async def _rest(
        self, waits: Awaitable[Any], listeners: tuple[Listener, ...], index: int, arguments: list[Any]
    ) -> None:
        try:
            with addonmanager.safecall():
                await waits
        except exceptions.AddonHalt:
            return
        rest = self._run(listeners, index, arguments)
        if rest is not None:
            await rest

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        """Trigger the hook; there is no user interface to update."""
        await self.trigger_event(event)

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Call every listener in chain order."""
        rest = self.start(event)
        if rest is not None:
            await rest
