"""What a policy thinks of each service: its status, which words of the policy made it, and how risky its use is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from weir.model import Service, Status
from weir.shadow.catalogue import Catalogue
from weir.shadow.compact import Entry
from weir.shadow.rating import Rating, rate
from weir.shadow.risks import RETAINS_DAYS, Fact

__all__ = ["RISKS", "Judged", "Lists", "Opinion"]

# What a policy may name as `risk:…`. Only `unknown` and `anonymous` need no dated source.
RISKS: Mapping[str, str] = {
    "trains": "a source says that it trains on what is sent to it",
    "retains": f"a source says that it keeps what is sent for more than {RETAINS_DAYS} days",
    "no-soc2": "a source says that it has no SOC 2 report",
    "no-sso": "a source says that it has no single sign-on",
    "anonymous": "people use it without an account",
    "unknown": "nothing is known of how it handles data",
}

DISCOVERED = "discovered"  # the category of services that no catalogue lists: their id is the host's name

_STRICTER = {Status.UNKNOWN: -1, Status.SANCTIONED: 0, Status.TOLERATED: 1, Status.UNSANCTIONED: 2}


class Lists(Protocol):
    """The section ``services`` of a policy."""

    @property
    def sanctioned(self) -> Sequence[str]: ...
    @property
    def tolerated(self) -> Sequence[str]: ...
    @property
    def unsanctioned(self) -> Sequence[str]: ...
    @property
    def otherwise(self) -> Status: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A service as the policy sees it. ``because`` is the word of the policy that made its status, "" for none."""

    service: Service  # with its status
    country: str  # "" when unknown
    because: str
    rating: Rating


class Opinion:
    """A policy's lists laid over the catalogue. Immutable to the eye; made once a policy, asked for each exchange."""

    def __init__(self, catalogue: Catalogue, lists: Lists) -> None:
        self._catalogue = catalogue
        self._otherwise = lists.otherwise
        # A word in two lists means the stricter; `weir check` takes words in any case, and so they count in any case.
        self._refs: dict[str, tuple[Status, str]] = {}
        for status in (Status.SANCTIONED, Status.TOLERATED, Status.UNSANCTIONED):
            self._refs.update((word.casefold(), (status, word)) for word in getattr(lists, status))
        self._broad = any(word.startswith(("risk:", "country:")) for word in self._refs)
        # Both fill as they are asked: a service is decided about once a policy, and making an opinion costs nothing.
        self._services: dict[str, Service] = {}
        self._judged: dict[str, Judged] = {}

    def of(self, host: str, path: str | None = None) -> Judged | None:
        """What the policy thinks of the service that ``host`` (with ``path``) belongs to; None when it is nobody's."""
        found = self._catalogue.by_host(host, path)
        if found is None:
            return None
        known = self._judged.get(found.id)
        return known or self.about(found)

    def judge(self, service: Service) -> Service:
        """``service`` with its status. One that the catalogue has by this id is returned as the catalogue has it."""
        if service.category == DISCOVERED:
            # Its id is a host name, and a host of the house may be called like somebody's service.
            return replace(service, status=self._decide(service)[0])
        known = self._services.get(service.id)
        if known is not None:
            return known
        listed = self._catalogue.services.get(service.id)
        chosen = listed or service
        judged = replace(chosen, status=self._decide(chosen)[0])
        if listed is not None:
            self._services[service.id] = judged
        return judged

    def about(self, service: Service) -> Judged:
        """All that is thought of ``service``, one of the catalogue or not."""
        known = self._judged.get(service.id) if service.category != DISCOVERED else None
        if known is not None:
            return known
        judged = self.judge(service)
        entry = self._entry(judged)
        country = (entry.country if entry else None) or ""
        made = Judged(judged, country, self._decide(judged)[1], self.rating(judged))
        if entry is not None:
            self._judged[judged.id] = made
        return made

    def rating(self, service: Service, *, personal: bool = False, findings: bool = False) -> Rating:
        """How risky the use of ``service`` is, with what was seen of its use."""
        service = self.judge(service)
        entry = self._entry(service)
        country = (entry.country if entry else None) or ""
        forbidden = self._refs.get(f"country:{country}".casefold()) if country else None
        return rate(
            category=service.category,
            status=service.status,
            because=self._decide(service)[1],
            country=country,
            country_forbidden=forbidden is not None and forbidden[0] is Status.UNSANCTIONED,
            signup=entry.signup if entry else None,
            facts=self._catalogue.risks(service.id) if entry else {},
            personal=personal,
            findings=findings,
        )

    def country(self, id_: str) -> str:
        """Where the vendor of service ``id_`` has its seat, two capitals; "" when that is not known."""
        entry = self._catalogue.entries.get(id_)
        return (entry.country if entry else None) or ""

    def risks(self, id_: str) -> tuple[str, ...]:
        """The words of ``RISKS`` that are true of service ``id_``, in their order."""
        entry = self._catalogue.entries.get(id_)
        facts = self._catalogue.risks(id_)
        true = {
            "trains": _is(facts.get("trains"), True),
            "retains": isinstance(days := _value(facts.get("retention_days")), int) and days > RETAINS_DAYS,
            "no-soc2": _is(facts.get("soc2"), False),
            "no-sso": _is(facts.get("sso"), False),
            "anonymous": entry is not None and entry.signup == "anonymous",
            "unknown": not facts,
        }
        return tuple(word for word in RISKS if true[word])

    def _decide(self, service: Service) -> tuple[Status, str]:
        """An id counts before a vendor, a vendor before a category, that before risks and countries."""
        refs, entry = self._refs, self._entry(service)
        for word in (service.id, f"vendor:{service.vendor}", f"category:{service.category}"):
            if word == service.id and service.category == DISCOVERED and word in self._catalogue.entries:
                continue  # such a name in a policy is a service of the catalogue
            if (found := refs.get(word.casefold())) is not None:
                return found
        if self._broad:
            words = [f"risk:{risk}" for risk in (self.risks(service.id) if entry else ("unknown",))]
            if entry is not None and entry.country:
                words.append(f"country:{entry.country.casefold()}")
            hits = [refs[word] for word in words if word in refs]
            if hits:
                return max(hits, key=lambda hit: _STRICTER[hit[0]])
        return self._otherwise, ""

    def _entry(self, service: Service) -> Entry | None:
        return None if service.category == DISCOVERED else self._catalogue.entries.get(service.id)


def _value(fact: Fact | None) -> object:
    return fact.value if fact is not None else None


def _is(fact: Fact | None, value: bool) -> bool:
    return fact is not None and fact.value is value
