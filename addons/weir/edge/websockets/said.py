"""What the client of a socket said and no record has kept yet, without credentials that several messages make up.

A message is scanned together with the end of those before it. So what a later message makes a credential can be struck
out of an earlier one for as long as that is not stored; a text whose end may be the first part of one waits for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from weir.audit.content.parts import Content, Text
from weir.model import Finding, Segment
from weir.providers.requests.walk import KEY_SUFFIX

__all__ = ["OPEN_END", "Said", "is_speech", "without_open_end"]

_CHARS_MAX, _TEXTS_MAX = 1 << 20, 4096
OPEN_END = "[may be part of a secret]"
_WORD = re.compile(r"[A-Za-z0-9_+/=.:@%?&~$!#*-]+\Z")  # as where texts are joined (`dlp.views.joins`)
_WORD_MIN, _WORD_SURELY, _REACH = 8, 16, 512  # characters
_PIECES_MAX = 32  # as many as are scanned together
_ID = re.compile(r"[/_]id$")
_LOOSE = " \t\r\n\"'`…\u200b\u2060\ufeff"  # what stands behind a part and is none of it


def _last_word(text: str) -> tuple[int, str]:
    """The word that ``text`` ends with, and where it begins; -1 when it ends with none."""
    near = text[-_REACH:].rstrip(_LOOSE)
    found = _WORD.search(near)
    return (-1, "") if found is None else (len(text[:-_REACH]) + found.start(), found[0])


def _may_go_on(word: str) -> bool:
    """Whether a message to come may make a credential of ``word``; a word of prose, or an address, it does not."""
    word = word.rstrip(".?!:")
    mixed = any(map(str.isdigit, word)) or "_" in word or (len(word) >= _WORD_SURELY and not set(word) & set("./"))
    return len(word) >= _WORD_MIN and mixed


def is_speech(pointer: str) -> bool:
    """False for names of members and for ids: nothing goes on from them."""
    return not (pointer.endswith(KEY_SUFFIX) or _ID.search(pointer))


class Said:
    """Texts in order, bounded: of very much only what came last is remembered. For one thread."""

    def __init__(self) -> None:
        self._texts: list[Text] = []
        self._chars = 0

    def add(self, texts: Sequence[Text]) -> None:
        """The client said this; credentials within it are struck out already."""
        self._texts.extend(texts)
        self._chars += sum(len(one.text) for one in texts)
        while self._texts and (self._chars > _CHARS_MAX or len(self._texts) > _TEXTS_MAX):
            self._chars -= len(self._texts.pop(0).text)

    def strike(self, before: Sequence[Segment], findings: Iterable[Finding]) -> None:
        """Take out what turned out to be part of a credential. ``before``: the ends of earlier messages, as they were
        scanned before the one at hand; ``findings`` are those of that scan."""
        for found in findings:
            if found.category != "secret" or found.segment >= len(before):
                continue
            part = before[found.segment].text[found.start : found.end]
            for at in range(len(self._texts) - 1, -1, -1):
                if part and part in (text := self._texts[at].text):
                    head, _, tail = text.rpartition(part)
                    self._texts[at] = replace(self._texts[at], text=f"{head}[{found.detector}]{tail}")
                    break

    def take(self, *, last: bool = False) -> tuple[Text, ...]:
        """What was said since this was last asked. Texts that the next message may go on from stay, unless it is the
        ``last`` time."""
        until = len(self._texts)
        if not last:
            for at, _ in _open_ends(self._texts):
                until = at
        given, self._texts = tuple(self._texts[:until]), self._texts[until:]
        self._chars = sum(len(one.text) for one in self._texts)
        return given

    def __repr__(self) -> str:
        return f"Said({len(self._texts)} texts, hidden)"


def without_open_end(content: Content) -> Content:
    """The texts of one message, which are stored at once, without what the next one may make a credential of."""
    texts = list(content.segments)
    for at, begin in _open_ends(content.segments):
        texts[at] = replace(texts[at], text=texts[at].text[:begin] + OPEN_END)
    return replace(content, segments=tuple(texts))


def _open_ends(texts: Sequence[Text]) -> list[tuple[int, int]]:
    """Which texts, last first, end in the word that is open at the end of all, and where it begins in each."""
    found: list[tuple[int, int]] = []
    word = ""
    for at in range(len(texts) - 1, -1, -1):
        if not texts[at].text or not is_speech(texts[at].pointer):
            continue
        begin, part = _last_word(texts[at].text)
        if begin < 0:
            break
        found.append((at, begin))
        word = part + word
        if begin > 0 or len(found) >= _PIECES_MAX:  # what stands before a word is no part of what goes over it
            break
    return found if _may_go_on(word) else []
