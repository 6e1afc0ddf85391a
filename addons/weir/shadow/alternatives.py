"""What people may use instead of a service that is not for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from weir.model import Service, Status
from weir.shadow.catalogue import Catalogue
from weir.shadow.opinion import Opinion

__all__ = ["NAMED_MAX", "Alternatives"]

NAMED_MAX = 3
_PROGRAMS = frozenset({"model-api", "inference", "gateway", "vector-database"})  # nothing that a person would open
_PROGRAMS_HOSTS = ("api.", "*", "mcp.")


class Alternatives:
    """By the policy's ``services.alternatives``; where it is silent, sanctioned services of the same category.

    Fills as it is asked: the first question about a category takes up to a millisecond, later ones a look-up.
    """

    def __init__(self, catalogue: Catalogue, opinion: Opinion, named: Mapping[str, Sequence[str]]) -> None:
        self._catalogue, self._opinion = catalogue, opinion
        self._named = {word.casefold(): tuple(refs) for word, refs in named.items()}
        self._found: dict[tuple[str, str, str], tuple[tuple[str, str], ...]] = {}

    def of(self, service: Service) -> tuple[tuple[str, str], ...]:
        """(name, address) of at most `NAMED_MAX` services; the address is "" for what is no page.

        A service id in the policy counts before its vendor, and that before its category. None for what is sanctioned.
        """
        if not service.id or service.status is Status.SANCTIONED:
            return ()
        discovered = service.category == "discovered"  # its id is a host: there may be any number of them
        key = ("" if discovered else service.id, service.vendor, service.category)
        if key not in self._found:
            self._found[key] = tuple(self._shown(one) for one in self._chosen(service))[:NAMED_MAX]
        return self._found[key]

    def _chosen(self, service: Service) -> Iterable[Service]:
        for word in (service.id, f"vendor:{service.vendor}", f"category:{service.category}"):
            if (refs := self._named.get(word.casefold())) is not None:
                found = dict.fromkeys(one.id for ref in refs for one in self._meant(ref))
                return [self._catalogue.services[id_] for id_ in found if id_ != service.id]
        return self._sanctioned(f"category:{service.category}")

    def _meant(self, ref: str) -> Iterable[Service]:
        if ":" in ref:
            return self._sanctioned(ref)
        one = self._catalogue.services.get(ref)
        # Nobody is sent from one refusal to the next, whatever the policy says.
        return [one] if one is not None and self._opinion.judge(one).status is not Status.UNSANCTIONED else []

    def _sanctioned(self, ref: str) -> Iterable[Service]:
        kind, _, name = ref.partition(":")
        for one in self._catalogue.services.values():
            if (one.vendor if kind == "vendor" else one.category) == name:
                judged = self._opinion.judge(one)
                if judged.status is Status.SANCTIONED:
                    yield judged

    def _shown(self, service: Service) -> tuple[str, str]:
        entry = self._catalogue.entries[service.id]
        if service.category in _PROGRAMS:
            return service.name, ""
        host = next((host for host in entry.hosts if not host.startswith(_PROGRAMS_HOSTS) and "*" not in host), "")
        path = next((path for path in entry.paths if "*" not in path), "/")
        return service.name, f"https://{host}{path}" if host else ""
