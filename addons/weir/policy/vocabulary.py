"""Words of a policy that name nothing: a rule on a misspelt service, detector or team would wait for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from weir.fields import nearest
from weir.overlaps import literal
from weir.settings import Mistake, Settings

__all__ = ["COUNTRIES", "Vocabulary", "unknown_teams", "unknown_words"]

_PREFIXES = ("vendor", "category", "risk", "country")

# ISO 3166-1, as of 2026: a list of countries names those with no service yet, too.
_ISO = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA "
    "CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA "
    "GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP "
    "KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS "
    "MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS "
    "RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW "
    "TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset(_ISO.split())
_MEANT = {"uk": "GB", "usa": "US", "china": "CN", "russia": "RU", "germany": "DE", "france": "FR", "india": "IN",
          "el": "GR", "iran": "IR", "japan": "JP", "korea": "KR"}  # fmt: skip
_REMEDIES = {"country": "write the two capitals of ISO 3166-1, such as country:CN"}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What there is to name. An empty set is not checked against."""

    services: frozenset[str] = frozenset()
    vendors: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    detectors: frozenset[str] = frozenset()
    risks: frozenset[str] = frozenset()
    countries: frozenset[str] = COUNTRIES


_Place = tuple[str | int, ...]
_Word = tuple[_Place, str, str]  # place in the file, kind, word (a glob)


def unknown_words(settings: Settings, vocabulary: Vocabulary) -> tuple[Mistake, ...]:
    """A mistake for each word of ``settings`` that fits nothing in ``vocabulary``, in file order."""
    known = {
        "service": vocabulary.services,
        "vendor": vocabulary.vendors,
        "category": vocabulary.categories | {"discovered"} if vocabulary.categories else frozenset(),
        "detector": vocabulary.detectors,
        "risk": vocabulary.risks,
        "country": vocabulary.countries,
    }
    found: list[Mistake] = []
    for place, kind, word in _words(settings):
        words = known[kind]
        # A discovered service has its host name for an id.
        if not words or (kind == "service" and "." in word) or _fits(word, words, fold=kind != "detector"):
            continue
        guess = _MEANT.get(word.casefold(), "") if kind == "country" else _guess(word, words)
        prefix = f"{kind}:" if place[0] in ("services", "teams", "identity") and kind in _PREFIXES else ""
        remedy = (
            f"write {prefix}{guess}" if guess else _REMEDIES.get(kind, f"name a {kind} that weir knows, or remove it")
        )
        if kind == "risk" and not guess:
            remedy = f"write one of {', '.join(f'risk:{name}' for name in sorted(words))}"
        found.append(settings.mistake(place, f"names no known {kind}", remedy))
    return tuple(sorted(found, key=lambda mistake: mistake.line))


def _guess(word: str, words: Iterable[str]) -> str:
    """What was probably meant. For a glob another glob or nothing: one name would stand for less than was asked for."""
    if not any(sign in word for sign in "*?["):
        return nearest(word, words)
    head, slash, rest = word.partition("/")
    if not slash or any(sign in head for sign in "*?["):
        return ""
    family = nearest(head, {name.partition("/")[0] for name in words if "/" in name})
    meant = f"{family}/{rest}"
    return meant if family and any(fnmatchcase(name, meant) for name in words) else ""


def unknown_teams(settings: Settings, teams: Collection[str]) -> tuple[Mistake, ...]:
    """A hint for each team that rules or the section ``teams`` name and that is none of ``teams``, in file order.

    ``teams`` are those that the sources of identity give to callers. A virtual key can carry any team, so nothing
    that comes out of here makes a policy wrong.
    """
    known = {"", *teams}
    found: list[Mistake] = []
    for place, word in _teams(settings):
        if any(fnmatchcase(team, word) for team in known):
            continue
        guess = nearest(word, teams)
        meant = f"write {guess} if that was meant" if guess else "correct it"
        remedy = f"{meant}; leave it if virtual keys carry this team"
        found.append(settings.mistake(place, "is a team that no source of identity gives to anybody", remedy))
    return tuple(sorted(found, key=lambda mistake: mistake.line))


def _teams(settings: Settings) -> Iterator[tuple[_Place, str]]:
    for name in settings.teams:
        # A key of this section is a name, not a glob.
        yield ("teams", name), literal(name)
    for index, budget in enumerate(settings.budgets):
        if budget.scope == "team":
            yield ("budgets", index, "name"), budget.name
    for index, rate in enumerate(settings.rates):
        if rate.scope == "team":
            yield ("rates", index, "name"), rate.name
    for index, permission in enumerate(settings.identity.permissions):
        for number, word in enumerate(permission.teams or ()):
            yield ("identity", "permissions", index, "teams", number), word
    for index, rule in enumerate(settings.rules):
        for part, condition in (("if", rule.when), ("unless", rule.unless)):
            for number, word in enumerate(getattr(condition, "team", None) or ()):
                yield ("rules", index, part, "team", number), word


def _fits(pattern: str, words: Iterable[str], *, fold: bool) -> bool:
    if fold:
        return any(fnmatchcase(word.casefold(), pattern.casefold()) for word in words)
    return any(fnmatchcase(word, pattern) for word in words)


def _words(settings: Settings) -> Iterator[_Word]:
    for status in ("sanctioned", "tolerated", "unsanctioned"):
        for index, word in enumerate(getattr(settings.services, status)):
            yield _prefixed(("services", status, index), word)
    for word, instead in settings.services.alternatives.items():
        yield _prefixed(("services", "alternatives", word), literal(word))
        for index, name in enumerate(instead):
            yield _prefixed(("services", "alternatives", word, index), name)
    for service in settings.keys:
        yield ("keys", service), "service", service
    for service in settings.failover:
        yield ("failover", service), "service", service
    for service in settings.credentials.services:
        # A key of this section is a name, not a glob.
        yield ("credentials", "services", service), "service", literal(service)
    for name, team in settings.teams.items():
        for index, word in enumerate(team.services or ()):
            yield _prefixed(("teams", name, "services", index), word)
    for index, permission in enumerate(settings.identity.permissions):
        for number, word in enumerate(permission.services or ()):
            yield _prefixed(("identity", "permissions", index, "services", number), word)
    for place, services in _of_limits(settings):
        for index, word in enumerate(services):
            yield (*place, "services", index), "service", word
    for index, rule in enumerate(settings.rules):
        for part, condition in (("if", rule.when), ("unless", rule.unless)):
            for field, kind in (("service",) * 2, ("vendor",) * 2, ("category",) * 2, ("finding", "detector")):
                for number, word in enumerate(getattr(condition, field, None) or ()):
                    yield ("rules", index, part, field, number), kind, word
        for number, example in enumerate(rule.examples):
            if example.service:
                yield ("rules", index, "examples", number, "service"), "service", example.service


def _of_limits(settings: Settings) -> Iterator[tuple[_Place, tuple[str, ...]]]:
    for index, budget in enumerate(settings.budgets):
        yield ("budgets", index), budget.services
    for index, rate in enumerate(settings.rates):
        yield ("rates", index), rate.services
    for name, team in settings.teams.items():
        for index, allowance in enumerate(team.budget):
            listed = ("teams", name, "budget", index)
            yield (listed if len(team.budget) > 1 else listed[:-1]), allowance.services


def _prefixed(place: _Place, word: str) -> _Word:
    kind, colon, name = word.partition(":")
    # Only the section `services` looks at what is known of a service beside its name.
    kinds = _PREFIXES if place[0] == "services" else _PREFIXES[:2]
    return (place, kind, name) if colon and kind in kinds else (place, "service", word)
