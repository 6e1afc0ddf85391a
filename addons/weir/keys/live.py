"""A ``Secret`` whose value is renewed in the background; bound to its hosts like any other."""

from __future__ import annotations

from weir.keys.held import Held
from weir.model import Secret

__all__ = ["LiveSecret"]


class LiveSecret(Secret):
    """``reveal`` gives the value in force at that moment, from memory; it raises SecretUnavailable when none is."""

    __slots__ = ("_held",)

    def __init__(self, held: Held, *, name: str, hosts: tuple[str, ...]) -> None:
        super().__init__("", name=name, hosts=hosts)
        self._held = held

    def reveal(self) -> str:
        """The value itself: call it only where it goes onto the wire to a bound host. Raises SecretUnavailable."""
        return self._held.current()

    def available(self) -> bool:
        """True when ``reveal`` has a value now."""
        return self._held.available()
