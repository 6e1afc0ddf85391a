"""Gemini's own page: a form whose field ``f.req`` is JSON within JSON. Undocumented, so as well as can be.

Pointers go through the field's name and then through both documents, as if the inner one stood in the outer: a text at
``/f.req/1/0/0`` is the first of the first of what is written in the string at ``/f.req/1``. The answer comes as lines
of JSON, each after its length: it is read as it passes and can't be edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from weir.model import Endpoint, Exchange, Inspection, Segment, Unparsed
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect
from weir.providers.replies.chunklines import ChunkLinesReader
from weir.providers.replies.generic import generic_events
from weir.providers.replies.notes import Events
from weir.providers.requests.walk import KEY_SUFFIX, Walk
from weir.providers.wire.forms import Field, fields_of, set_fields
from weir.providers.wire.jsondoc import loads, splice
from weir.providers.wire.values import Json, compact, pointer_tokens, token
from weir.providers.wire.words import SHORT, is_plain_word

__all__ = ["GeminiWeb"]

_CALL: Final = "f.req"
_NESTED_MAX: Final = 3
_NESTS_MAX: Final = 200
_USER: Final = "/f.req/1/0/0"  # the prompt; all else is a setting, an id, or what was uploaded before


class GeminiWeb(BaseDialect):
    """``StreamGenerate`` and ``batchexecute``."""

    id = "gemini_web"
    replies_editable = False

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """Read a form. Raises Unparsed, whatever the bytes."""
        walk = Walk({}, {}, {})
        segments: list[Segment] = []
        for field in fields_of(body):
            if len(field.name) >= SHORT and not is_plain_word(field.name):
                segments.append(Segment(f"/{token(field.name)}{KEY_SUFFIX}", "parameter", field.name))
            if field.name == _CALL:
                segments += _call(field, walk)
            elif len(field.value) >= SHORT:
                # Not the visitor's words: a token of the page, a number of the request.
                segments.append(Segment(f"/{token(field.name)}#value{KEY_SUFFIX}", "parameter", field.value))
        if not segments:
            raise Unparsed("form says nothing")
        if _has_turns(segments):
            walk.partial("earlier turns kept by the provider")
        return Exchange(
            endpoint,
            "",
            True,
            tuple(segments),
            tuple(walk.attachments),
            inspection=Inspection.PARTIAL if walk.reasons else Inspection.INSPECTED,
            reason="; ".join(walk.reasons),
        )

    def replace(self, body: bytes, texts: Mapping[str, str]) -> bytes:
        """Set texts within the documents of ``f.req``; every other field stays. Raises Unparsed when one can't be."""
        if not texts:
            return body
        if any(p.endswith(KEY_SUFFIX) or not p.startswith(f"/{_CALL}/") for p in texts):
            raise Unparsed("no editable text at a pointer")
        numbers = [number for number, field in enumerate(fields_of(body)) if field.name == _CALL]
        if len(numbers) != 1:
            raise Unparsed("not one f.req")
        value = fields_of(body)[numbers[0]].value
        edits = {pointer.removeprefix(f"/{_CALL}"): text for pointer, text in texts.items()}
        return set_fields(body, {numbers[0]: _edited(value, edits, _NESTED_MAX)})

    def events(self, exchange: Exchange) -> Events:
        """How a reply that is plain JSON is read."""
        return generic_events()

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for lines of JSON after their lengths."""
        return ChunkLinesReader(text)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """A document that the page can't read, with what a person who looks for it reads."""
        return compact({"error": self.error(status, message, rule_id)})

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """Nothing that this page understands can end its stream."""
        return b""


def _call(field: Field, walk: Walk) -> Iterator[Segment]:
    """The texts of ``f.req``: its own, and in their place those of documents that stand in its strings."""
    document = loads(field.value.encode())
    if not isinstance(document, list | dict):
        raise Unparsed("f.req is no list")
    waiting: list[tuple[str, Json, int]] = [(f"/{_CALL}", document, 0)]
    nests = 0
    while waiting:
        pointer, value, depth = waiting.pop(0)
        assert isinstance(value, list | dict)
        before = len(walk.segments)
        walk.take(value, pointer)
        for segment in walk.segments[before:]:
            inner = _inner(segment, depth) if nests < _NESTS_MAX else None
            if inner is not None:
                nests += 1
                waiting.append((segment.pointer, inner, depth + 1))
                continue
            role = "user" if segment.pointer == _USER else segment.role
            fixed = segment.pointer.endswith(KEY_SUFFIX) or field.exact
            yield Segment(segment.pointer if fixed else segment.pointer + KEY_SUFFIX, role, segment.text)


def _inner(segment: Segment, depth: int) -> Json:
    """The document that a text is, if it is a list or an object written out."""
    text = segment.text
    if depth >= _NESTED_MAX or segment.pointer.endswith(KEY_SUFFIX) or text[:1] not in ("[", "{"):
        return None
    try:
        value = loads(text.encode())
    except Unparsed:
        return None
    return value if isinstance(value, list | dict) and value else None


def _has_turns(segments: list[Segment]) -> bool:
    return any(s.pointer.removesuffix(KEY_SUFFIX) == "/f.req/1/2/0" and s.text for s in segments)


def _edited(text: str, edits: Mapping[str, str], depth: int) -> str:
    """A document with the texts at ``edits`` set, in documents within its strings too."""
    document = loads(text.encode())
    here: dict[str, str] = {}
    below: dict[str, dict[str, str]] = {}
    for pointer, new in edits.items():
        split = _split(document, pointer)
        if split is None:
            here[pointer] = new
        else:
            below.setdefault(split[0], {})[split[1]] = new
    for pointer, inner in below.items():
        if depth <= 0:
            raise Unparsed("nested too deeply")
        here[pointer] = _edited(_at(document, pointer_tokens(pointer)), inner, depth - 1)
    return splice(text.encode(), here).decode()


def _split(document: Json, pointer: str) -> tuple[str, str] | None:
    """Where on the way to ``pointer`` a string stands that has to be read; None when there is none."""
    steps = pointer_tokens(pointer)
    for count in range(1, len(steps)):
        if isinstance(_at(document, steps[:count]), str):
            return "".join(f"/{token(s)}" for s in steps[:count]), "".join(f"/{token(s)}" for s in steps[count:])
    return None


def _at(document: Json, steps: list[str]) -> str:
    """The string at ``steps``; anything else that is there as it is, for those who only ask what it is."""
    value: Json = document
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise Unparsed("no editable text at a pointer")
    return value  # type: ignore[return-value]
