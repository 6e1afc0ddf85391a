"""What is known about how services handle data, each fact with its source and the date on which that said so."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

__all__ = ["ATTRIBUTES", "RETAINS_DAYS", "UNLIMITED", "Fact", "read_risks"]

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLACE = re.compile(r"[A-Z]{2}\Z")

Value = bool | int | tuple[str, ...]

UNLIMITED = 1_000_000  # days: what a file calls `unlimited`
RETAINS_DAYS = 30  # what many keep against abuse; more is a risk of its own

# trains: on what customers send, unless they object. retention_days: of prompts and replies, by default. residency:
# countries and regions a customer may choose. soc2: a report exists. sso: single sign-on can be had.
ATTRIBUTES = ("trains", "retention_days", "soc2", "residency", "sso")


@dataclass(frozen=True, slots=True)
class Fact:
    """One attribute of one service. ``value`` is a number of days, places in capitals, or yes and no."""

    attribute: str
    value: Value
    source: str  # https address
    date: date


def read_risks(directory: Path, services: Container[str]) -> dict[str, dict[str, Fact]]:
    """Facts by service id and attribute, from ``directory``'s ``risks/*.yaml``; empty where there are none.

    ``services`` are the ids that facts may be told about. Raises ValueError with file, line and what is wrong when a
    file has a mistake, OSError when one can't be read.
    """
    known: dict[str, dict[str, Fact]] = {}
    for path in sorted((directory / "risks").glob("*.yaml")):
        for id_, facts, place in _read_file(path):
            if id_ not in services:
                raise ValueError(f"{place}: no service has the id {id_}; write another one")
            mine = known.setdefault(id_, {})
            for fact in facts:
                if fact.attribute in mine:
                    raise ValueError(f"{place}: {fact.attribute} of {id_} is told before; keep the newer source")
                mine[fact.attribute] = fact
    return known


def _read_file(path: Path) -> Iterator[tuple[str, list[Fact], str]]:
    loader = _Loader(path.read_text("utf-8"))
    try:
        root = loader.get_single_node()
        services = None
        if isinstance(root, yaml.MappingNode) and [key.value for key, _ in root.value] == ["services"]:
            services = root.value[0][1]
        if not isinstance(services, yaml.SequenceNode):
            raise ValueError(f"{path}:1: write a list of `services:`, nothing else")
        for node in services.value:
            place = f"{path}:{node.start_mark.line + 1}"
            if not isinstance(node, yaml.MappingNode):
                raise ValueError(f"{place}: a line is a mapping with id, source, date and what they tell")
            yield *_facts(loader.construct_document(node), place), place
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ValueError(f"{path}{line}: not YAML ({getattr(error, 'problem', 'unreadable')})") from None
    finally:
        loader.dispose()


def _facts(raw: Mapping[str, Any], place: str) -> tuple[str, list[Fact]]:
    if odd := set(raw) - {"id", "source", "date", *ATTRIBUTES}:
        raise ValueError(f"{place}: unknown key {', '.join(sorted(map(str, odd)))}; allowed: {', '.join(ATTRIBUTES)}")
    id_, source, day = raw.get("id"), raw.get("source"), raw.get("date")
    if not isinstance(id_, str):
        raise ValueError(f"{place}: add the id of a service")
    if not isinstance(source, str) or not source.startswith("https://"):
        raise ValueError(f"{place}: add a source, an address that begins with https://")
    if type(day) is not date:
        raise ValueError(f"{place}: add the source's date, such as 2026-07-11, without quotes")
    told = [name for name in ATTRIBUTES if name in raw]
    if not told:
        raise ValueError(f"{place}: say what the source tells: {', '.join(ATTRIBUTES)}")
    return id_, [Fact(name, _value(name, raw[name], place), source, day) for name in told]


def _value(name: str, value: object, place: str) -> Value:
    if name == "retention_days":
        if value == "unlimited":
            return UNLIMITED
        if type(value) is not int or value < 0:
            raise ValueError(f"{place}: retention_days must be a number of days, 0 or more, or unlimited")
        return value
    if name == "residency":
        if not isinstance(value, list) or not value or not all(isinstance(v, str) and _PLACE.match(v) for v in value):
            raise ValueError(f"{place}: residency must be a list of two capital letters each, such as [US, EU]")
        return tuple(value)
    if not isinstance(value, bool):
        raise ValueError(f"{place}: {name} must be true or false")
    return value
