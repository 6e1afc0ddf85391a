"""Host names and ``*.example.com`` (everything below a name, not the name itself), looked up by set."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Hosts"]


class Hosts:
    """A set of host patterns. ``in`` wants a host in small letters, without port and final dot."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self.patterns = tuple(dict.fromkeys(patterns))
        self._exact = frozenset(p for p in self.patterns if not p.startswith("*."))
        self._below = frozenset(p[2:] for p in self.patterns if p.startswith("*."))

    def __contains__(self, host: str) -> bool:
        if host in self._exact:
            return True
        _, dot, rest = host.partition(".")
        while dot and self._below:
            if rest in self._below:
                return True
            _, dot, rest = rest.partition(".")
        return False

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def covers(self, pattern: str) -> bool:
        """Whether every host that ``pattern`` stands for is in here."""
        # Below a name that is covered lies nothing that isn't, so one host there stands for all.
        return pattern in self.patterns or (f"x.{pattern[2:]}" if pattern.startswith("*.") else pattern) in self
