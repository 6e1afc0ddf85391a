"""The catalogue of AI services: which host (and path, on hosts that also serve other things) is whose.

Data is `data/*.yaml`, a file a category; operators add directories of the same shape. Looking a host up is a few
dictionary look-ups: it happens at every TLS handshake.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from weir.model import Service
from weir.shadow.entries import Entry, read_directory
from weir.shadow.risks import Fact, read_risks

__all__ = ["Catalogue"]

_BUNDLED = Path(__file__).parent / "data"
_LONGEST_HOST = 253  # characters, by DNS; anything longer is no host name

PathRules = tuple[tuple[re.Pattern[str], Service], ...]  # beginnings of paths → service, the longest first


class Catalogue:
    """AI services by host. Immutable once loaded."""

    def __init__(
        self, layers: Sequence[Sequence[Entry]], risks: Sequence[Mapping[str, Mapping[str, Fact]]] = ()
    ) -> None:
        entries: dict[str, Entry] = {}
        for layer in layers:
            entries.update((entry.id, entry) for entry in layer)
        self._entries = entries
        self._risks: dict[str, dict[str, Fact]] = {}
        for known in risks:
            for id_, facts in known.items():
                self._risks.setdefault(id_, {}).update(facts)
        self._services = {e.id: Service(e.id, e.name, e.vendor, e.category) for e in entries.values()}
        whole: dict[str, Service] = {}
        shared: dict[str, list[Entry]] = {}
        for layer in layers:
            for entry in layer:
                if entries[entry.id] is not entry:
                    continue  # a later directory has replaced it
                for host in entry.hosts:
                    if entry.paths:
                        shared.setdefault(host, []).append(entry)
                    else:
                        whole[host] = self._services[entry.id]
        self._whole = _Index(whole)
        self._shared = _Index({host: self._rules(claims) for host, claims in shared.items()})

    @classmethod
    def load(cls, extra_dirs: Iterable[Path] = ()) -> Catalogue:
        """The bundled catalogue with the operator's directories laid over it, in their order.

        A service of a later directory replaces one with the same id and takes over hosts that it names; a fact of its
        `risks/*.yaml` replaces one about the same attribute. Raises ValueError with file, line and what is wrong when a
        file has a mistake, OSError when one can't be read.
        """
        directories = (_BUNDLED, *extra_dirs)
        layers = [read_directory(directory) for directory in directories]
        ids = {entry.id for layer in layers for entry in layer}
        return cls(layers, [read_risks(directory, ids) for directory in directories])

    def __len__(self) -> int:
        return len(self._services)

    @property
    def services(self) -> Mapping[str, Service]:
        """All services by id, status unknown."""
        return self._services

    @property
    def entries(self) -> Mapping[str, Entry]:
        """All entries (hosts and paths included) by service id."""
        return self._entries

    def risks(self, id_: str) -> Mapping[str, Fact]:
        """What is known about how service ``id_`` handles data, by attribute; an attribute not in it is unknown."""
        return self._risks.get(id_, {})

    @property
    def hosts(self) -> frozenset[str]:
        """All host patterns, ``*`` included, of hosts that belong whole to a service: what is worth decrypting."""
        return self._whole.patterns

    @property
    def suffixes(self) -> frozenset[str]:
        """Of these, the domains all of whose subdomains are meant (``chatgpt.com`` for ``*.chatgpt.com``)."""
        return frozenset(self._whole.below)

    @property
    def shared_hosts(self) -> frozenset[str]:
        """Host patterns of hosts that also serve other things: only a request's path tells."""
        return self._shared.patterns

    def by_host(self, host: str, path: str | None = None) -> Service | None:
        """The service that ``host`` belongs to, status unknown; None for any other string. ≤ 3 µs without ``path``.

        With ``path`` (a query is cut off) a service that claims it on this host comes first: the only way to find
        those that share a host with other things. Case, a final dot, escapes and ``//`` or ``/./`` don't matter.
        """
        if path is not None:
            rules = self._shared.find(host)
            if rules is not None:
                path = _plain(path)
                for beginnings, service in rules:
                    if beginnings.match(path):
                        return service
        return self._whole.find(host)

    def is_shared(self, host: str) -> bool:
        """True when ``host`` serves an AI service below certain paths only."""
        return self._shared.find(host) is not None

    def _rules(self, claims: Sequence[Entry]) -> PathRules:
        longest_first = sorted(claims, key=lambda e: max(map(len, e.paths)), reverse=True)
        return tuple((_beginnings(e.paths), self._services[e.id]) for e in longest_first)


class _Index[T]:
    """Values by host pattern: a name, ``*.domain``, ``*-label.domain``, or a ``*`` for the second or third label."""

    def __init__(self, patterns: Mapping[str, T]) -> None:
        self.patterns = frozenset(patterns)
        self.exact: dict[str, T] = {}
        self.below: dict[str, T] = {}
        self._second: dict[str, T] = {}
        self._third: dict[str, T] = {}
        self._prefix: dict[str, T] = {}
        for pattern, value in patterns.items():
            if pattern.startswith("*."):
                self.below[pattern[2:]] = value
            elif pattern.startswith("*-"):
                self._prefix[pattern[1:]] = value
            elif ".*." in pattern:
                index = self._third if "." in pattern.partition(".*.")[0] else self._second
                index[pattern.replace(".*.", ".", 1)] = value
            else:
                self.exact[pattern] = value

    def find(self, host: str) -> T | None:
        """The value of the most specific pattern that ``host`` (any case, trailing dot or not) meets."""
        if len(host) > _LONGEST_HOST:
            return None
        host = host.lower().rstrip(".")
        found = self.exact.get(host)
        if found is not None:
            return found
        dot = host.find(".")
        if dot < 1:
            return None
        dash = host.rfind("-", 0, dot)
        if dash > 0 and (found := self._prefix.get(host[dash:])) is not None:
            return found
        second = host.find(".", dot + 1)
        if second > 0:
            if (found := self._second.get(host[:dot] + host[second:])) is not None:
                return found
            third = host.find(".", second + 1)
            if third > 0 and (found := self._third.get(host[:second] + host[third:])) is not None:
                return found
        while dot >= 0:
            found = self.below.get(host[dot + 1 :])
            if found is not None:
                return found
            dot = host.find(".", dot + 1)
        return None


def _beginnings(paths: Sequence[str]) -> re.Pattern[str]:
    """Matches paths that begin like one of ``paths``, where ``*`` stands for one segment."""
    return re.compile("|".join(re.escape(path.lower()).replace(r"\*", "[^/]+") for path in paths))


def _plain(path: str) -> str:
    """``path`` as servers read it: no query, escapes decoded, no empty or dot segments, lower case."""
    path = unquote(path[:4096].partition("?")[0]).lower()
    if "//" in path or "/." in path:
        kept: list[str] = []
        for part in path.split("/"):
            if part == "..":
                kept[-1:] = []
            elif part not in ("", "."):
                kept.append(part)
        path = "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")
    return path
