"""All providers: which one a host belongs to, and the dialects that read their bodies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from weir.model import Endpoint
from weir.ports import Dialect
from weir.providers.formats.dialects import dialects
from weir.providers.services.hosts import HostIndex
from weir.providers.services.loading import Loaded, ProviderFileError, load_directory
from weir.providers.services.provider import PASSIVE, Provider, is_passive
from weir.providers.services.shapes import guess

__all__ = ["PASSIVE", "Provider", "ProviderFileError", "Registry", "is_passive"]

_DATA = Path(__file__).parents[1] / "data"


def _known() -> frozenset[str]:
    return frozenset(dialects(frozenset()))


@cache
def _bundled(directory: Path) -> tuple[Loaded, ...]:
    """Our own, read once: they are looked at by the tests, and stay as they are for as long as a process runs."""
    return tuple(load_directory(directory, _known(), trusted=True))


class Registry:
    """Immutable once loaded; safe for any number of threads."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self.providers: tuple[Provider, ...] = tuple(providers)
        self._whole = HostIndex({host: provider for provider in self.providers for host in provider.hosts})
        shared: dict[str, list[Provider]] = {}
        for provider in self.providers:
            for host in provider.shared_hosts:
                shared.setdefault(host, []).append(provider)
        self._shared = HostIndex(shared)
        self._by_id = {provider.id: provider for provider in self.providers}
        self._dialects = dialects(frozenset(p.id for p in self.providers if p.stream_usage == "always"))

    @classmethod
    def load(cls, extra_dirs: Sequence[Path] = ()) -> Registry:
        """The bundled providers and those in ``extra_dirs``, where a provider replaces a bundled one of the same id.

        Raises ProviderFileError naming every mistake with its file and line.
        """
        found = {one.provider.id: one for one in _bundled(_DATA)}
        for directory in extra_dirs:
            found |= {one.provider.id: one for one in load_directory(directory, _known())}
        mistakes: list[str] = []
        owners: dict[str, Loaded] = {}
        for one in found.values():
            for host in one.provider.hosts:
                owner = owners.setdefault(host, one)
                if owner is not one:
                    theirs = f"{owner.provider.id} ({owner.places[host]})"
                    mistakes.append(
                        f"{one.places[host]}: {host}: is already taken by {theirs}; remove it from one of them"
                    )
        if mistakes:
            raise ProviderFileError(mistakes)
        return cls(one.provider for one in found.values())

    @property
    def hosts(self) -> frozenset[str]:
        """Every host pattern that belongs whole to a provider: what is worth decrypting."""
        return frozenset(host for provider in self.providers for host in provider.hosts)

    @property
    def shared_hosts(self) -> frozenset[str]:
        """Every pattern of hosts that also serve other things: only a request's path tells."""
        return frozenset(host for provider in self.providers for host in provider.shared_hosts)

    def by_host(self, host: str) -> Provider | None:
        """The provider that ``host`` (a name without port, any case) belongs to whole; the longest suffix wins."""
        return self._whole.find(host)

    def by_request(self, host: str, method: str, path: str) -> Provider | None:
        """The provider that a request is for: one that claims ``path`` on a shared host, else the host's own."""
        for provider in self._shared.find(host) or ():
            if provider.claims(method, path):
                return provider
        return self._whole.find(host)

    def by_id(self, provider_id: str) -> Provider | None:
        """The provider with this id."""
        return self._by_id.get(provider_id)

    def bound_hosts(self, provider_id: str) -> tuple[str, ...]:
        """Where this provider's key may go when the policy names no hosts; nowhere for one that is not known."""
        provider = self.by_id(provider_id)
        return provider.bound_hosts if provider else ()

    def dialect(self, dialect_id: str) -> Dialect:
        """The dialect with this id. Raises KeyError when there is none."""
        return self._dialects[dialect_id]

    def guess(self, path: str) -> Endpoint:
        """What a request to an unknown host may be, by the shape of its path alone; service is ``""``."""
        return guess(path)
