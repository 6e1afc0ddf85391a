"""What is written character by character in another way (%2D, \\u002d, &#45;) or cut up by quotes ("a" + "b").

Only the surroundings of a telling mark are read, and in them all such marks at once, however they mix.
"""

from __future__ import annotations

import html
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import merge
from types import MappingProxyType

from weir.dlp.views.view import Piece

__all__ = ["pieces_of"]

_REACH = 96  # characters around a mark that are read with it
_EDGE_REACH = 256  # and how much farther the next space may be, so that no word is cut
_KEY = r"[A-Za-z0-9_+/=.-]"
_SIDE = r"[A-Za-z0-9_+/=.%\\&#;:@!$*?~^|-]"  # what stands on both sides of a cut: of a key, or of its encoding
_NAMES = "hyphen|dash|lowbar|UnderBar|period|colon|equals|sol|plus|commat|num|bsol|shy|ZeroWidthSpace"

# A mark that tells: it stands for ASCII, or for something unseen, or it hides the edge of a value. Each begins with
# its literal, which makes a search through a text without it nearly free. A run of backslashes is one: text that is
# quoted five times over is not nested five deep.
_MARKS = {
    "url": re.compile(r"%(?:25)*+(?:[2-7][0-9A-Fa-f]|u00[2-7]|[eE]2%8[01]|[eE][fF]%[bB][bBcC])"),
    "escapes": re.compile(
        r"\\(?<!\\\\)\\*+(?:u(?:00[2-7]|20[0-6]|[fF][eE][fF][fF]|[fF]{2}[0-5]|[dD]835|\{)|x[2-7][0-9A-Fa-f]|U000[01]"
        r"|[01][0-7]{2}|[nrtbf](?<![A-Za-z0-9+/]{20}\\[nrtbf])(?=[A-Za-z0-9_+/.-]{16})|[\"'](?=[ ]{0,4}[:=])"
        r"|(?<=[:=]\\)[\"']|(?<=[:=] \\)[\"']|(?<=[:=]\\\\\\)[\"']|/\\++/)"
    ),
    "html": re.compile(
        r"&(?:amp;)*+(?:#(?!(?:0*3[49]|[xX]0*2[27]);)[xX]?[0-9A-Fa-f]{1,6}|(?:" + _NAMES + r");"
        r"|(?:quot|apos|#3[49]|#x2[27]);(?=[ ]{0,4}[:=])|(?:(?<=[:=]&)|(?<=[:=] &))(?:quot|apos|#3[49]|#x2[27]);)"
    ),
    "concat": re.compile(
        r"[\"'`](?<=" + _SIDE + r"[\"'`])\s{0,40}(?:(?:[+.&~]|\.\.|\|\||<>|\\(?=\s))\s{0,40})?[bfru]{0,2}[\"'`]"
        r"(?=" + _SIDE + ")"
    ),
    "list": re.compile(r"[\"'`](?<=" + _SIDE + r"[\"'`])\s{0,40},\s{0,40}[bfru]{0,2}[\"'`](?=" + _SIDE + ")"),
}
_WRITTEN = re.compile(
    r"(?P<percent>(?:%(?:25)*+[0-9A-Fa-f]{2}|%25)+)|(?P<wide>%u[0-9A-Fa-f]{4})"
    r"|\\(?<!\\\\)\\*+(?P<escape>u[dD][89aAbB][0-9A-Fa-f]{2}\\++u[dD][c-fC-F][0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}"
    r"|u\{[0-9A-Fa-f]{1,6}\}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[0-3][0-7]{2}|[\"'`/nrtbf0])"
    r"|(?P<entity>&(?:amp;)*+(?:#[xX]?[0-9A-Fa-f]{1,6};?|[A-Za-z]{2,20};)|&(?:amp;)++)"
)
_CUTS = ("concat", "list")
_CUT_MAX = 90  # characters of the longest cut
# Quoted-printable is read by itself: =AB of a form's field would be taken for it.
_QUOTED_MARK = re.compile(r"=(?<=[A-Za-z0-9_+/.-]=)(?:\r?\n(?=" + _KEY + r")|(?:2D|5F|2E|40)(?=[A-Za-z0-9]))")
_QUOTED = re.compile(r"(?P<soft>=\r?\n)|(?P<byte>=[0-9A-F]{2})")

_NAMED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "0": "\0"}
_BYTE = re.compile(r"%(?:25)*+[0-9A-Fa-f]{2}|%25")


def pieces_of(
    text: str, marks: Iterable[str], ends: Mapping[str, Sequence[int]] = MappingProxyType({})
) -> Iterator[Piece]:
    """What the surroundings of marks in ``text`` read; ``marks`` are those that the gate saw.

    ``ends`` are where all marks of a kind end, and one more character, for the kinds of which that is known.
    """
    seen = set(marks)
    if "joined" not in seen:  # an array of strings is one text only where something puts it together
        seen.discard("list")
    kinds = [kind for kind in _MARKS if kind in seen]
    if kinds:
        yield from _pieces(text, _WRITTEN, [(kind, _MARKS[kind]) for kind in kinds], ends)
    if "quoted" in seen:
        yield from _pieces(text, _QUOTED, [("quoted", _QUOTED_MARK)], {})


