"""YAML read with positions, so that every mistake can name its file and line.

A subset of YAML: true/false, decimal numbers and null are values, everything else plain is text (``no``, ``010``,
``12:30`` and dates stay what was written); tags and merge keys are mistakes; aliases are expanded within a bound.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

__all__ = ["BYTES_MAX", "Document", "Mistake", "PolicyError", "Position", "read", "read_text", "shown"]

BYTES_MAX = 256 * 1024
DEPTH_MAX = 24
NODES_MAX = 50_000  # counted after alias expansion: nine lines of nested aliases can stand for a billion nodes

Position = tuple[str | int, ...]

_LOADER: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # same nodes, about ten times faster where libyaml is built in
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_TAG + name for name in ("int", "float", "bool", "null", "timestamp", "value", "merge"))
_QUOTED = frozenset("\"'|>")  # a number that is quoted and tagged; plain is None or "", by the parser in use
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+|[-+]?(?:0|[1-9][0-9]*)\.")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_NAME = re.compile(r"[A-Za-z0-9_.*:@/ -]{1,64}")
_QUOTE = re.compile(r"\s*(?:'[^']*'|\"[^\"]*\"|<[^>]*>)")
_OPENED: Mapping[str, str] = {  # the library's words for what it was reading, and the operator's
    "flow sequence": "[ list",
    "flow mapping": "{ mapping",
    "block sequence": "list",
    "block collection": "list",
    "block mapping": "mapping",
    "quoted scalar": "quoted text",
}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a file: where, what, and what to write instead. Values of the file are never quoted."""

    file: str
    line: int  # from 1; 0 when there is no line to look at
    field: str  # dotted, e.g. rules[2].if.status; "" for the file as a whole
    problem: str
    remedy: str  # an imperative: "write …", "remove …"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field + ': ' if self.field else ''}{self.problem}; {self.remedy}"


class PolicyError(ValueError):
    """A policy that cannot be used; ``mistakes`` holds every one of them, ``str()`` is one line each."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def shown(name: str | int) -> str:
    """A mapping key as it may be printed: a key that could be a pasted credential becomes ``<…>``."""
    text = str(name)
    risky = len(text) >= 20 and any(c.isdigit() for c in text)
    return text if _NAME.fullmatch(text) and not risky else "<…>"


@dataclass(slots=True)
class Document:
    """A YAML file as plain dicts, lists and scalars, with the line of every place in it."""

    file: str
    data: Any = field(default=None, repr=False)
    lines: dict[Position, int] = field(default_factory=dict, repr=False)
    mistakes: list[Mistake] = field(default_factory=list)

    def known(self, place: Position) -> Position:
        """The longest prefix of ``place`` that stands in the file."""
        while place and place not in self.lines:
            place = place[:-1]
        return place

    def line(self, place: Position) -> int:
        """The line of ``place``, or of the nearest thing above it; 1 for the file as a whole."""
        return self.lines.get(self.known(place), 1)

    def name(self, place: Position) -> str:
        """``place`` the way a person writes it: ``rules[2].if.status``."""
        text = ""
        for part in place:
            text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{shown(part)}"
        return text

    def add(self, place: Position, problem: str, remedy: str, line: int = 0) -> None:
        """Note a mistake at ``place``; ``line`` where that is not the place's own."""
        self.mistakes.append(Mistake(self.file, line or self.line(place), self.name(place), problem, remedy))


def read(path: Path) -> Document:
    """Read the file at ``path``. Never raises for what the file holds: see ``Document.mistakes``."""
    document = Document(str(path))
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except OSError as error:
        document.lines[()] = 0
        document.add((), f"cannot be read ({error.strerror})", "name a file that exists and may be read")
        return document
    if len(raw) > BYTES_MAX:
        document.add((), f"is larger than {BYTES_MAX // 1024} KiB", "split or shorten it")
        return document
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        document.lines[()] = raw.count(b"\n", 0, error.start) + 1
        document.add((), "is not UTF-8", "save it as UTF-8")
        return document
    return read_text(text, document.file)


