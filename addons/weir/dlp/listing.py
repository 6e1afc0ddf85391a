"""Every detector there is, told: what it finds, where that is known from, and whether a policy uses it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.dlp.exact.exactfile import read_label
from weir.dlp.personal.packs import GENERIC, Entity, Pack, load_packs
from weir.dlp.personal.presidio import DEFAULT_ENTITIES
from weir.dlp.rulebook.rules import load_rules
from weir.dlp.rulebook.secret_rule import SecretRule
from weir.dlp.rulebook.words import WordPattern
from weir.sections import Dlp

__all__ = ["Listed", "descriptions", "listed"]

_OWN = "One of your own values"


@dataclass(frozen=True, slots=True)
class Listed:
    """One detector. ``details`` are for whoever asks for this one: pattern, examples, words around it …"""

    id: str
    description: str
    severity: str
    source: str
    kind: str  # regex | words | personal data | exact values
    used: bool  # by the policy that was asked about
    pack: str = ""  # of personal data: the policy's name for the country
    details: Mapping[str, Any] | None = None

    @property
    def category(self) -> str:
        """What stands before the slash."""
        return self.id.partition("/")[0]


def listed(dlp: Dlp) -> tuple[Listed, ...]:
    """All detectors by id: rules, built in and the policy's own, personal data of all packs, files of exact values.

    Raises RuleError or ExactFileError (both ValueError), or OSError for a file that can't be read. Files of exact
    values say only what they are called: that needs no key.
    """
    rules = [_rule(rule, dlp.threshold) for rule in load_rules(dlp.rules).rules]
    people = [_entity(entity, pack, dlp) for pack in load_packs().values() for entity in pack.entities]
    exact = [_exact(path) for path in dlp.exact]
    return tuple(sorted([*rules, *people, *exact], key=lambda one: one.id))


def descriptions(dlp: Dlp, names: Collection[str]) -> Mapping[str, str]:
    """What each of the detectors called ``names`` finds, in a few words."""
    told = {name: _OWN for name in names if name.startswith("exact/")}
    people = {name for name in names if name.startswith("pii/")}
    for pack in load_packs().values():
        told |= {f"pii/{e.name}": _says(e, pack) for e in pack.entities if f"pii/{e.name}" in people}
    told |= {name: f"Personal data: {_words(name)}" for name in people - set(told)}
    if set(names) - set(told):
        told |= {rule.id: rule.description for rule in load_rules(dlp.rules).rules if rule.id in names}
    return told


def _rule(rule: SecretRule, threshold: float) -> Listed:
    words = isinstance(rule.pattern, WordPattern)
    details: dict[str, Any] = {"score": rule.score}
    if not words:
        details |= {"regex": rule.pattern.pattern, "secret_group": rule.group}
    details |= dict(_given(rule))
    details |= {"match": list(rule.match), "miss": list(rule.miss)}
    used = rule.score >= threshold
    return Listed(
        rule.id, rule.description, rule.severity, rule.source, "words" if words else "regex", used, details=details
    )


def _given(rule: SecretRule) -> Iterator[tuple[str, Any]]:
    if rule.keywords:
        yield "keywords", list(rule.keywords)
        yield "reach", rule.reach
    if rule.entropy_min:
        yield "entropy_min", rule.entropy_min
    if rule.validator:
        yield "validator", rule.validator


def _entity(entity: Entity, pack: Pack, dlp: Dlp) -> Listed:
    asked = entity.name in (DEFAULT_ENTITIES if dlp.entities is None else dlp.entities)
    used = asked or (pack.id in dlp.packs and not entity.on_request)
    details: dict[str, Any] = {
        "pack": pack.id,
        "threshold": dlp.thresholds.get(entity.name, dlp.threshold),
        "needs_context": entity.needs_context,
        "on_request": entity.on_request,
        "context": [*entity.context, *entity.also],
        "patterns": [
            {"name": own.name, "regex": own.regex, "score": own.score, "validator": own.validator}
            for own in entity.patterns
        ],
    }
    source = f"Presidio's {entity.recognizer}" if entity.recognizer else "patterns of the pack"
    return Listed(
        f"pii/{entity.name}", _says(entity, pack), entity.severity, source, "personal data", used, pack.id, details
    )


def _says(entity: Entity, pack: Pack) -> str:
    where = "" if pack.id == GENERIC else f" ({pack.name})"
    return f"Personal data: {_words(entity.name)}{where}"


def _words(name: str) -> str:
    return name.removeprefix("pii/").replace("_", " ").lower()


def _exact(path: Path) -> Listed:
    says = _OWN
    return Listed(f"exact/{read_label(path)}", says, "high", str(path), "exact values", True, details={})
