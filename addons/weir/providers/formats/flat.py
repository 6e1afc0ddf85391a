"""Replies of formats that are little more than a few members that hold what a model says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from weir.model import Usage
from weir.providers.replies.notes import Notes, Place, Step
from weir.providers.replies.texts import texts_in
from weir.providers.wire.values import JsonObject, get_count, get_list, get_object, get_text, skeleton

__all__ = ["FlatEvents", "counted"]

_ON_THE_WAY: Final = frozenset({"index"})
_INPUTS: Final = ("prompt_tokens", "input_tokens", "input_token_count", "prompt_token_count", "inputTokenCount")
_OUTPUTS: Final = ("completion_tokens", "output_tokens", "output_token_count", "generated_token_count")
_ENDS: Final = ("finish_reason", "stop_reason", "finishReason", "completionReason")


def counted(holder: JsonObject) -> Usage | None:
    """Tokens under the names that most servers have for them; None when the prompt's are not told."""
    if not any(name in holder for name in _INPUTS):
        return None
    details = get_object(holder, "prompt_tokens_details")
    return Usage(
        input_tokens=get_count(holder, *_INPUTS),
        output_tokens=get_count(holder, *_OUTPUTS),
        cache_read_tokens=get_count(details, "cached_tokens"),
        reasoning_tokens=get_count(get_object(holder, "completion_tokens_details"), "reasoning_tokens"),
        source="reported",
    )


class FlatEvents:
    """One table a format: ``said`` are the members whose strings, alone or in lists, go on from event to event.

    ``skip`` are the members that are not looked into: the request once more, media, marks of time. Subclasses tell
    usage, ids and ends by `head`.
    """

    array = False
    end_marks = frozenset({b"[DONE]"})
    said: ClassVar[frozenset[str]] = frozenset(
        {"text", "generated_text", "response", "output", "outputText", "output_text", "completion", "content", "answer"}
        | {"generation", "generations", "outputs", "result", "results", "predictions", "summary_text", "transcript"}
        | {"translation_text", "caption", "description", "reasoning_content", "thinking"}
    )
    skip: ClassVar[frozenset[str]] = frozenset(
        {"input", "inputs", "prompt", "prompts", "messages", "logs", "urls", "images", "audio", "audio_base64"}
        | {"image", "video", "b64_json", "embedding", "embeddings", "url", "urls", "metadata", "logprobs"}
    )

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        """See `Events`; an event with an error stands complete."""
        over = self.head(doc, notes)
        if self.failed(doc):
            notes.name(finish_reason="error")
            return Step(ends=("",), wholes=(("", doc),))
        if over:
            notes.complete = True
        return Step(self.places(doc, notes), ends=("",) if over else ())

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        """See `Events`."""
        self.head(doc, notes)
        if self.failed(doc):
            notes.name(finish_reason="error")
        notes.keep_all(self.places(doc, notes))

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        """See `Events`."""
        cut = skeleton(doc, place.pointer, text, _ON_THE_WAY)
        return cut if isinstance(cut, dict) else doc

    def places(self, doc: JsonObject, notes: Notes) -> Sequence[Place]:
        """The model's words in one document."""
        found = texts_in(doc, "", "", self.skip, notes.room)
        return [Place(text.pointer, text.channel, text.text) for text in found if text.name in self.said]

    def failed(self, doc: JsonObject) -> bool:
        """Whether it is an error."""
        return bool(doc.get("error") or doc.get("errors"))

    def head(self, doc: JsonObject, notes: Notes) -> bool:
        """Note what is told of the reply; True when it ends with this event."""
        notes.name(model=get_text(doc, "model"), response_id=get_text(doc, "id") or get_text(doc, "request_id"))
        notes.usage = counted(get_object(doc, "usage")) or counted(doc) or notes.usage
        firsts = (get_list(doc, name)[:1] for name in ("results", "outputs", "generations", "completions"))
        holders = [doc, *(first[0] for first in firsts if first)]
        ended = next((word for one in holders for name in _ENDS if (word := get_text(one, name))), "")
        notes.name(finish_reason=ended)
        return bool(ended) and ended != "not_finished"
