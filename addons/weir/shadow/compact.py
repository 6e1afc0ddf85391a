"""The quick way into catalogue files that have one service a line.

YAML takes a tenth of a second for two thousand services, and the catalogue is read whenever weir starts. A file whose
services stand on a line each, keys in README.md's order, says the same to YAML and to the pattern here, ten times
sooner. Whatever the pattern doesn't know is left to YAML, and so are the words for what is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["HOST", "SIGNUPS", "Entry", "read_compact"]

SIGNUPS = ("anonymous", "company", "self", "suite")

_LABEL = r"[a-z0-9_]+(?:-+[a-z0-9_]+)*"
_STAR = rf"(?:\*\.|\*-|{_LABEL}\.(?:{_LABEL}\.)?\*\.)"
HOST = rf"{_STAR}?{_LABEL}(?:\.{_LABEL})+"

# What stands without quotes begins with a letter (a path with a slash, a host ends with letters): such a text can't be
# a number or a date to YAML. What remains are YAML's words for true, false and nothing.
_ID = r'(?:[a-z][a-z0-9-]*|"[a-z0-9][a-z0-9-]*")'
_SIGN = r'[^"\\\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff\ufeff\ufffe\uffff]'
_NAME = rf"""(?:[A-Za-z](?:[A-Za-z0-9 .&+'()/!;-]*[A-Za-z0-9.+)!])?|"{_SIGN}+(?: {_SIGN}+)*")"""
_HOST = rf'(?:(?:{_LABEL}\.)+[a-z]{{2}}[a-z0-9]*(?:-+[a-z0-9]+)*|"{HOST}")'
_PATH = r'(?:/[A-Za-z0-9._/-]+|"/[A-Za-z0-9._/*-]+")'
_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null"})

_HEAD = re.compile(r"(?:#[^\n]*\n)*category: ([a-z][a-z0-9-]*)\nservices:\n")
_LINE = re.compile(
    rf"  - \{{id: ({_ID}), name: ({_NAME}), vendor: ({_ID}), hosts: \[({_HOST}(?:, {_HOST})*)\]"
    rf"(?:, paths: \[({_PATH}(?:, {_PATH})*)\])?"
    rf'(?:, country: ([A-Z]{{2}}|"[A-Z]{{2}}"))?(?:, signup: ({"|".join(SIGNUPS)}))?\}}\n'
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One service as the files describe it. Without ``paths`` its hosts are wholly its own.

    ``country`` is where the vendor has its seat (ISO 3166-1, two capitals). ``signup`` is how people come to it:
    ``anonymous`` without an account, ``self`` with one that anybody makes, ``company`` by a contract, ``suite`` with
    the account of another product. None means: not known.
    """

    id: str
    name: str
    vendor: str
    category: str
    hosts: tuple[str, ...]
    paths: tuple[str, ...] = ()
    country: str | None = None
    signup: str | None = None


def read_compact(text: str) -> list[tuple[Entry, int]] | None:
    """Each service with its line, counted from 1; None when ``text`` isn't wholly of this form."""
    head = _HEAD.match(text)
    if head is None or head[1] in _WORDS:
        return None
    found: list[tuple[Entry, int]] = []
    position = head.end()
    line = text.count("\n", 0, position)
    while (match := _LINE.match(text, position)) is not None:
        position = match.end()
        line += 1
        id_, name, vendor, hosts_text, paths_text, country, signup = match.groups()
        if id_ in _WORDS or vendor in _WORDS or country == "NO" or name.lower() in _WORDS:
            return None
        hosts = tuple(hosts_text.replace('"', "").split(", "))
        paths = tuple(paths_text.replace('"', "").split(", ")) if paths_text else ()
        if len(set(hosts)) != len(hosts) or len(set(paths)) != len(paths):
            return None
        id_, name, vendor = id_.strip('"'), name.strip('"'), vendor.strip('"')
        country = country and country.strip('"')
        found.append((Entry(id_, name, vendor, head[1], hosts, paths, country, signup), line))
    return found if position == len(text) and found else None
