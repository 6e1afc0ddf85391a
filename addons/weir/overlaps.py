"""Budgets and rates of a policy that contradict each other or themselves, told from the file as it was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from weir.yamlpos import Document, Position

__all__ = ["literal", "overlaps"]

_GLOB = "*?["


def literal(name: str) -> str:
    """A glob that matches ``name`` and nothing else, but for case."""
    return "".join(f"[{char}]" if char in _GLOB else char for char in name)


def overlaps(document: Document, data: Mapping[str, Any]) -> None:
    """Add a mistake for each budget or rate that is about the same as one before it, or that can't do what it says."""
    first: dict[object, Position] = {}
    for place, one, unit, window in _limits(data):
        scope = one.get("scope", "org")
        if scope == "org" and one.get("name", "*") != "*":
            document.add(
                (*place, "name"), "names somebody, but there is one organisation", "write a scope, such as team"
            )
        about = (scope, unit, window, _word(one, "name"), _words(one, "models"), _words(one, "services"))
        if about in first:
            where = document.line(first[about])
            document.add(place, f"is about the same as the one on line {where}", "remove one, or name other models")
        first.setdefault(about, place)
        _downgrades(document, place, one.get("downgrade"))


def _limits(data: Mapping[str, Any]) -> Iterator[tuple[Position, Mapping[str, Any], str, object]]:
    """Each budget and each rate: where it stands, what it says, what it counts, in which window."""
    for place, one in _budgets(data):
        yield place, one, "usd" if "usd" in one else "tokens", one.get("per")
    for place, one in _entries(data.get("rates"), ("rates",)):
        yield place, one, "rate", "minute"


def _budgets(data: Mapping[str, Any]) -> Iterator[tuple[Position, Mapping[str, Any]]]:
    yield from _entries(data.get("budgets"), ("budgets",))
    teams = data.get("teams")
    for name, team in teams.items() if isinstance(teams, dict) else ():
        allowed = team.get("budget") if isinstance(team, dict) else None
        place: Position = ("teams", name, "budget")
        short = [(place, allowed)] if isinstance(allowed, dict) else _entries(allowed, place)
        for where, one in short:
            yield where, {**one, "scope": "team", "name": literal(str(name))}


def _entries(value: object, place: Position) -> Iterator[tuple[Position, Mapping[str, Any]]]:
    for index, one in enumerate(value if isinstance(value, list) else ()):
        if isinstance(one, dict):
            yield (*place, index), one


def _word(one: Mapping[str, Any], key: str) -> str:
    value = one.get(key, "*")
    return value.casefold() if isinstance(value, str) else ""


def _words(one: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = one.get(key)
    listed = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(sorted(str(word).casefold() for word in listed))


def _downgrades(document: Document, place: Position, pairs: object) -> None:
    before: list[str] = []
    for asked, other in pairs.items() if isinstance(pairs, dict) else ():
        here: Position = (*place, "downgrade", asked)
        if not isinstance(other, str):
            continue
        if any(sign in other for sign in _GLOB):
            document.add(here, "leads to a glob, which is no model", "write the name of one model")
        elif other.casefold() == str(asked).casefold():
            document.add(here, "leads to the model itself", "write a cheaper model, or remove it")
        elif any(fnmatchcase(str(asked).casefold(), pattern) for pattern in before):
            document.add(here, "is never reached: one above it matches the same models", "put it above that one")
        before.append(str(asked).casefold())
