"""Stretches written in base64, base64url, base32 or hex: found by their length, kept when what comes out is text."""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from weir.dlp.views.gate import PAIRS, RUN, RUN_MIN, Gate
from weir.dlp.views.unpack import TooMuch, Unpacked, promising, unpack
from weir.dlp.views.view import Parts, Piece, Spans, Straight

__all__ = ["pieces_of"]

_X = re.compile(rb"x+")
# How a wrapped blob goes on: at a line's end, or at one that is itself written as an escape.
_WRAP = re.compile(rb"=?[ \t]{0,40}(?:\\\r?\n|\r?\n|(?:\\+r)?\\+n)[ \t]{0,40}")
_LINE_END = re.compile(rb"=|[\r\n\"'`<,;)\]}\\]|\Z")
_LINE_MAX = 100
_USUAL = (64, 76)  # after a line of just that length the blob goes on, whatever stands behind its end
_SHORT_LINES = 8  # so few lines may also be blobs of their own
# The name that a value is given, so that what needs a word beside it (a password) is found in the decoded value too.
_NAME_END = " \t\"'("  # what may stand between the sign and the value, or the name and the sign
_NAME_BACKWARDS = re.compile(r"[A-Za-z0-9_.-]{1,40}[A-Za-z_](?![A-Za-z0-9_.+/=-])")
_NAME_REACH = 56

_HEX = b"0123456789abcdefABCDEF"
_HEX_CLASSES = bytes(ord("h") if code in _HEX else ord(" ") for code in range(256))
_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PAIRS = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Fa-f]{2}(?:[ :,;|.\t\r\n-]{1,16}[0-9A-Fa-f]{2}(?![0-9A-Za-z])){7,}")
_BYTES = re.compile(rb"0[xX][0-9A-Fa-f]{2}(?:[ :,;|\t\r\n]{1,16}0[xX][0-9A-Fa-f]{2}(?![0-9A-Za-z])){7,}")
_PAIR = re.compile(rb"(?<![0-9A-Za-z])(?:0[xX])?([0-9A-Fa-f]{2})(?![0-9A-Za-z])")
_URL_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_NO_STANDARD = re.compile(rb"[^+/]{%d,}" % RUN_MIN)
_NO_URL = re.compile(rb"[^_-]{%d,}" % RUN_MIN)
# In base64 of ASCII every fourth character is one of these: it holds six high bits of a readable byte, or of a zero.
_HEADS = bytes(ord("x") if code in b"ACDIJKLMNOPQRSTUVWXYZabcdef" else ord(" ") for code in range(256))
_HEADS_MIN = 4  # in a row: twelve bytes
_HEADS_MIN_LONG = 14
_LONG_CHARS = 4096
_STRETCH_MIN = 12  # readable bytes at an odd offset; fewer come by chance


@dataclass(slots=True)  # not frozen: there may be thousands, and freezing trebles what one costs
class _Found:
    """A decoded stretch: ``begin`` is the first of its characters in the run, ``group`` of them give ``bytes_``."""

    kind: str
    begin: int
    group: int
    bytes_: int
    unpacked: Unpacked


class _Blob:
    """The way from decoded text to the source: bytes, then groups of characters, then the lines they stand in."""

    __slots__ = ("_ends", "_found", "_lines")

    def __init__(self, found: _Found, lines: Sequence[tuple[int, int]]) -> None:
        self._found = found
        self._lines = lines
        self._ends = list(accumulate(end - start for start, end in lines))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The groups of characters that hold the bytes of ``start`` to ``end``."""
        found = self._found
        first, last = found.unpacked.spans.span(start, end)
        begin = found.begin + first // found.bytes_ * found.group
        until = found.begin + -(-last // found.bytes_) * found.group
        return self._place(begin), self._place(min(until, self._ends[-1]) - 1) + 1

    def _place(self, character: int) -> int:
        number = min(bisect_right(self._ends, character), len(self._lines) - 1)
        return self._lines[number][1] - (self._ends[number] - character)


def pieces_of(text: str, gate: Gate, left: Callable[[], int]) -> Iterator[Piece]:
    """What the encoded stretches of ``text`` read. ``left()`` is how many bytes may still come out.

    Raises TooMuch when a compressed stretch holds more than that.
    """
    for lines in _runs(gate):
        yield from _run(text, gate.data, lines, left)
    for start, end in _pair_runs(gate):
        pairs = [match.span() for match in _PAIR.finditer(gate.data, start, end)]
        data = binascii.unhexlify(b"".join(gate.data[until - 2 : until] for _, until in pairs))
        texts, over = unpack(data, left())
        for one in texts:
            yield _piece(text, "hex", one, _Pairs(one, pairs), start)
        if over:
            raise TooMuch


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Bytes that each stand apart."""

    unpacked: Unpacked
    pairs: Sequence[tuple[int, int]]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """From the first byte's digits to the last one's."""
        first, last = self.unpacked.spans.span(start, end)
        return self.pairs[first][0], self.pairs[last - 1][1]


def _piece(text: str, kind: str, unpacked: Unpacked, spans: Spans, begin: int) -> Piece:
    """The reading of a stretch, with the name before it, if it has one."""
    kind, read = kind + unpacked.kinds, unpacked.text
    length = _name_length(text[max(0, begin - _NAME_REACH) : begin])
    if not length:
        return Piece(kind, read, spans)
    parts = Parts((0, length), (length, len(read)), (Straight(begin - length), spans))
    return Piece(kind, text[begin - length : begin] + read, parts)


