"""Events of a format that is only half known: strings at the same place of one event after the other are one text."""

from __future__ import annotations

from typing import Final

from weir.providers.replies.notes import Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.values import JsonObject, skeleton

__all__ = ["any_step", "any_tail"]

_ON_THE_WAY: Final = frozenset({"index"})
# Said in every event, and no text of anybody's.
_NO_TEXT: Final = frozenset(
    {"id", "type", "object", "model", "role", "event", "event_type", "created_at", "b64_json", "embedding"}
    | {
        "embeddings",
        "stop_reason",
        "finish_reason",
        "completionReason",
        "stop",
        "generation_id",
        "response_id",
        "name",
        "images",
    }
)
# Where the models of one vendor or another put what they say.
_SAID: Final = frozenset({"text", "generation", "outputText", "completion", "content", "response", "output"})


def any_step(doc: JsonObject, notes: Notes, *, last: bool = False) -> Step:
    """All strings of an event as texts that go on; ``last`` when they end with it."""
    places = [
        Place(found.pointer, found.channel, found.text, kept=found.name in _SAID)
        for found in texts_in(doc, "", "", _NO_TEXT, notes.room)
    ]
    return Step(places, ends=("",) if last else ())


def any_tail(doc: JsonObject, place: Place, text: str) -> JsonObject:
    """An event like ``doc`` with ``text`` at ``place`` and nothing else."""
    cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
    return cut if isinstance(cut, dict) else doc
