"""Texts of a reply through a `TextMap`, channel by channel, and JSON that stands inside a JSON string.

A tool call's arguments are a JSON document written into a string, in a stream cut anywhere. A value put back there
must be escaped for the inner document, so inner strings are decoded, mapped, and written back; where nothing changes
the inner text stays as the model wrote it.
"""

from __future__ import annotations

import json
import re
from typing import Final

from weir.ports import ECHO, WHOLE, Hearer, TextMap

__all__ = ["Channels"]

_RUN = re.compile(r'[^"\\]+')
_SIMPLE: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_HEX = frozenset("0123456789abcdefABCDEF")
_OPENERS: Final = '{["'
_BARE = re.compile(r'[^\s",:{}\[\]]+')  # a number, outside of strings; or what is no JSON
_BARE_CHARS_MIN: Final = 8  # nothing can be found in less
_BARE_CHARS_MAX: Final = 256
_NAME_CHARS_MAX: Final = 64


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


class _Inner:
    """One channel whose text is a JSON document; each of its strings is a channel of its own for the map."""

    def __init__(self, text: TextMap, channel: str) -> None:
        self._map = text
        self._channel = channel
        self._strings = 0
        self._in_string = False
        self._bare = ""  # a number that may go on
        self._name = ""  # the string before it: what it means
        self._escape = ""  # an escape not yet complete, or a high surrogate waiting for its partner
        self._pending: list[tuple[str, str]] = []  # (decoded, as written) that the map holds back
        self._aligned = True  # the map has so far returned just what it was given

    def feed(self, text: str) -> str:
        out: list[str] = []
        at = 0
        while at < len(text):
            if self._escape:
                at = self._more_escape(text, at, out)
            elif not self._in_string:
                at = self._outside(text, at, out)
            elif text[at] == '"':
                out.append(self._end_string() + '"')
                at += 1
            elif text[at] == "\\":
                self._escape = "\\"
                at += 1
            else:
                found = _RUN.match(text, at)
                run = found[0] if found else text[at]
                out.append(self._mapped(run, run))
                at += len(run)
        return "".join(out)

    def flush(self) -> str:
        out: list[str] = [self._end_bare()]
        if self._escape:
            out.append(self._mapped("", self._escape))
            self._escape = ""
        if self._in_string:
            out.append(self._end_string())
        return "".join(out)

    def _outside(self, text: str, at: int, out: list[str]) -> int:
        """Up to the next string: as it stands, but numbers are looked at whole."""
        quote = text.find('"', at)
        end = len(text) if quote < 0 else quote
        while at < end:
            found = _BARE.match(text, at, end)
            if found is None:
                out.append(self._end_bare() + text[at])
                at += 1
                continue
            self._bare += found[0]
            at = found.end()
            if len(self._bare) > _BARE_CHARS_MAX:
                out.append(self._end_bare())
        if quote < 0:
            return at
        out.append(self._end_bare() + '"')
        self._in_string = True
        self._name = ""
        self._strings += 1
        return quote + 1

    def _end_bare(self) -> str:
        """A number as it stands, or in its place a string."""
        bare, self._bare = self._bare, ""
        if len(bare) < _BARE_CHARS_MIN:
            return bare
        before = f"{self._name}: "
        channel = f"{WHOLE}{self._channel}/{self._strings}"
        new = self._map.feed(channel, before + bare) + self._map.flush(channel)
        # Not the whole: a stand-in in the name comes home there too.
        return bare if new.endswith(f": {bare}") else f'"{_escaped(new.removeprefix(before))}"'

    def _more_escape(self, text: str, at: int, out: list[str]) -> int:
        """Take one more character of an escape, or settle it when the character can't belong to it."""
        escape, new = self._escape + text[at], text[at]
        place = len(escape) - 6 if len(escape) > 6 else len(escape)
        if place == 1:
            fits = new == "\\"
        elif place == 2:
            fits = new == "u" or len(escape) == 2
        else:
            fits = new in _HEX
        if not fits:
            # Half of a pair, or no JSON at all: it goes on as written, and what follows is read anew.
            half = len(self._escape) >= 6
            out.append(self._mapped("\ufffd", self._escape[:6]) if half else self._mapped("", self._escape))
            self._escape = self._escape[6:] if half else ""
            return at
        self._escape = escape
        if len(escape) == 2 and new != "u":
            out.append(self._mapped(_SIMPLE.get(new, new), escape))
            self._escape = ""
        elif len(escape) in (6, 12):
            self._unicode(out)
        return at + 1

    def _unicode(self, out: list[str]) -> None:
        escape = self._escape
        first = int(escape[2:6], 16)
        if len(escape) == 6 and 0xD800 <= first < 0xDC00:
            return  # wait for the other half
        self._escape = ""
        if len(escape) == 6:
            out.append(self._mapped("\ufffd" if 0xDC00 <= first < 0xE000 else chr(first), escape))
            return
        second = int(escape[8:12], 16)
        if 0xDC00 <= second < 0xE000:
            out.append(self._mapped(chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)), escape))
            return
        out.append(self._mapped("\ufffd", escape[:6]))
        self._escape = escape[6:]
        self._unicode(out)

    def _mapped(self, decoded: str, written: str) -> str:
        if not decoded:
            # Nothing the map could see: it goes where it stands, after all that is held back.
            return self._end_run() + written
        self._name = (self._name + decoded)[-_NAME_CHARS_MAX:]
        self._pending.append((decoded, written))
        return self._returned(self._map.feed(f"{self._channel}/{self._strings}", decoded))

    def _returned(self, text: str) -> str:
        """Write what the map returned: as it stood if unchanged so far in this string, else escaped anew."""
        if self._aligned:
            given = "".join(decoded for decoded, _ in self._pending)
            if given.startswith(text):
                return self._release(len(text))
            self._aligned = False
        self._pending.clear()
        return _escaped(text)

    def _release(self, count: int) -> str:
        out: list[str] = []
        while count and self._pending:
            decoded, written = self._pending[0]
            if len(decoded) <= count:
                out.append(written)
                count -= len(decoded)
                del self._pending[0]
            else:  # only a plain run is longer than one character, and it is written as it is decoded
                out.append(decoded[:count])
                self._pending[0] = (decoded[count:], decoded[count:])
                count = 0
        return "".join(out)

    def _end_run(self) -> str:
        tail = self._returned(self._map.flush(f"{self._channel}/{self._strings}"))
        self._pending.clear()
        self._aligned = True
        return tail

    def _end_string(self) -> str:
        tail = self._end_run()
        self._in_string = False
        return tail


