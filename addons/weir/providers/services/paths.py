"""Request paths the way servers read them, and templates that match them.

A path that a server would accept must not slip past a template by its spelling: empty and dot segments, percent
encoding, case, trailing slashes, backslashes and ``;parameters`` are read as servers of one kind or another read them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile
from urllib.parse import parse_qsl, unquote, unquote_plus

__all__ = ["Template", "is_plain_path", "names_two_models", "readings", "split_query"]

_PARAMETER = re.compile(r"\{([a-z_]+)\}")
_MATRIX = re.compile(r";[^/]*")
_SEGMENTS_MAX = 64
_MODEL = ("model", "deployment")
# Encoded slashes, backslashes, dots, percent and control characters; matrix parameters; what is not ASCII at all.
_AMBIGUOUS = re.compile(r"%(?:2[eEfF]|5[cC]|25|[01][0-9a-fA-F]|7[fF])|[\\;#\x00-\x20\x7f-\U0010ffff]")


def split_query(path: str) -> tuple[str, dict[str, str]]:
    """A request target as its path and the last value of each query parameter."""
    if path.lower().startswith(("http://", "https://")):
        path = "/" + path.split("/", 3)[3] if path.count("/") > 2 else "/"
    path, _, query = path.partition("#")[0].partition("?")
    if not query:
        return path, {}
    return path, dict(parse_qsl(query, keep_blank_values=True, max_num_fields=None, errors="replace"))


def _segments(path: str, *, decode: bool) -> tuple[str, ...]:
    out: list[str] = []
    for raw in path.split("/"):
        part = unquote(raw, errors="replace") if decode else raw
        if part == "..":
            del out[-1:]
        elif part not in ("", "."):
            out.append(part)
    return tuple(out)


def readings(path: str) -> list[tuple[str, ...]]:
    """The segments of ``path`` as servers may read it, the usual reading first.

    The second decodes the whole path before it splits it (``%2F`` is a slash), drops ``;parameters`` and takes a
    backslash for a slash.
    """
    usual = _segments(path, decode=True)
    if "%" not in path and ";" not in path and "\\" not in path:
        return [usual[:_SEGMENTS_MAX]]
    other = _segments(_MATRIX.sub("", unquote(path, errors="replace").replace("\\", "/")), decode=False)
    return [usual[:_SEGMENTS_MAX]] if other == usual else [usual[:_SEGMENTS_MAX], other[:_SEGMENTS_MAX]]


def is_plain_path(path: str) -> bool:
    """True when every server reads the path of a request target as the same segments; its query does not matter."""
    plain = path.partition("?")[0]
    if not plain.startswith("/") or _AMBIGUOUS.search(plain):
        return False
    return not any(part in ("", ".", "..") for part in plain[1:].removesuffix("/").split("/"))


def names_two_models(path: str) -> bool:
    """True when the query of a request target names a model more than once: servers differ in which one counts."""
    query = path.partition("#")[0].partition("?")[2]
    if not query:
        return False
    names = [unquote_plus(part.partition("=")[0]).lower() for part in query.split("&")]
    return sum(name in _MODEL for name in names) > 1


@dataclass(frozen=True, slots=True)
class _Part:
    """One segment of a template: a literal, or a parameter with literal text around it."""

    before: str
    parameter: str = ""
    after: str = ""

    def match(self, segment: str) -> str | None:
        """The parameter's value (``""`` for a literal), None when the segment does not fit. Case is ignored."""
        low = segment.lower()
        if not self.parameter:
            return "" if low == self.before else None
        if len(low) <= len(self.before) + len(self.after):
            return None
        if not (low.startswith(self.before) and low.endswith(self.after)):
            return None
        return segment[len(self.before) : len(segment) - len(self.after)]


@dataclass(frozen=True, slots=True)
class Template:
    """A path with named parts, e.g. ``/v1beta/models/{model}:generateContent``; each part is one segment.

    A name that takes several segments stands in each: ``/models/{model}/{model}`` reads ``meta/llama-3`` there.
    """

    text: str
    parts: tuple[_Part, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template. Raises ValueError when it is not one."""
        if not text.startswith("/") or "//" in text or "?" in text:
            raise ValueError("not an absolute path without a query")
        parts: list[_Part] = []
        for segment in filter(None, text.split("/")):
            found = _PARAMETER.findall(segment)
            if len(found) > 1 or segment.count("{") != len(found) or segment.count("}") != len(found):
                raise ValueError("a segment holds at most one {parameter}")
            before, _, rest = segment.partition("{")
            parts.append(_Part(before.lower(), found[0] if found else "", rest.partition("}")[2].lower()))
        return cls(text, tuple(parts))

    def begins(self, segments: tuple[str, ...]) -> int:
        """With how many of its parts ``segments`` begin."""
        pairs = zip(self.parts, segments, strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0].match(pair[1]) is not None, pairs))

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The values of its parameters when ``segments`` fit, else None."""
        if len(segments) != len(self.parts):
            return None
        values: dict[str, str] = {}
        for part, segment in zip(self.parts, segments, strict=True):
            value = part.match(segment)
            if value is None:
                return None
            if part.parameter:
                before = values.get(part.parameter)
                values[part.parameter] = value if before is None else f"{before}/{value}"
        return values

    def match_end(self, segments: tuple[str, ...], before_max: int) -> dict[str, str] | None:
        """Like `match` for the last segments, with at most ``before_max`` others before them."""
        ahead = len(segments) - len(self.parts)
        return self.match(segments[ahead:]) if 0 <= ahead <= before_max else None

    @property
    def weight(self) -> tuple[int, int]:
        """Orders templates of one length: more literal text is more specific and comes first."""
        return (sum(not part.parameter for part in self.parts), len(self.text))
