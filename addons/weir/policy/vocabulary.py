"""Words of a policy that name nothing: a rule on a misspelt service or detector would wait for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from weir.fields import nearest
from weir.settings import Mistake, Settings

__all__ = ["Vocabulary", "unknown_words"]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What there is to name. An empty set is not checked against."""

    services: frozenset[str] = frozenset()
    vendors: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    detectors: frozenset[str] = frozenset()


_Place = tuple[str | int, ...]
_Word = tuple[_Place, str, str]  # place in the file, kind, word (a glob)


def unknown_words(settings: Settings, vocabulary: Vocabulary) -> tuple[Mistake, ...]:
    """A mistake for each word of ``settings`` that fits nothing in ``vocabulary``, in file order."""
    known = {
        "service": vocabulary.services,
        "vendor": vocabulary.vendors,
        "category": vocabulary.categories | {"discovered"} if vocabulary.categories else frozenset(),
        "detector": vocabulary.detectors,
    }
    found: list[Mistake] = []
    for place, kind, word in _words(settings):
        words = known[kind]
        # A discovered service has its host name for an id.
        if not words or (kind == "service" and "." in word) or _fits(word, words, fold=kind != "detector"):
            continue
        guess = nearest(word, words)
        prefix = f"{kind}:" if place[0] in ("services", "teams") and kind in ("vendor", "category") else ""
        remedy = f"write {prefix}{guess}" if guess else f"name a {kind} that weir knows, or remove it"
        found.append(settings.mistake(place, f"names no known {kind}", remedy))
    return tuple(sorted(found, key=lambda mistake: mistake.line))


def _fits(pattern: str, words: Iterable[str], *, fold: bool) -> bool:
    if fold:
        return any(fnmatchcase(word.casefold(), pattern.casefold()) for word in words)
    return any(fnmatchcase(word, pattern) for word in words)


def _words(settings: Settings) -> Iterator[_Word]:
    for status in ("sanctioned", "tolerated", "unsanctioned"):
        for index, word in enumerate(getattr(settings.services, status)):
            yield _prefixed(("services", status, index), word)
    for service in settings.keys:
        yield ("keys", service), "service", service
    for name, team in settings.teams.items():
        for index, word in enumerate(team.services or ()):
            yield _prefixed(("teams", name, "services", index), word)
    for index, rule in enumerate(settings.rules):
        for part, condition in (("if", rule.when), ("unless", rule.unless)):
            for field, kind in (("service",) * 2, ("vendor",) * 2, ("category",) * 2, ("finding", "detector")):
                for number, word in enumerate(getattr(condition, field, None) or ()):
                    yield ("rules", index, part, field, number), kind, word
        for number, example in enumerate(rule.examples):
            if example.service:
                yield ("rules", index, "examples", number, "service"), "service", example.service


def _prefixed(place: _Place, word: str) -> _Word:
    kind, colon, name = word.partition(":")
    return (place, kind, name) if colon and kind in ("vendor", "category") else (place, "service", word)
