"""Requests in a file: JSON lines, each with the path it is for and the body that the path's own dialect reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from weir.model import Attachment, Endpoint, Segment, Unparsed
from weir.providers.formats.base import BaseDialect
from weir.providers.requests.walk import KEY_SUFFIX, REST, Walk
from weir.providers.wire.jsondoc import loads, splice
from weir.providers.wire.pointers import TEXTS_MAX
from weir.providers.wire.values import JsonObject, get_object, get_text

__all__ = ["BatchLines", "Lines", "looks_like_batch"]

_LINES_MAX: Final = 200_000  # four times what a provider takes
_HEAD_BYTES: Final = 1 << 20


class Lines(NamedTuple):
    """What a file of requests says, all of them together."""

    segments: tuple[Segment, ...]
    attachments: tuple[Attachment, ...]
    models: frozenset[str]  # as the lines name them; "" when one names none
    tools: tuple[str, ...]
    reasons: tuple[str, ...]  # why something of it is not to be seen


def looks_like_batch(data: bytes) -> bool:
    """Whether the first line of a file is a request of a batch."""
    line = data[:_HEAD_BYTES].lstrip(b" \t\r\n").partition(b"\n")[0]
    return line.startswith(b"{") and b'"custom_id"' in line and b'"body"' in line


class BatchLines:
    """Reads and edits such files. ``dialects``: the end of a path → the dialect of its bodies."""

    def __init__(self, dialects: Mapping[str, BaseDialect]) -> None:
        self._dialects = dialects

    def read(self, data: bytes, place: str) -> Lines:
        """All lines; a text of line n has a pointer that begins with ``place/n``. Raises Unparsed, naming the line."""
        segments: list[Segment] = []
        attachments: list[Attachment] = []
        models: set[str] = set()
        tools: dict[str, None] = {}
        reasons: dict[str, None] = {}
        for number, line in enumerate(_lines(data)):
            if not line.strip():
                continue
            document = _document(line, number)
            path, body = get_text(document, "url"), get_object(document, "body")
            dialect = next((known for end, known in self._dialects.items() if path.endswith(end)), None)
            if dialect is None:
                raise Unparsed(f"batch: line {number + 1} is for a path that nobody here reads")
            around = Walk({}, {}, {})
            around.take({name: value for name, value in document.items() if name != "body"})
            found = dialect.read(body, Endpoint("", dialect.id, ""))
            models.add(found.model)
            tools |= dict.fromkeys(found.tools)
            reasons |= dict.fromkeys(filter(None, (*around.reasons, found.reason)))
            start = f"{place}/{number}"
            texts = [_moved(one, start) for one in around.segments]
            texts += (_moved(one, f"{start}/body") for one in found.segments)
            if len(segments) + len(texts) > TEXTS_MAX:
                texts = [Segment(start + REST, "user", "\n".join(one.text for one in texts))]
            segments += texts
            attachments += (replace(one, pointer=f"{start}/body{one.pointer}") for one in found.attachments)
        return Lines(tuple(segments), tuple(attachments), frozenset(models), tuple(tools), tuple(reasons))

    @staticmethod
    def replace(data: bytes, texts: Mapping[str, str]) -> bytes:
        """``data`` with new texts; pointers begin with ``/`` and the line's number. Other lines keep every byte."""
        by_line: dict[int, dict[str, str]] = {}
        for pointer, text in texts.items():
            number, slash, rest = pointer.removeprefix("/").partition("/")
            if not slash or not number.isdecimal() or pointer.endswith(KEY_SUFFIX):
                raise Unparsed("batch: no text that can be edited")
            by_line.setdefault(int(number), {})[f"/{rest}"] = text
        lines = _lines(data)
        if any(number >= len(lines) for number in by_line):
            raise Unparsed("batch: no such line")
        return b"\n".join(splice(line, by_line[n]) if n in by_line else line for n, line in enumerate(lines))


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    if len(lines) > _LINES_MAX:
        raise Unparsed("batch: more lines than the limit")
    return lines


def _document(line: bytes, number: int) -> JsonObject:
    try:
        document = loads(line)
    except Unparsed as error:
        raise Unparsed(f"batch: line {number + 1}: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("body"), dict):
        raise Unparsed(f"batch: line {number + 1} is no request")
    return document


def _moved(segment: Segment, start: str) -> Segment:
    return Segment(start + segment.pointer, segment.role, segment.text, segment.part)
