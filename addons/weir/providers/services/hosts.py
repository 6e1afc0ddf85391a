"""Host patterns: a name, ``*.example.com`` (everything below it), or a ``*`` for one other label or a piece of it.

``bedrock-runtime.*.amazonaws.com`` is one host a region, ``*-aiplatform.googleapis.com`` one a location. The same
notation as in the catalogue of services and in a policy.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from weir.lean import import_late

__all__ = ["HostIndex", "overlap", "problem", "public_suffix"]

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_PIECE = re.compile(r"[a-z0-9_-]*\*?[a-z0-9_-]*")
_LONGEST_HOST = 253  # characters, by DNS


def problem(pattern: str) -> str:
    """What is wrong with ``pattern``, ``""`` when it is a host or a pattern of hosts."""
    if "*" not in pattern:
        return "" if _NAME.fullmatch(pattern) and len(pattern) <= _LONGEST_HOST else "is not a host"
    if not all(label and _PIECE.fullmatch(label) for label in pattern.split(".")):
        return "is not a host"
    if not _NAME.fullmatch(_anchor(pattern)):
        return "is too wide"
    return "" if pattern.count("*") == 1 else "has more than one *"


def public_suffix(pattern: str) -> str:
    """The public suffix whose domains ``pattern`` would catch; ``""`` when it stays within one owner's domain.

    Public are ``co.uk`` and also names under which a company gives domains to its customers, like ``github.io``; these
    only for a whole label: ``*-aiplatform.googleapis.com`` is what Google alone can make.
    """
    if "*" not in pattern:
        return ""
    anchor = _anchor(pattern)
    return "" if _suffixes("*" in pattern.split("."))(anchor).domain else anchor


@functools.cache
def _suffixes(given_out: bool) -> Callable[[str], Any]:
    """Takes a name apart at its public suffix; ``given_out``: the domains of customers count as such too."""
    # Here, since it costs a tenth of a second that bundled files need not.
    tldextract = import_late("tldextract", "filelock", "FileLock")
    made: Callable[[str], Any] = tldextract.TLDExtract(
        cache_dir=None, suffix_list_urls=(), include_psl_private_domains=given_out
    )
    return made


def overlap(one: str, other: str) -> bool:
    """True when some host fits both patterns."""
    a, b = _labels(one), _labels(other)
    if _is_deep(one) and _is_deep(other):
        length = min(len(a), len(b))
        return _meet(a[-length:], b[-length:])
    if _is_deep(one):
        return len(b) > len(a) and _meet(a, b[-len(a) :])
    if _is_deep(other):
        return overlap(other, one)
    return len(a) == len(b) and _meet(a, b)


class HostIndex[T]:
    """Values by host pattern. Looking one up is a few dictionary look-ups: it happens for every request."""

    def __init__(self, patterns: Mapping[str, T]) -> None:
        self._exact: dict[str, T] = {}
        self._below: dict[str, T] = {}
        globs: dict[str, list[tuple[re.Pattern[str], T]]] = {}
        for pattern, value in patterns.items():
            if "*" not in pattern:
                self._exact[pattern] = value
            elif _is_deep(pattern):
                self._below[pattern[2:]] = value
            else:
                body = re.compile(re.escape(pattern).replace(r"\*", "[^.]+"))
                globs.setdefault(_anchor(pattern), []).append((body, value))
        self._globs = {anchor: tuple(found) for anchor, found in globs.items()}

    def find(self, host: str) -> T | None:
        """The value of the most specific pattern that ``host`` (any case, final dot or not) fits."""
        if len(host) > _LONGEST_HOST + 1:
            return None
        name = host.lower().rstrip(".")
        found = self._exact.get(name)
        if found is not None:
            return found
        dot = name.find(".")
        while dot >= 0:
            rest = name[dot + 1 :]
            for glob, value in self._globs.get(rest, ()):
                if glob.fullmatch(name):
                    return value
            found = self._below.get(rest)
            if found is not None:
                return found
            dot = name.find(".", dot + 1)
        return None


def _is_deep(pattern: str) -> bool:
    return pattern.startswith("*.")


def _anchor(pattern: str) -> str:
    """The name to the right of the label that holds the last ``*``."""
    return pattern.rpartition("*")[2].partition(".")[2]


def _labels(pattern: str) -> list[str]:
    return pattern.removeprefix("*.").split(".")


def _meet(a: list[str], b: list[str]) -> bool:
    return all(_labels_meet(x, y) for x, y in zip(a, b, strict=True))


def _labels_meet(x: str, y: str) -> bool:
    head_x, star_x, tail_x = x.partition("*")
    head_y, star_y, tail_y = y.partition("*")
    if not star_x and not star_y:
        return x == y
    if not star_x:
        return _labels_meet(y, x)
    if not star_y:
        return len(y) > len(head_x) + len(tail_x) and y.startswith(head_x) and y.endswith(tail_x)
    heads = head_x.startswith(head_y) or head_y.startswith(head_x)
    return heads and (tail_x.endswith(tail_y) or tail_y.endswith(tail_x))
