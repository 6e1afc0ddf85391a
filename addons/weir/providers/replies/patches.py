"""Streams of patches: events that say what to append where in a document that the page already has.

ChatGPT (``delta_encoding`` v1) and DeepSeek send them: ``{"p": path, "o": operation, "v": value}``, where path and
operation are left out when they are those of the event before, and a value may be a list of such patches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from weir.providers.replies.notes import NO_STEP, Notes, Place, Step
from weir.providers.replies.reading import EventReader
from weir.providers.wire.sse import Frame
from weir.providers.wire.values import Json, JsonObject, get_list, get_object, get_text

__all__ = ["PatchEvents", "PatchReader"]

_APPEND: Final = "append"
_ALL: Final = frozenset({"patch", "batch"})
_SAID = re.compile(r"(?:^|/)(?:content(?:/parts/\d+|/text)?|thoughts(?:/\d+/\w+)?|thinking_content|text)$")
_ENDED: Final = frozenset({"finished_successfully", "finished", "finished_partial_completion", "incomplete", "error"})
_OURS: Final = frozenset({"user", "system"})  # whose messages are no answer
_NESTED_MAX: Final = 4
_PATCHES_MAX: Final = 2000
_CHANNELS_MAX: Final = 256


class _Patch(NamedTuple):
    pointer: str
    path: str
    operation: str
    value: Json


class PatchEvents:
    """Reads one reply. ``append`` is the word that this service has for adding to a text."""

    array = False
    end_marks = frozenset({b"[DONE]"})

    def __init__(self, append: str = _APPEND) -> None:
        self._append = append
        self._path = ""
        self._operation = ""
        self._open: set[str] = set()
        self._whole = ""  # the answer as far as it came in events that repeat all of it

    def event(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        if "v" not in doc:
            return self._other(name, doc, notes)
        places: list[Place] = []
        wholes: list[tuple[str, Json]] = []
        over = False
        for patch in self._patches(doc):
            last = patch.path.rpartition("/")[2]
            if isinstance(patch.value, str) and patch.operation in ("", _APPEND):
                kept = _SAID.search(patch.path) is not None
                places.append(Place(f"{patch.pointer}/v", patch.path, patch.value, kept=kept))
                continue
            if isinstance(patch.value, str) and last == "status":
                over = over or self._status(patch.value, notes)
            if isinstance(patch.value, str) and last in ("resolved_model_slug", "model_slug"):
                notes.name(model=patch.value)
            wholes.append((f"{patch.pointer}/v", patch.value))
            self._keep(patch.value, notes)
        return Step(places, self._ended(places, over), wholes)

    def whole(self, doc: JsonObject, notes: Notes) -> None:
        self._other("", doc, notes)

    def tail(self, doc: JsonObject, place: Place, text: str) -> JsonObject:
        return {"p": place.channel, "o": self._append, "v": text}

    def _other(self, name: str, doc: JsonObject, notes: Notes) -> Step:
        """An event that is no patch: all of a message once more, an error, what goes on beside the answer."""
        if (get_text(doc, "type") or name) in ("message_stream_complete", "close", "finish"):
            notes.complete = True
            return Step(ends=("",), wholes=(("", doc),))
        if doc.get("error") or isinstance(doc.get("detail"), str):
            notes.name(finish_reason="error")
        self._keep(doc, notes)
        return Step(wholes=(("", doc),)) if doc else NO_STEP

    def _patches(self, doc: JsonObject) -> Iterator[_Patch]:
        path, operation = doc.get("p"), doc.get("o")
        self._path = path if isinstance(path, str) else self._path
        if isinstance(operation, str):
            self._operation = operation.lower()
        elif isinstance(path, str):
            self._operation = ""  # a new place without a word for what to do there: it is set
            if not isinstance(doc["v"], str):
                self._operation = "replace"
            else:
                self._operation = "set"
        stack: list[tuple[_Patch, int]] = [(_Patch("", self._path, self._operation, doc["v"]), 0)]
        left = _PATCHES_MAX
        while stack and left:
            left -= 1
            patch, depth = stack.pop()
            inner = patch.value if isinstance(patch.value, list) and depth < _NESTED_MAX else []
            each = [one for one in inner if isinstance(one, dict) and "v" in one]
            if not inner or len(each) != len(inner) or not (patch.operation in _ALL or "p" in each[0]):
                yield patch
                continue
            for at, one in reversed(list(enumerate(each))):
                below = get_text(one, "p")
                word = get_text(one, "o").lower() or "set"
                where = f"{patch.path.rstrip('/')}/{below.lstrip('/')}" if below else patch.path
                stack.append((_Patch(f"{patch.pointer}/v/{at}", where, word, one["v"]), depth + 1))

    def _ended(self, places: list[Place], over: bool) -> list[str]:
        if over:
            self._open.clear()
            return [""]
        now = {place.channel for place in places}
        if not now:
            return []
        ends = sorted(self._open - now)
        self._open = now if len(now) <= _CHANNELS_MAX else set()
        return ends

    @staticmethod
    def _status(value: str, notes: Notes) -> bool:
        if value.lower() not in _ENDED:
            return False
        notes.name(finish_reason=value.lower())
        return True

    def _keep(self, value: Json, notes: Notes) -> None:
        """Names and texts out of a message that stands whole, or begins so."""
        message = get_object(value, "message") or get_object(value, "response") or value
        about = get_object(message, "metadata")
        slug = get_text(about, "resolved_model_slug") or get_text(about, "model_slug") or get_text(message, "model")
        notes.name(model=slug, response_id=get_text(message, "id"))
        if kind := get_text(get_object(about, "finish_details"), "type"):
            notes.name(finish_reason=kind)
        role = get_text(get_object(message, "author"), "role") or get_text(message, "role").lower()
        if role in _OURS:
            return
        said = [part for part in get_list(get_object(message, "content"), "parts") if isinstance(part, str)]
        fragments = message if isinstance(message, list) else get_list(message, "fragments")
        said += [get_text(fragment, "content") for fragment in fragments]
        text = "".join(said)
        # In the older form every event says all that was said before.
        more = text.startswith(self._whole) if self._whole else True
        notes.keep(text[len(self._whole) :] if more else text)
        self._whole = text if get_object(value, "message") and text else self._whole


class PatchReader(EventReader):
    """As any; but one event says in a word what the others are written in."""

    def _event(self, frame: Frame) -> bytes:
        return frame.raw if frame.event == "delta_encoding" and frame.data == b'"v1"' else super()._event(frame)
