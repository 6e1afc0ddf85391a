"""All providers: which one a host belongs to, and the dialects that read their bodies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from weir.model import Endpoint
from weir.ports import Dialect
from weir.providers.formats.dialects import dialects
from weir.providers.services.loading import ProviderFileError, read_directory
from weir.providers.services.provider import PASSIVE, Provider, is_passive
from weir.providers.services.shapes import guess

__all__ = ["PASSIVE", "Provider", "ProviderFileError", "Registry", "is_passive"]

_DATA = Path(__file__).parents[1] / "data"


class Registry:
    """Immutable once loaded; safe for any number of threads."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self.providers: tuple[Provider, ...] = tuple(providers)
        self._exact: dict[str, Provider] = {}
        self._below: dict[str, Provider] = {}
        for provider in self.providers:
            for host in provider.hosts:
                if host.startswith("*."):
                    self._below[host[2:]] = provider
                else:
                    self._exact[host] = provider
        self._by_id = {provider.id: provider for provider in self.providers}
        self._dialects = dialects(frozenset(p.id for p in self.providers if p.stream_usage == "always"))

    @classmethod
    def load(cls, extra_dirs: Sequence[Path] = ()) -> Registry:
        """The bundled providers and those in ``extra_dirs``, where a provider replaces a bundled one of the same id.

        Raises ProviderFileError naming every mistake with its file and line.
        """
        known = frozenset(dialects(frozenset()))
        found: dict[str, Provider] = {}
        for directory in (_DATA, *extra_dirs):
            found |= {provider.id: provider for provider in read_directory(directory, known)}
        owners: dict[str, str] = {}
        for provider in found.values():
            for host in provider.hosts:
                if host in owners:
                    text = (
                        f"{provider.id}: hosts: {host} is already taken by {owners[host]}; remove it from one of them"
                    )
                    raise ProviderFileError([text])
                owners[host] = provider.id
        return cls(found.values())

    @property
    def hosts(self) -> frozenset[str]:
        """Every host name and ``*.`` suffix of every provider."""
        return frozenset(host for provider in self.providers for host in provider.hosts)

    def by_host(self, host: str) -> Provider | None:
        """The provider that ``host`` (a name without port, any case) belongs to; the longest suffix wins."""
        name = host.lower().rstrip(".")
        found = self._exact.get(name)
        if found is not None:
            return found
        dot = name.find(".")
        while dot >= 0:
            found = self._below.get(name[dot + 1 :])
            if found is not None:
                return found
            dot = name.find(".", dot + 1)
        return None

    def by_id(self, provider_id: str) -> Provider | None:
        """The provider with this id."""
        return self._by_id.get(provider_id)

    def dialect(self, dialect_id: str) -> Dialect:
        """The dialect with this id. Raises KeyError when there is none."""
        return self._dialects[dialect_id]

    def guess(self, path: str) -> Endpoint:
        """What a request to an unknown host may be, by the shape of its path alone; service is ``""``."""
        return guess(path)
