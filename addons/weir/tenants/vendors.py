"""The vendors' files under ``data/``: which header confines sign-in on which hosts, and what a refusal looks like."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from weir.tenants.forms import FORMS
from weir.tenants.hosts import Hosts

__all__ = ["Header", "Refusal", "Sign", "Source", "Value", "Vendor", "load", "read"]

_DATA = Path(__file__).with_name("data")
_KEYS = frozenset(
    ["id", "name", "hosts", "sign_in", "values", "short", "needs", "headers", "refused_paths", "signs", "refusals"]
) | {"sources", "wide"}


@dataclass(frozen=True, slots=True)
class Value:
    """What policy gives under one key: up to ``most`` items of a form."""

    form: str
    most: int


@dataclass(frozen=True, slots=True)
class Header:
    """A header to set: its value is a ``literal``, or the items that policy gives under the key ``value``."""

    name: str
    value: str = ""
    literal: str = ""
    separator: str = ","


@dataclass(frozen=True, slots=True)
class Sign:
    """Where a request or its reply says whose account it is, to be compared with what policy gives under ``value``."""

    value: str
    request: str = ""  # a header of the request
    reply: str = ""  # a header of the reply
    path: str = ""  # the part of the path that follows this one


@dataclass(frozen=True, slots=True)
class Refusal:
    """How the vendor says no to another tenant. Empty conditions hold always; ``marks`` stand in the body."""

    status: int = 0
    hosts: Hosts = Hosts()  # noqa: RUF009  it never changes
    paths: tuple[str, ...] = ()
    unless: str = ""  # a header of the reply that says the refusal is for another reason
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file's facts stand, and when they were read there (a date)."""

    title: str
    url: str
    read: str


@dataclass(frozen=True, slots=True)
class Vendor:
    """One file. ``sign_in`` are the hosts whose pages take passwords."""

    id: str
    name: str
    hosts: Hosts
    sign_in: Hosts
    values: Mapping[str, Value]
    short: str  # the key that a bare list in the policy stands for; "" when there is none
    needs: tuple[tuple[str, ...], ...]  # one of these sets of keys has to be given
    headers: tuple[Header, ...]
    refused_paths: tuple[str, ...]
    signs: tuple[Sign, ...]
    refusals: tuple[Refusal, ...]
    sources: tuple[Source, ...]
    wide: str = ""  # what else its hosts serve, when that is much


@functools.cache
def load() -> Mapping[str, Vendor]:
    """The vendors that come with weir, by id. Raises ValueError when a file is wrong."""
    found: dict[str, Vendor] = {}
    for path in sorted(_DATA.glob("*.yaml")):
        vendor = read(path.read_text("utf-8"), path.name)
        if vendor.id != path.stem:
            raise ValueError(f"{path.name}: its id is {vendor.id}; name file and id alike")
        found[vendor.id] = vendor
    return found


def read(text: str, file: str) -> Vendor:
    """One vendor's file. Raises ValueError with the file's name and what is wrong."""
    try:
        return _vendor(yaml.safe_load(text))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        told = str(error) if isinstance(error, ValueError) else f"cannot be read ({type(error).__name__}: {error})"
        raise ValueError(f"{file}: {told}") from None


def _vendor(doc: dict[str, Any]) -> Vendor:
    unknown = sorted(set(doc) - _KEYS)
    if unknown:
        raise ValueError(f"does not know {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}")
    values = {key: Value(str(row["form"]), int(row["max"])) for key, row in doc["values"].items()}
    short = doc.get("short", "")
    vendor = Vendor(
        id=doc["id"],
        name=doc["name"],
        hosts=Hosts(doc["hosts"]),
        sign_in=Hosts(doc.get("sign_in", ())),
        values=values,
        short=short,
        needs=tuple(tuple(keys) for keys in doc.get("needs", [[short]])),
        headers=tuple(Header(**row) for row in doc["headers"]),
        refused_paths=tuple(doc.get("refused_paths", ())),
        signs=tuple(Sign(**row) for row in doc.get("signs", ())),
        refusals=tuple(_refusal(row) for row in doc.get("refusals", ())),
        sources=tuple(Source(row["title"], row["url"], str(row["read"])) for row in doc["sources"]),
        wide=doc.get("wide", ""),
    )
    _check(vendor)
    return vendor


def _refusal(row: dict[str, Any]) -> Refusal:
    lists: dict[str, Any] = {key: tuple(row[key]) for key in ("paths", "marks") if key in row}
    return Refusal(**{**row, **lists, "hosts": Hosts(row.get("hosts", ()))})


def _check(vendor: Vendor) -> None:
    named = {key for keys in vendor.needs for key in keys}
    named |= {header.value for header in vendor.headers if not header.literal}
    named |= {sign.value for sign in vendor.signs}
    if strange := sorted(named - set(vendor.values)):
        raise ValueError(f"names {', '.join(strange)}, which is not among its values")
    if strange := sorted({value.form for value in vendor.values.values()} - set(FORMS)):
        raise ValueError(f"has the form {', '.join(strange)}; known: {', '.join(FORMS)}")
    if not (vendor.hosts and vendor.headers and vendor.sources):
        raise ValueError("needs hosts, headers and sources")
    if "hosts" in vendor.values:
        raise ValueError("has a value called hosts, which the policy needs for itself")
    if not all(vendor.hosts.covers(host) for host in vendor.sign_in.patterns):
        raise ValueError("has a sign_in host that is not among its hosts")
    if not all(refusal.status or refusal.marks for refusal in vendor.refusals):
        raise ValueError("has a refusal without status and marks: every reply would be one")
