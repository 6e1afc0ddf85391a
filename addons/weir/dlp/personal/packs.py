"""The packs: what personal data looks like in each country, as data (``rules/pii/packs/*.yaml``).

A pack says which of Presidio's recognizers it takes, which patterns it adds, which words make a hit likely, and what
proves too little by itself. Its name is the name of its file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from weir.dlp.personal.checksums import CHECKSUMS
from weir.dlp.rulebook.secret_rule import SEVERITIES

__all__ = ["DATA", "GENERIC", "Entity", "OwnPattern", "Pack", "UnknownPack", "chosen", "digest", "load_packs", "read"]

DATA = Path(__file__).parents[1] / "rules" / "pii"
GENERIC = "generic"

# When a hit counts only beside one of its words: never; when the pattern is weak; when the value is digits only, too;
# always.
NEEDS = ("never", "weak", "bare", "always")
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnknownPack(ValueError):
    """A pack that there is not. The message lists those there are."""


@dataclass(frozen=True, slots=True)
class OwnPattern:
    """A pattern that Presidio does not have. ``validator`` names a checksum or is empty."""

    name: str
    regex: str
    score: float
    validator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity of a pack. ``context`` (if not empty) stands instead of Presidio's words, ``also`` beside them."""

    name: str
    severity: str = "medium"
    recognizer: str = ""
    context: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    needs_context: str = "weak"
    on_request: bool = False
    without: Mapping[str, str] = field(default_factory=dict)
    patterns: tuple[OwnPattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """The entities of one country, and the regions as which its people dial."""

    id: str
    name: str
    regions: tuple[str, ...]
    entities: tuple[Entity, ...]


def read(name: str) -> Any:
    """What stands in one of the data files, e.g. ``cards.yaml``."""
    return yaml.load((DATA / name).read_text(encoding="utf-8"), Loader=_LOADER)


@cache
def load_packs() -> Mapping[str, Pack]:
    """All packs by name. Raises ValueError that names file and field where one is wrong."""
    packs: dict[str, Pack] = {}
    owners: dict[str, str] = {}
    for file in sorted((DATA / "packs").glob("*.yaml")):
        pack = packs[file.stem] = _pack(file.stem, read(f"packs/{file.name}"))
        for entity in pack.entities:
            if owners.setdefault(entity.name, pack.id) != pack.id:
                raise ValueError(f"{file.name}: {entity.name} stands in {owners[entity.name]}.yaml already")
    return packs


@cache
def digest() -> str:
    """Changes when any of the data files does."""
    told = hashlib.sha256()
    for file in sorted(DATA.rglob("*.yaml")):
        content = file.read_bytes()
        told.update(len(content).to_bytes(8) + content)
    return told.hexdigest()[:16]


def chosen(names: Sequence[str]) -> tuple[Pack, ...]:
    """The packs of these names, in order, none twice. Raises UnknownPack."""
    packs = load_packs()
    for name in names:
        if name not in packs:
            raise UnknownPack(f"there is no pack {name}; write one of {', '.join(packs)}")
    return tuple(packs[name] for name in dict.fromkeys(names))


def _pack(name: str, data: Mapping[str, Any]) -> Pack:
    _only(name, data, ("name", "regions", "entities"))
    return Pack(name, str(data["name"]), tuple(data.get("regions", ())), tuple(_entities(name, data["entities"])))


def _entities(pack: str, data: Mapping[str, Mapping[str, Any]]) -> Iterator[Entity]:
    for name, fields in data.items():
        where = f"{pack}.yaml: {name}"
        _only(where, fields, Entity.__dataclass_fields__)
        values: dict[str, Any] = {
            key: tuple(value) if key in ("context", "also") else value for key, value in fields.items()
        }
        patterns = tuple(_own(where, item) for item in values.pop("patterns", ()))
        entity = Entity(name=name, patterns=patterns, **values)
        if entity.severity not in SEVERITIES:
            raise ValueError(f"{where}: severity is not known; write one of {', '.join(SEVERITIES)}")
        if entity.needs_context not in NEEDS:
            raise ValueError(f"{where}: needs_context is not known; write one of {', '.join(NEEDS)}")
        if not entity.recognizer and not entity.context:
            raise ValueError(f"{where}: own patterns need context words of their own")
        yield entity


def _own(where: str, fields: Mapping[str, Any]) -> OwnPattern:
    _only(where, fields, OwnPattern.__dataclass_fields__)
    pattern = OwnPattern(**fields)
    if pattern.validator and pattern.validator not in CHECKSUMS:
        raise ValueError(f"{where}: there is no validator {pattern.validator}; write one of {', '.join(CHECKSUMS)}")
    return pattern


def _only(where: str, fields: Mapping[str, Any], known: Sequence[str] | Mapping[str, Any]) -> None:
    unknown = sorted(set(fields) - set(known))
    if unknown:
        raise ValueError(f"{where}: {unknown[0]} is not a field; write one of {', '.join(sorted(known))}")
