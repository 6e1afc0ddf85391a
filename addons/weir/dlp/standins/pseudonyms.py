"""Stand-ins for personal data, stable within a conversation, and the way back for the reply.

The same value in the same conversation always gets the same placeholder: otherwise every turn would change the
history and the provider's prompt cache would never hit. A placeholder is turned back for the exchange in which it was
issued, and for those that follow it where the provider keeps the earlier turns (see `conversation.py`): nobody
gets at another's value by naming its placeholder. Values live in memory, and in a `Vault` where policy says so.
"""

from __future__ import annotations

import hmac
import json
import re
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import product
from string import ascii_uppercase

__all__ = ["TAGS", "Pseudonyms", "Restorer", "literals"]

_LITERAL = re.compile(r"<([A-Z][A-Z0-9_]*)_[0-9]+>")
# What may not be put back into a JSON string as it is. Such a value gets no placeholder, as a reply's tool-call
# arguments are JSON inside a string and the restorer can't know which of its texts are.
_NOT_RESTORABLE = re.compile(r'["\\\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]')
_VALUE_CHARS_MAX = 4096  # no name or number of a person is as long; what is counts against memory, so it is redacted
TAGS = ("", *("".join(letters) for size in (1, 2) for letters in product(ascii_uppercase, repeat=size)))


def literals(texts: Iterable[str]) -> set[str]:
    """Everything in ``texts`` that has the form of a placeholder, whoever wrote it."""
    return {match[0] for text in texts if "<" in text for match in _LITERAL.finditer(text)}


class Pseudonyms:
    """The placeholders of one conversation. Safe to use from several threads; its repr hides the values.

    ``tag`` is the form to begin with. ``grown`` is told how many values more or fewer are held, ``changed`` that there
    is something new; the first may not call back.
    """

    def __init__(
        self,
        key: bytes,
        max_values: int,
        *,
        tag: str = "",
        grown: Callable[[int], None] | None = None,
        changed: Callable[[], None] | None = None,
    ) -> None:
        self._key = key
        self._max_values = max_values
        self._lock = threading.Lock()
        self._tag = tag
        self._grown, self._changed = grown, changed
        self._placeholders: dict[bytes, str] = {}
        self._counts: dict[str, int] = {}
        self._values: OrderedDict[str, tuple[str, str]] = OrderedDict()  # (type, value), of earlier forms too

    def issue(self, values: Sequence[tuple[str, str]], taken: Iterable[str] = ()) -> list[str | None]:
        """A placeholder such as ``<EMAIL_ADDRESS_1>`` for each ``(type, value)``, in order.

        ``taken`` are the literals that the prompt holds by itself: if one of them has the form in use, the
        conversation changes to a form with a tag, ``<EMAIL_ADDRESS_A_1>``. None stands for a value that can't be
        restored safely or is one too many: redact it instead.
        """
        with self._lock:
            if not self._make_room(taken):
                return [None] * len(values)
            before, tag = len(self._placeholders), self._tag
            found = [self._one(kind, value) for kind, value in values]
            new = len(self._placeholders) > before or tag != self._tag
        if new and self._changed:
            self._changed()
        return found

    def said(self, taken: Collection[str]) -> None:
        """The prompt itself holds these literals: they are nobody's placeholder any more, nor will they be."""
        with self._lock:
            self._make_room(taken)
            for literal in taken:
                if self._values.pop(literal, None):
                    self._grow(-1)

    def values(self, names: Iterable[str]) -> dict[str, str]:
        """The values behind those of the placeholders ``names`` that are known."""
        with self._lock:
            return {name: self._values[name][1] for name in names if name in self._values}

    def names(self) -> frozenset[str]:
        """Every placeholder that can be turned back."""
        with self._lock:
            return frozenset(self._values)

    def detach(self) -> int:
        """Tell nobody any more; how many values are held."""
        with self._lock:
            self._grown = self._changed = None
            return len(self._values)

    def dump(self) -> bytes:
        """All of it, for a vault: it holds the values in clear."""
        with self._lock:
            current = set(self._placeholders.values())
            issued = [[name, kind, value, name in current] for name, (kind, value) in self._values.items()]
            return json.dumps({"tag": self._tag, "counts": self._counts, "issued": issued}).encode()

    def load(self, data: bytes) -> None:
        """Take what `dump` gave. Raises ValueError, without its content, when it is nothing of the kind."""
        try:
            known = json.loads(data)
            issued = [(str(name), str(kind), str(value), bool(now)) for name, kind, value, now in known["issued"]]
            tag, counts = str(known["tag"]), {str(stem): int(count) for stem, count in known["counts"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError("no pseudonyms in this record") from None
        with self._lock:
            self._tag, self._counts = tag, counts
            for name, kind, value, now in issued[-self._max_values :]:
                self._values[name] = (kind, value)
                if now:
                    self._placeholders[self._digest(kind, value)] = name
            self._grow(len(self._values))

    def _make_room(self, taken: Iterable[str]) -> bool:
        """Change to the first tag that ``taken`` does not use; False when all are used."""
        bodies = {match[1] for literal in taken if (match := _LITERAL.fullmatch(literal))}
        if not _clashes(self._tag, bodies):
            return True
        tag = next((tag for tag in TAGS if not _clashes(tag, bodies)), None)
        if tag is None:
            return False
        self._tag = tag
        self._placeholders.clear()  # but no number is given out twice: earlier turns may still be spoken of
        return True

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.digest(self._key, f"{kind}\0{value}".encode(), "sha256")

    def _one(self, kind: str, value: str) -> str | None:
        if len(value) > _VALUE_CHARS_MAX or _NOT_RESTORABLE.search(value):
            return None
        name = self._digest(kind, value)
        found = self._placeholders.get(name)
        if found is None and len(self._placeholders) < self._max_values:
            stem = re.sub(r"[^A-Z0-9]+", "_", kind.upper()).strip("_")
            stem = f"{stem}_{self._tag}" if self._tag else stem
            count = self._counts[stem] = self._counts.get(stem, 0) + 1
            found = self._placeholders[name] = f"<{stem}_{count}>"
            self._hold(found, kind, value)
        return found

    def _hold(self, name: str, kind: str, value: str) -> None:
        self._grow(1 - (name in self._values))
        self._values[name] = (kind, value)
        while len(self._values) > self._max_values:  # those of earlier forms go first
            self._values.popitem(last=False)
            self._grow(-1)

    def _grow(self, count: int) -> None:
        if self._grown and count:
            self._grown(count)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Pseudonyms({len(self)} values, hidden)"


def _clashes(tag: str, bodies: Iterable[str]) -> bool:
    return any(not tag or body.endswith(f"_{tag}") for body in bodies)


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
