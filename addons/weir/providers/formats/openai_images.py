"""OpenAI images: a prompt in, pictures out, and tokens of both. Edits and variations are forms, see `uploads`."""

from __future__ import annotations

from typing import ClassVar, Final

from weir.model import Exchange
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.openai_chat import openai_usage
from weir.providers.replies.notes import NO_STEP, Events, Notes, Place, Step
from weir.providers.wire.values import JsonObject, get_list, get_text

__all__ = ["ImageEvents", "OpenAIImages"]

_DONE: Final = (".completed", ".done")


class OpenAIImages(BaseDialect):
    """``/v1/images/generations``."""

    id = "openai_images"
    sections: ClassVar = {"prompt": "user", "negative_prompt": "user"}
    scalars: ClassVar = {
        "n": "n",
        "stream": "stream",
        "partial_images": "partial_images",
        "quality": "quality",
        "response_format": "response_format",
        "output_format": "output_format",
    }

    def events(self, exchange: Exchange) -> Events:
        """How one reply is read."""
        return ImageEvents()


class ImageEvents:
    """Pictures in base64 or by address, the prompt that was really used, and the tokens."""

    array = False
    end_marks: frozenset[bytes] = frozenset({b"[DONE]"})

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        """One event: a picture on its way, or the picture."""
        kind = get_text(doc, "type") or name
        notes.usage = openai_usage(doc.get("usage")) or notes.usage
        if "partial_image" in kind:
            return NO_STEP
        if kind.endswith(_DONE):
            notes.complete = True
            return Step(ends=("",), wholes=(("", doc),))
        if doc.get("error"):
            notes.name(finish_reason="error")
        return Step(wholes=(("", doc),))

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        """The reply as one document."""
        notes.name(model=get_text(doc, "model"), finish_reason="error" if doc.get("error") else "")
        notes.usage = openai_usage(doc.get("usage")) or notes.usage
        for _, picture in notes.each(get_list(doc, "data")):
            notes.keep(get_text(picture, "revised_prompt"))

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        """Nothing is held back: no event has a part of a text."""
        return doc