def read_text(text: str, file: str) -> Document:
    """Read YAML from ``text``; ``file`` is the name that mistakes carry."""
    document = Document(file)
    try:
        if _too_deep(text):
            document.add((), f"is nested deeper than {DEPTH_MAX} levels", "flatten it")
            return document
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        _syntax(document, text, error)
        return document
    except yaml.reader.ReaderError as error:
        document.lines[()] = text.count("\n", 0, int(error.position)) + 1
        document.add((), "holds a control character", "remove it")
        return document
    if root is not None:
        document.lines[()] = 1
        document.data = _Builder(document).value(root, ())
    return document


def _too_deep(text: str) -> bool:
    # Composing recurses; the event stream does not, so depth is checked on it first.
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return False


def _syntax(document: Document, text: str, error: yaml.MarkedYAMLError) -> None:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    document.lines[()] = line
    source = text.splitlines()[line - 1] if 0 < line <= len(text.splitlines()) else ""
    if "\t" in source[: len(source) - len(source.lstrip())]:
        document.add((), "a tab stands where YAML wants spaces", "write spaces")
        return
    problem = _QUOTE.sub(_harmless, error.problem or "cannot be understood")
    opened = _opened(error, line)
    document.add((), f"is not YAML ({problem}{opened})", "check indentation, quotes and colons around this line")


def _harmless(quoted: re.Match[str]) -> str:
    # The library's wording may quote a name from the file, and that could be a pasted credential: only signs are kept.
    inner = quoted[0].strip()[1:-1]
    return quoted[0] if len(inner) <= 2 and inner.isprintable() and not any(c.isalnum() for c in inner) else ""


def _opened(error: yaml.MarkedYAMLError, line: int) -> str:
    """Where that began which is not finished on ``line``, when the library says so; else nothing."""
    begun = error.context_mark.line + 1 if error.context_mark else line
    thing = next((name for words, name in _OPENED.items() if words in (error.context or "")), "")
    return f", in the {thing} begun on line {begun}" if thing and begun != line else ""


class _Builder:
    """Turns nodes into values, noting lines and mistakes on the way."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0

    def value(self, node: yaml.Node, place: Position) -> Any:
        self.nodes += 1
        if self.nodes > NODES_MAX or len(place) > DEPTH_MAX:
            if not any(m.problem.startswith("its aliases") for m in self.document.mistakes):
                self.document.add(place[:2], "its aliases unfold without end", "write the repeated part out")
            return None
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self.mapping(node, place)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            items = []
            for index, item in enumerate(node.value):
                self.document.lines[(*place, index)] = item.start_mark.line + 1
                items.append(self.value(item, (*place, index)))
                if self.nodes > NODES_MAX:
                    break
            return items
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, place)
        return self.tagged(place)

    def mapping(self, node: yaml.MappingNode, place: Position) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.document.lines.setdefault(place, line)
                self.document.add(place, "a key is not a plain word", "write key: value")
                continue
            key = str(key_node.value)
            here = (*place, key)
            if key in found:
                first = self.document.line(here)
                self.document.add(here, f"stands here twice (first on line {first})", "remove one of the two", line)
                continue
            self.document.lines[here] = line
            if key_node.tag == _TAG + "merge":
                self.document.add(here, "merge keys are not read", "write the keys out")
                continue
            found[key] = None
            found[key] = self.value(value_node, here)
            if self.nodes > NODES_MAX:
                break
        return found

    def scalar(self, node: yaml.ScalarNode, place: Position) -> Any:
        text = str(node.value)
        if node.tag == _TAG + "str":
            return text
        if node.tag not in _PLAIN_TAGS or node.style in _QUOTED:
            return self.tagged(place)
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if _INT.fullmatch(text):
            # Python refuses to read thousands of digits; no setting has more than 18.
            return int(text) if len(text) <= 19 else text
        return float(text) if _FLOAT.fullmatch(text) else text

    def tagged(self, place: Position) -> None:
        self.document.add(place, "carries a YAML tag", "remove the !tag")
