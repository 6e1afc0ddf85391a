"""All that a whole document says to a client, in one walk: for replies that are only looked at.

What `texts_in` and `rest_of` find in turn, with what `repeats` counts. Nobody edits here, so no pointer is written out;
a document that may be too much for their bounds, or is deep, is left to them.
"""

from __future__ import annotations

from typing import Final

from weir.providers.replies.sweep import (
    NUMBER_MIN,
    OPAQUE,
    SHORT_CHARS,
    TOKENS,
    is_opaque,
    repeats,
    told,
)
from weir.providers.wire.values import Json

__all__ = ["ECHOES", "INNER", "NO_TEXT", "Overheard", "overheard"]

# Members of a whole document that hold no text: encoded media, the provider's seals, numbers and what they belong to.
NO_TEXT: Final = frozenset(
    {"encrypted_content", "signature", "thoughtSignature", "redactedContent", "b64_json", "partial_image_b64"}
    | {"logprobs", "embedding", "embeddings", "bytesBase64Encoded", "audio_base64"}
)
INNER: Final = frozenset({"arguments"})
# What the request had said and a reply repeats: members of the document, or of its `response`.
ECHOES: Final = frozenset({"instructions", "tools", "metadata", "prompt", "safety_identifier", "user"})
_DEPTH_MAX: Final = 40
_VALUES_MAX: Final = 4000  # far within the room of one document
_POINTERS_MAX: Final = 100_000  # characters: of the room a tenth, as names are counted once and without escapes
_ELSEWHERE, _RESPONSE, _ROOT, _ECHO = range(4)


class Overheard:
    """What was found: ``texts`` with whether each may be JSON and is an echo, ``rest`` with what is read before."""

    __slots__ = ("_left", "_pointers", "members", "rest", "texts")

    def __init__(self) -> None:
        self.texts: list[tuple[str, bool, bool]] = []
        self.rest: list[tuple[str, str]] = []
        self.members = 0
        self._left = _VALUES_MAX
        self._pointers = _POINTERS_MAX

    def twice(self, data: bytes) -> bool:
        """Whether a member stands twice in an object of ``data``, what the document was read from."""
        # With no blank before a colon each name ends in ``":``, as strings may too: these are all, or it is read again.
        plain = not (b" :" in data or b"\t:" in data or b"\n:" in data or b"\r:" in data)
        return False if plain and data.count(b'":') == self.members else repeats(data)

    def walk(
        self, value: Json, name: str, chars: int, depth: int, place: int, *, texts: bool, rest: bool, known: bool
    ) -> bool:
        """Take what a container says; False when it is too much. ``chars`` are those of its pointer.

        ``texts``: its strings are texts; ``rest``: it is looked at for others; ``known``: as texts they were taken.
        """
        self._left -= len(value) if isinstance(value, dict | list) else 1
        self._pointers -= chars * 2
        if self._left < 0 or self._pointers < 0 or depth > _DEPTH_MAX:
            return False
        if isinstance(value, dict):
            return self._members(value, chars, depth, place, texts=texts, rest=rest, known=known)
        if isinstance(value, list):
            below = _ECHO if place == _ECHO else _ELSEWHERE
            for child in value:
                kind = type(child)
                if kind is dict or kind is list:
                    if child and not self.walk(
                        child, name, chars + 6, depth + 1, below, texts=texts, rest=rest, known=known
                    ):
                        return False
                else:
                    self._scalar(name, child, chars, place, texts=texts, rest=rest, known=known)
        return True

    def _members(
        self, value: dict[str, Json], chars: int, depth: int, place: int, *, texts: bool, rest: bool, known: bool
    ) -> bool:
        self.members += len(value)
        for step, child in value.items():
            takes, tells, taken = texts, rest, known
            if step in NO_TEXT:
                takes = False
            if step in TOKENS:
                tells = False
            elif step in OPAQUE:
                taken = False  # nobody took these for texts
                tells = tells and not is_opaque(step, child)
            if tells and len(step) >= SHORT_CHARS:
                self.rest.append(("", step))
            kind = type(child)
            below = place
            if place != _ECHO:
                below = _ECHO if place and step in ECHOES else _ELSEWHERE
                if place == _ROOT and step == "response":
                    below = _RESPONSE
            if kind is dict or kind is list:
                if child and not self.walk(
                    child, step, chars + len(step) + 1, depth + 1, below, texts=takes, rest=tells, known=taken
                ):
                    return False
            elif child is not None and kind is not bool:
                self._scalar(step, child, chars + len(step), below, texts=takes, rest=tells, known=taken)
        return True

    def _scalar(self, name: str, value: Json, chars: int, place: int, *, texts: bool, rest: bool, known: bool) -> None:
        if isinstance(value, str):
            if texts and value:
                self.texts.append((value, name in INNER, place == _ECHO))
                self._pointers -= chars * 2
            if known or len(value) < SHORT_CHARS:
                return
        elif value is None or isinstance(value, bool) or (isinstance(value, int) and abs(value) < NUMBER_MIN):
            return
        if rest:
            before, text = told(name, value, known)
            if text:
                self.rest.append((before, text))
                self._pointers -= chars * 2


def overheard(value: Json) -> Overheard | None:
    """What the document ``value`` says; None when that is too much, or it is a single text: look at it in turn."""
    found = Overheard()
    if type(value) is not dict and type(value) is not list:
        return None
    whole = found.walk(value, "", 0, 0, _ROOT, texts=True, rest=True, known=True)
    return found if whole and found._pointers >= 0 else None
