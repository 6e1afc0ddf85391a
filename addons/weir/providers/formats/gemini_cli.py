"""Gemini as coding assistants speak it to Code Assist: its requests and replies stand within one member of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from weir.model import Attachment, Endpoint, Exchange, Inspection, Segment
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.gemini_generate import GeminiGenerate
from weir.providers.replies.notes import Events, Notes, Place, Step
from weir.providers.requests.walk import REST
from weir.providers.wire.values import Json, JsonObject, get_object, get_text

__all__ = ["GeminiCli"]

_ASKED: Final = "request"
_GIVEN: Final = "response"


class GeminiCli(GeminiGenerate):
    """``/v1internal:generateContent`` and its siblings: ``{model, project, request: {contents, …}}``."""

    id = "gemini_cli"

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """As the request within; what stands around it is read too. A body that wraps none is read as it is."""
        inner = document.get(_ASKED)
        if not isinstance(inner, dict):
            return super().read(document, endpoint)
        within = super().read(inner, endpoint)
        # The member stays, empty: places of members after it are counted by it.
        around = BaseDialect.read(self, {**document, _ASKED: {}}, endpoint)
        reasons = dict.fromkeys(filter(None, (*around.reason.split("; "), *within.reason.split("; "))))
        return replace(
            within,
            model=around.model or within.model,
            stream=within.stream or around.stream,
            segments=(*around.segments, *(_moved(segment) for segment in within.segments)),
            attachments=(*around.attachments, *_moved_files(within.attachments)),
            inspection=Inspection.PARTIAL if reasons else Inspection.INSPECTED,
            reason="; ".join(reasons),
        )

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return _WrappedEvents(super().events(exchange))


class _WrappedEvents:
    """Each document has the real one as its ``response``; errors come without."""

    array = True
    end_marks = frozenset({b"[DONE]"})

    def __init__(self, events: Events) -> None:
        self._events = events

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        inner = doc.get(_GIVEN)
        if not isinstance(inner, dict):
            return self._events.event(name, doc, notes)
        step = self._events.event(name, inner, notes)
        # What the service calls the exchange stands outside.
        notes.name(response_id=get_text(doc, "traceId"))
        places = [place._replace(pointer=_within(place.pointer)) for place in step.places]
        wholes: Sequence[tuple[str, Json]] = [(_within(pointer), value) for pointer, value in step.wholes]
        return step._replace(places=places, wholes=wholes)

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        inner = doc.get(_GIVEN)
        self._events.whole(inner if isinstance(inner, dict) else doc, notes)
        notes.name(response_id=get_text(doc, "traceId"))

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        if not place.pointer.startswith(f"/{_GIVEN}/"):
            return self._events.tail(doc, place, text)
        inner = self._events.tail(
            get_object(doc, _GIVEN), place._replace(pointer=place.pointer[len(_GIVEN) + 1 :]), text
        )
        return {key: inner if key == _GIVEN else value for key, value in doc.items() if key in (_GIVEN, "traceId")}


def _within(pointer: str) -> str:
    return f"/{_GIVEN}{pointer}"


def _moved(segment: Segment) -> Segment:
    return segment if segment.pointer == REST else replace(segment, pointer=f"/{_ASKED}{segment.pointer}")


def _moved_files(attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    return tuple(replace(found, pointer=f"/{_ASKED}{found.pointer}") for found in attachments)