class Channels:
    """All channels of one reply."""

    def __init__(self, text: TextMap) -> None:
        self._map = text
        self._inner: dict[str, _Inner] = {}
        self._plain: set[str] = set()
        self._wholes = 0
        self._hear = text.whole if isinstance(text, Hearer) else None

    def feed(self, channel: str, text: str, *, inner: bool) -> str:
        """The next text of ``channel``; ``inner`` when it may be JSON. Returns what may go now."""
        if inner and channel not in self._plain:
            known = self._inner.get(channel)
            if known is None:
                start = text.lstrip()[:1]
                if not start:
                    return text
                if start not in _OPENERS:
                    self._plain.add(channel)
                    return self._map.feed(channel, text)
                known = self._inner[channel] = _Inner(self._map, channel)
            return known.feed(text)
        return self._map.feed(channel, text)

    def flush(self, channel: str) -> str:
        """The rest of ``channel``, which ends here."""
        self._plain.discard(channel)
        known = self._inner.pop(channel, None)
        return self._map.flush(channel) if known is None else known.flush()

    def whole(self, text: str, *, inner: bool, echo: bool = False) -> str:
        """A text that stands complete; ``echo`` when the client had sent it itself."""
        if self._hear is not None and not inner:
            self._hear(text, echo=echo)
            return text
        self._wholes += 1
        channel = f"{ECHO if echo else WHOLE}{self._wholes}"
        return self.feed(channel, text, inner=inner) + self.flush(channel)