def _pieces(
    text: str, tokens: re.Pattern[str], marks: list[tuple[str, re.Pattern[str]]], ends: Mapping[str, Sequence[int]]
) -> Iterator[Piece]:
    cuts = [pattern for kind, pattern in marks if kind in _CUTS]
    for begin, end, kind in _regions(text, marks, ends):
        region = text[begin:end]
        read, layers = region, list[_Tokens]()
        for pattern in (*cuts, tokens):  # cuts first: they may go through what is written otherwise
            source, read = read, pattern.sub(_decode, read)
            if read != source:
                layers.append(_Tokens(0 if layers else begin, source, pattern))
        if layers and read:
            yield Piece(kind, read, layers[0] if len(layers) == 1 else _Layers(layers))


def _regions(
    text: str, marks: list[tuple[str, re.Pattern[str]]], ends: Mapping[str, Sequence[int]]
) -> Iterator[tuple[int, int, str]]:
    """Begin, end and kind of what to read: the surroundings of all marks, those that meet made one."""
    first = last = -1
    seen: set[str] = set()
    places = [_places(text, kind, pattern, ends.get(kind)) for kind, pattern in marks]
    for place, end, kind in places[0] if len(places) == 1 else merge(*places):
        if first >= 0 and place - last > 2 * _REACH:
            yield *_edges(text, first, last), "+".join(sorted(seen))
            first = -1
            seen.clear()
        first = place if first < 0 else first
        last = max(last, end)
        seen.add("concat" if kind in _CUTS else kind)
    if first >= 0:
        yield *_edges(text, first, last), "+".join(sorted(seen))


def _places(
    text: str, kind: str, pattern: re.Pattern[str], ends: Sequence[int] | None
) -> Iterator[tuple[int, int, str]]:
    if ends is None:
        for match in pattern.finditer(text):
            yield match.start(), match.end(), kind
        return
    done = 0
    for end in ends:
        # What the gate saw ends with the character behind the mark.
        found = pattern.search(text, max(done, end - _CUT_MAX), end)
        if found is not None:
            done = found.end()
            yield found.start(), done, kind


def _edges(text: str, first: int, last: int) -> tuple[int, int]:
    begin, end = max(0, first - _REACH), min(len(text), last + _REACH)
    if begin:
        low = max(0, begin - _EDGE_REACH)
        before = text[low:begin]
        space = max(before.rfind(" "), before.rfind("\n"), before.rfind("\t"))
        begin = low + space + 1 if space >= 0 else low
    if end < len(text):
        after = text[end : end + _EDGE_REACH]
        spaces = [place for place in (after.find(" "), after.find("\n"), after.find("\t")) if place >= 0]
        end += min(spaces) if spaces else len(after)
    return begin, end


def _decode(token: re.Match[str]) -> str:
    group = token.lastgroup or ""
    return _percent(token[0]) if group == "percent" else _read(group, token[0])


@lru_cache(maxsize=2048)  # of single characters; never a run of them, which could be the secret itself
def _read(group: str, token: str) -> str:
    if group == "wide":
        return chr(int(token[2:], 16))
    if group == "escape":
        return _escape(token.lstrip("\\"))
    if group == "entity":
        return html.unescape("&" + token[1:].replace("amp;", ""))
    if group == "byte":
        return chr(int(token[1:], 16))
    return ""  # a cut or a soft line break


def _percent(token: str) -> str:
    data = bytes(0x25 if one == "%25" else int(one[-2:], 16) for one in _BYTE.findall(token))
    return data.decode("utf-8", "surrogateescape")


def _escape(body: str) -> str:
    head = body[0]
    if head in "uUx" and len(body) > 1:
        if "\\" in body:  # two halves of one character
            high, low = int(body[1:5], 16), int(body[-4:], 16)
            return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
        code = int(body[1:].strip("{}"), 16)
        return chr(code) if code <= 0x10FFFF else ""
    if head in "0123" and len(body) == 3:
        return chr(int(body, 8))
    return _NAMED.get(body, body)


@dataclass(slots=True)
class _Tokens:
    """Where the characters of a region come from: worked out once somebody asks."""

    begin: int
    region: str = field(repr=False)
    tokens: re.Pattern[str]
    _starts: array[int] | None = None
    _ends: array[int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """From the first character's token to the last one's."""
        starts, ends = self._starts, self._ends
        if starts is None or ends is None:
            starts, ends = self._starts, self._ends = self._origins()
        return self.begin + starts[start], self.begin + ends[end - 1]

    def _origins(self) -> tuple[array[int], array[int]]:
        starts, ends, place = array("l"), array("l"), 0
        for match in self.tokens.finditer(self.region):
            starts.extend(range(place, match.start()))
            ends.extend(range(place + 1, match.start() + 1))
            for begin, end in _characters(match):
                starts.append(begin)
                ends.append(end)
            place = match.end()
        starts.extend(range(place, len(self.region)))
        ends.extend(range(place + 1, len(self.region) + 1))
        return starts, ends


@dataclass(frozen=True, slots=True)
class _Layers:
    """Changes made one after the other; the last leads into what the one before it made."""

    layers: list[_Tokens]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Back through all of them."""
        for layer in reversed(self.layers):
            start, end = layer.span(start, end)
        return start, end


def _characters(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The stretch that each character of a token's reading was read from."""
    begin, end = match.span()
    read = _decode(match)
    if match.lastgroup != "percent":
        for _ in read:
            yield begin, end
        return
    places: Callable[[], re.Match[str]] = iter(_BYTE.finditer(match[0])).__next__
    for character in read:
        first = last = places()
        for _ in range(len(character.encode("utf-8", "surrogateescape")) - 1):
            last = places()
        yield begin + first.start(), begin + last.end()
