"""Stand-ins for personal data, stable within a conversation, and the way back for the reply.

The same value in the same conversation always gets the same placeholder: otherwise every turn would change the
history and the provider's prompt cache would never hit. Values live in memory only, and a placeholder is turned back
only for the exchange in which it was issued: nobody gets at another's value by naming its placeholder.
"""

from __future__ import annotations

import hmac
import re
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from string import ascii_uppercase

__all__ = ["Conversations", "Pseudonyms", "Restorer", "literals"]

_LITERAL = re.compile(r"<([A-Z][A-Z0-9_]*)_[0-9]+>")
# What may not be put back into a JSON string as it is. Such a value gets no placeholder, as a reply's tool-call
# arguments are JSON inside a string and the restorer can't know which of its texts are.
_NOT_RESTORABLE = re.compile(r'["\\\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]')
_TAGS = ("", *("".join(letters) for size in (1, 2) for letters in product(ascii_uppercase, repeat=size)))


def literals(texts: Iterable[str]) -> set[str]:
    """Everything in ``texts`` that has the form of a placeholder, whoever wrote it."""
    return {match[0] for text in texts if "<" in text for match in _LITERAL.finditer(text)}


class Pseudonyms:
    """The placeholders of one conversation. Safe to use from several threads; its repr hides the values."""

    def __init__(self, key: bytes, max_values: int) -> None:
        self._key = key
        self._max_values = max_values
        self._lock = threading.Lock()
        self._tag = ""
        self._placeholders: dict[bytes, str] = {}
        self._counts: dict[str, int] = {}

    def issue(self, values: Sequence[tuple[str, str]], taken: Iterable[str] = ()) -> list[str | None]:
        """A placeholder such as ``<EMAIL_ADDRESS_1>`` for each ``(type, value)``, in order.

        ``taken`` are the literals that the prompt holds by itself: if one of them has the form in use, the
        conversation changes to a form with a tag, ``<EMAIL_ADDRESS_A_1>``. None stands for a value that can't be
        restored safely or is one too many: redact it instead.
        """
        with self._lock:
            if not self._make_room(taken):
                return [None] * len(values)
            return [self._one(kind, value) for kind, value in values]

    def _make_room(self, taken: Iterable[str]) -> bool:
        """Change to the first tag that ``taken`` does not use; False when all are used."""
        bodies = {match[1] for literal in taken if (match := _LITERAL.fullmatch(literal))}
        if not _clashes(self._tag, bodies):
            return True
        tag = next((tag for tag in _TAGS if not _clashes(tag, bodies)), None)
        if tag is None:
            return False
        self._tag = tag
        self._placeholders.clear()
        self._counts.clear()
        return True

    def _one(self, kind: str, value: str) -> str | None:
        if _NOT_RESTORABLE.search(value):
            return None
        name = hmac.digest(self._key, f"{kind}\0{value}".encode(), "sha256")
        found = self._placeholders.get(name)
        if found is None and len(self._placeholders) < self._max_values:
            stem = re.sub(r"[^A-Z0-9]+", "_", kind.upper()).strip("_")
            stem = f"{stem}_{self._tag}" if self._tag else stem
            count = self._counts[stem] = self._counts.get(stem, 0) + 1
            found = self._placeholders[name] = f"<{stem}_{count}>"
        return found

    def __len__(self) -> int:
        return len(self._placeholders)

    def __repr__(self) -> str:
        return f"Pseudonyms({len(self)} values, hidden)"


def _clashes(tag: str, bodies: Iterable[str]) -> bool:
    return any(not tag or body.endswith(f"_{tag}") for body in bodies)


class Conversations:
    """The pseudonyms of at most ``max_conversations`` conversations; the least used are forgotten.

    A forgotten conversation starts anew and, as clients send the whole history, numbers its values as before.
    ``key`` keys the digests under which values are known.
    """

    def __init__(self, key: bytes, max_conversations: int = 10_000, max_values: int = 1_000) -> None:
        self._key = hmac.digest(key, b"weir-dlp-pseudonyms", "sha256")
        self._max_conversations = max_conversations
        self._max_values = max_values
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Pseudonyms] = OrderedDict()

    def get(self, conversation_id: str) -> Pseudonyms:
        """The pseudonyms of a conversation, new ones if it is not known."""
        with self._lock:
            found = self._known.get(conversation_id)
            if found is None:
                key = hmac.digest(self._key, conversation_id.encode(), "sha256")
                found = self._known[conversation_id] = Pseudonyms(key, self._max_values)
            self._known.move_to_end(conversation_id)
            while len(self._known) > self._max_conversations:
                self._known.popitem(last=False)
            return found

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"Conversations({len(self)}, hidden)"


class Restorer:
    """Puts values back where their placeholders stand, in texts that come in pieces (a `weir.ports.TextMap`).

    Holds back only an end that could still become one of ``issued``. What was not issued passes unchanged.
    """

    def __init__(self, issued: Mapping[str, str]) -> None:
        self._issued = dict(issued)
        self._sorted = sorted(self._issued)
        self._longest = max(map(len, self._sorted), default=0)
        self._held: dict[str, str] = {}

    def feed(self, channel: str, text: str) -> str:
        """Take the next text of ``channel`` and return what may go now."""
        text = self._held.pop(channel, "") + text
        at = text.rfind("<")
        if at >= 0 and self._may_begin(text[at:]):
            self._held[channel] = text[at:]
            text = text[:at]
        return _LITERAL.sub(self._restore, text)

    def flush(self, channel: str) -> str:
        """Return what is still held back for ``channel``."""
        return self._held.pop(channel, "")

    def _may_begin(self, tail: str) -> bool:
        """True when ``tail`` is the beginning of a placeholder, but not all of it."""
        if len(tail) >= self._longest:
            return False
        at = bisect_left(self._sorted, tail)
        return at < len(self._sorted) and self._sorted[at].startswith(tail) and self._sorted[at] != tail

    def _restore(self, match: re.Match[str]) -> str:
        return self._issued.get(match[0], match[0])

    def __repr__(self) -> str:
        return f"Restorer({len(self._issued)} values, hidden)"