def _name_length(before: str) -> int:
    """How many characters at the end of ``before`` are a name and the sign that gives it a value."""
    sign = before.rstrip(_NAME_END)
    if not sign.endswith(("=", ":", "=>")):
        return 0
    name = sign.rstrip(":=>").rstrip(_NAME_END)
    match = _NAME_BACKWARDS.match(name[::-1])
    return 0 if match is None else len(before) - len(name) + match.end()


def _runs(gate: Gate) -> Iterator[list[tuple[int, int]]]:
    """The lines of every long run of word characters; one line, where it isn't wrapped."""
    classes, data, place = gate.classes, gate.data, 0
    while (place := classes.find(RUN, place)) >= 0:
        end = _end(classes, place)
        lines = [(place, end)]
        width = 0
        while (gap := _WRAP.match(data, end)) is not None:
            begin = gap.end()
            until = _end(classes, begin)
            long = until - begin
            if not 0 < long <= _LINE_MAX:
                break
            if _LINE_END.match(data, until) is None and end - lines[-1][0] not in _USUAL:
                break
            if not width and lines[0][1] - lines[0][0] > _LINE_MAX:
                break
            width = width or max(long, end - place)
            if long > width:
                break
            lines.append((begin, until))
            end = until
            if long < width:
                break
        yield lines
        place = end


def _end(classes: bytes, place: int) -> int:
    match = _X.match(classes, place)
    return place if match is None else match.end()


def _pair_runs(gate: Gate) -> Iterator[tuple[int, int]]:
    """Where hex stands byte by byte."""
    if "bytes" in gate.marks:
        yield from (match.span() for match in _BYTES.finditer(gate.data))
    if "pairs" not in gate.marks:
        return
    place = 0
    while (place := gate.classes.find(PAIRS, place)) >= 0:
        match = _PAIRS.match(gate.data, place)
        if match is not None:
            yield match.span()
        place = place + 3 if match is None else match.end()


def _run(text: str, data: bytes, lines: list[tuple[int, int]], left: Callable[[], int]) -> Iterator[Piece]:
    characters = b"".join(data[start:end] for start, end in lines)
    some = False
    for found in _decode(characters, left):
        some = True
        yield _piece(text, found.kind, found.unpacked, _Blob(found, lines), lines[0][0])
    if not some and 1 < len(lines) <= _SHORT_LINES:
        for line in lines:
            if line[1] - line[0] >= RUN_MIN:
                yield from _run(text, data, [line], left)


def _decode(run: bytes, left: Callable[[], int]) -> Iterator[_Found]:
    """What ``run`` reads. Raises TooMuch after the last text when there was more."""
    classes, place = run.translate(_HEX_CLASSES), 0
    needle, hexed = b"h" * RUN_MIN, 0
    while (place := classes.find(needle, place)) >= 0:
        end = classes.find(b" ", place)
        end = len(run) if end < 0 else end
        even = end - (end - place & 1)
        yield from _texts("hex", binascii.unhexlify(run[place:even]), place, 2, 1, left())
        hexed += end - place
        place = end
    if len(run) - hexed < RUN_MIN:  # more may be base64 filled up with zeros, which are "AAAA" there
        return
    if run.count(b"-") * 4 >= len(run) and (match := _PAIRS.search(run)) is not None:
        data = binascii.unhexlify(b"".join(pair[1] for pair in _PAIR.finditer(run, *match.span())))
        yield from _texts("hex", data, match.start(), 3, 1, left())
        return
    if len(run) >= 32 and not run.translate(None, _BASE32):
        whole = len(run) - (1 if len(run) % 8 in (1, 3, 6) else 0)
        data = base64.b32decode(run[:whole] + b"=" * (-whole % 8))
        yield from _texts("base32", data, 0, 8, 5, left())
    url, standard = b"-" in run or b"_" in run, b"+" in run or b"/" in run
    if not url:
        yield from _base64("base64", run, 0, left)
    elif not standard:
        yield from _base64("base64url", run.translate(_URL_TO_STANDARD), 0, left)
    else:  # two things side by side: a path before a token, a name before a value
        taken = 0
        for part in _NO_STANDARD.finditer(run):
            if b"-" in part[0] or b"_" in part[0]:
                for found in _base64("base64url", part[0].translate(_URL_TO_STANDARD), part.start(), left):
                    yield found
                    taken = part.end()
        for part in _NO_URL.finditer(run, taken):
            yield from _base64("base64", part[0], part.start(), left)


def _texts(kind: str, data: bytes, begin: int, group: int, bytes_: int, limit: int) -> Iterator[_Found]:
    texts, over = unpack(data, limit)
    for one in texts:
        yield _Found(kind, begin, group, bytes_, one)
    if over:
        raise TooMuch


def _base64(kind: str, run: bytes, begin: int, left: Callable[[], int]) -> Iterator[_Found]:
    """Texts in ``run``. Where it doesn't begin on a group's first character, something else stands before it."""
    heads = run.translate(_HEADS)
    heads_min = _HEADS_MIN_LONG if len(run) > _LONG_CHARS else _HEADS_MIN
    longest, best, over = 0, list[_Found](), False
    for odd in range(4):
        if b"x" * (heads_min + (odd > 0)) not in heads[odd::4] and (
            odd or not promising(binascii.a2b_base64(run[:4]), len(run))
        ):
            continue
        part = run[odd:] if odd else run
        data = binascii.a2b_base64(part[: len(part) - (len(part) % 4 == 1)] + b"==")
        texts, more = unpack(data, left(), _STRETCH_MIN if odd else 0)
        total = sum(len(one.text) for one in texts)
        if total > longest:
            longest, best = total, [_Found(kind, begin + odd, 4, 3, one) for one in texts]
        over = over or more
        if not odd and (total * 4 >= len(data) * 3 or (texts and ">" in texts[0].kinds)):
            break
    yield from best
    if over:
        raise TooMuch
