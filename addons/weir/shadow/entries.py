"""Reads the catalogue's files: every mistake is told with file, line and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from weir.shadow.compact import HOST, SIGNUPS, Entry, read_compact

__all__ = ["Entry", "read_directory"]

# libyaml's loader where PyYAML was built with it: ten times faster, same result.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_ID = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
_HOST = re.compile(rf"{HOST}\Z")
_REQUIRED = frozenset({"id", "name", "vendor", "hosts"})
_ALLOWED = _REQUIRED | {"paths", "country", "signup"}
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


def read_directory(directory: Path) -> list[Entry]:
    """All services of ``directory``'s ``*.yaml``. Raises ValueError for a mistake, OSError for an unreadable file."""
    if not directory.is_dir():
        raise ValueError(f"{directory}: no such directory; name a directory of catalogue files")
    entries: list[Entry] = []
    ids: dict[str, str] = {}
    hosts: dict[str, str] = {}
    for path in sorted(directory.glob("*.yaml")):
        for entry, place in _read_file(path):
            if entry.id in ids:
                raise ValueError(f"{place}: id {entry.id} is taken by {ids[entry.id]}; write another one")
            ids[entry.id] = place
            for host in () if entry.paths else entry.hosts:
                if host in hosts:
                    raise ValueError(f"{place}: host {host} already belongs to {hosts[host]}; name it once")
                hosts[host] = entry.id
            entries.append(entry)
    return entries


def _read_file(path: Path) -> Iterator[tuple[Entry, str]]:
    text = path.read_text("utf-8")
    if (quick := read_compact(text)) is not None:
        for entry, number in quick:
            yield entry, f"{path}:{number}"
        return
    try:
        doc = yaml.load(text, _Loader)
        root = yaml.compose(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise ValueError(f"{path}{line}: not YAML ({getattr(error, 'problem', 'unreadable')})") from None
    if not isinstance(doc, dict) or set(doc) != {"category", "services"} or not isinstance(doc["services"], list):
        raise ValueError(f"{path}:1: write `category:` and a list of `services:`, nothing else")
    category = doc["category"]
    if not isinstance(category, str) or not _ID.match(category):
        raise ValueError(f"{path}:1: category must be lower-case letters, digits and dashes")
    for raw, number in zip(doc["services"], _lines(root), strict=True):
        place = f"{path}:{number}"
        yield _entry(raw, category, place), place


def _lines(root: yaml.Node | None) -> list[int]:
    """The line on which each service begins."""
    assert isinstance(root, yaml.MappingNode)  # the caller has seen a dict
    services = next(value for key, value in root.value if key.value == "services")
    return [node.start_mark.line + 1 for node in services.value]


def _entry(raw: object, category: str, place: str) -> Entry:
    if not isinstance(raw, dict):
        raise ValueError(f"{place}: a service is a mapping with id, name, vendor and hosts")
    if missing := _REQUIRED - set(raw):
        raise ValueError(f"{place}: add {', '.join(sorted(missing))}")
    if odd := set(raw) - _ALLOWED:
        raise ValueError(
            f"{place}: unknown key {', '.join(sorted(map(str, odd)))}; allowed: {', '.join(sorted(_ALLOWED))}"
        )
    for key in ("id", "vendor"):
        if not isinstance(raw[key], str) or not _ID.match(raw[key]):
            raise ValueError(f"{place}: {key} must be lower-case letters, digits and dashes")
    if not isinstance(raw["name"], str) or not raw["name"].strip():
        raise ValueError(f"{place}: name must be a text")
    hosts = _texts(raw["hosts"], "hosts", place)
    if not hosts:
        raise ValueError(f"{place}: name at least one host")
    for host in hosts:
        if not _HOST.match(host):
            raise ValueError(
                f"{place}: {host!r} is no host; write name.example, *.name.example, x.*.name.example "
                "or *-x.name.example, in lower case"
            )
    paths = _texts(raw.get("paths", []), "paths", place)
    for path in paths:
        if not path.startswith("/") or len(path) < 2:
            raise ValueError(f"{place}: path {path!r} must start with / and say more than that")
    country, signup = raw.get("country"), raw.get("signup")
    if country is not None and not (isinstance(country, str) and _COUNTRY.match(country)):
        raise ValueError(f'{place}: country must be two capital letters, such as DE (and "NO" in quotes)')
    if signup is not None and signup not in SIGNUPS:
        raise ValueError(f"{place}: signup must be one of {', '.join(SIGNUPS)}")
    return Entry(raw["id"], raw["name"].strip(), raw["vendor"], category, hosts, paths, country, signup)


def _texts(value: object, key: str, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{place}: {key} must be a list of texts")
    if len(set(value)) != len(value):
        raise ValueError(f"{place}: {key} names something twice")
    return tuple(value)
