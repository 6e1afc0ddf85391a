"""Says at 0.2 ms per 100 KB which disguises a text can hold at all, so that only those are looked for.

Two passes: one by Hyperscan for the marks that encodings leave, one that makes a character its class, in which long
runs and even spacing are a plain search for bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import hyperscan

from weir.dlp.core.compiled import Store, compiled
from weir.frozen import quick

__all__ = ["PAIRS", "RUN", "RUN_MIN", "SPACED", "Gate", "bears_nothing", "look", "prepare"]

RUN_MIN = 24  # characters: eighteen bytes in base64, twelve in hex
_LENGTH_MIN = 8  # characters; in less there is no secret
_SHORT = 256  # bytes in which two plain searches are sooner done than one by Hyperscan
RUN = b"x" * RUN_MIN
SPACED = b"x " * 12 + b"x"
PAIRS = b"xx " * 7 + b"xx"

_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-")
_APART = frozenset(b" .,|*\t\n\r:;")
_CLASSES = bytes(ord("x") if code in _WORD else ord(" ") if code in _APART else ord("~") for code in range(256))

_KEY = rb"[A-Za-z0-9_+/=.-]"
_SIDE = rb"[A-Za-z0-9_+/=.%\\&#;:@!$*?~^|-]"
_MARKS: tuple[tuple[str, bytes], ...] = (
    ("url", rb"%(?:25)*(?:[2-7][0-9A-Fa-f]|u00[2-7]|[eE]2%8[01]|[eE][fF]%[bB][bBcC])"),
    ("escapes", rb"\\(?:[uU]|x[2-7][0-9A-Fa-f]|[01][0-7][0-7]|[nrtbf][A-Za-z0-9_+/.-]{16}|[\"'][ ]{0,4}[:=])"),
    ("escapes", rb"[:=] ?\\+[\"']|:\\+/\\+/"),
    ("html", rb"&(?:amp;)*(?:#[xX0-9]|(?:quot|apos);[ ]{0,4}[:=])|[:=] ?&(?:quot|apos);"),
    ("html", rb"&(?:amp;)*(?:hyphen|dash|lowbar|UnderBar|period|colon|equals|sol|plus|commat|num|bsol|shy|Zero)"),
    ("concat", _SIDE + rb"[\"'`]\s{0,40}(?:[+.&~\\]|\.\.|\|\||<>)?\s{0,40}[bfru]{0,2}[\"'`]" + _SIDE),
    ("list", _SIDE + rb"[\"'`]\s{0,40},\s{0,40}[bfru]{0,2}[\"'`]" + _SIDE),
    ("joined", rb"(?:join|concat|implode)\s{0,3}\("),
    ("quoted", rb"[A-Za-z0-9_+/.-](?:=\r?\n[A-Za-z0-9_+/=.-]|=(?:2D|5F|2E|40)[A-Za-z0-9])"),
    ("bytes", rb"0[xX][0-9A-Fa-f]{2}[ :,;|\t]{1,4}0[xX][0-9A-Fa-f]{2}[ :,;|\t\r\n]{1,16}0[xX]"),
    ("reversed", rb"[A-Za-z0-9_-]{16}(?:-ks|_ks|A[IS]KA|_[pousr]hg|_tap_buhtig|azIA|-talpg|-[bpar]xox|_evil_|_ksg)"),
    ("rot13", rb"(?:fx-|fx_|NXVN|NFVN|[tT]u[cbhfe]_|tvguho_cng_|NVmn|tycng-|kbk[bpc]-|tfx_|_yvir_)[A-Za-z0-9_-]{16}"),
)
_PLACED = ("concat", "list")  # in a quarter of all program text, and `re` would look at every quotation mark for them
_PLACES_MAX = 3000  # more are of lists of short words, in which hardly a blank is without one
# Read off the classes: a character and a gap in turn, bytes that stand apart.
_SHAPES: tuple[tuple[str, bytes], ...] = (
    ("spaced", rb"(?:x ){12}x"),
    ("pairs", rb"(?:xx ){7}xx"),
)


@quick
@dataclass(frozen=True, slots=True)
class Gate:
    """What a first look at a text showed. ``data`` is the text with one byte a character, ``classes`` their classes:
    ``x`` of words, space of what stands between, ``~`` of the rest. ``places`` are the ends of all cuts by quotes, by
    mark and in order; a mark that is not in there may be anywhere."""

    marks: frozenset[str]
    data: bytes
    classes: bytes
    places: Mapping[str, Sequence[int]] = field(default_factory=dict)


class _Net:
    """Patterns of which is asked whether each is anywhere in a text, of those ``placed`` also where. Safe to use from
    several threads."""

    def __init__(
        self, patterns: tuple[tuple[str, bytes], ...], placed: tuple[str, ...] = (), store: Store | None = None
    ) -> None:
        self._placed = placed
        self._marks = [mark for mark, _ in patterns]
        made = compiled(
            {
                number: (pattern, hyperscan.HS_FLAG_DOTALL | (0 if mark in placed else hyperscan.HS_FLAG_SINGLEMATCH))
                for number, (mark, pattern) in enumerate(patterns)
            },
            store,
        )
        if len(made.accepted) < len(patterns):
            raise hyperscan.CompilerError("a mark's pattern is not taken")
        assert made.database is not None
        self._made = made  # in use as long as this is
        self._database = made.database
        self._threads = threading.local()

    def marks(self, data: bytes, found: set[str], places: dict[str, list[int]]) -> bool:
        """Add to ``found`` the marks that ``data`` bears, and to ``places`` where the placed ones end.

        False, and nothing is certain, when there are too many places.
        """
        scratch: hyperscan.Scratch | None = getattr(self._threads, "scratch", None)
        if scratch is None:
            scratch = self._threads.scratch = hyperscan.Scratch(self._database)

        left = _PLACES_MAX

        def note(number: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
            nonlocal left
            mark = self._marks[number]
            found.add(mark)
            if mark not in self._placed:
                return None
            places.setdefault(mark, []).append(end)
            left -= 1
            return None if left else True

        try:
            self._database.scan(data, match_event_handler=note, scratch=scratch)
        except hyperscan.ScanTerminated:
            if left:
                raise  # it was not we who ended it
        return left > 0

    def any(self, data: bytes) -> bool:
        """Whether ``data`` bears a mark at all."""
        scratch: hyperscan.Scratch | None = getattr(self._threads, "scratch", None)
        if scratch is None:
            scratch = self._threads.scratch = hyperscan.Scratch(self._database)
        found: list[int] = []

        def note(number: int, _start: int, _end: int, _flags: int, _context: object) -> bool:
            found.append(number)
            return True  # one is enough

        try:
            self._database.scan(data, match_event_handler=note, scratch=scratch)
        except hyperscan.ScanTerminated:
            if not found:
                raise  # it was not we who ended it
        return bool(found)


_made: list[tuple[_Net, _Net, _Net]] = []
_making = threading.Lock()


def prepare(store: Store | None = None) -> None:
    """Compile what every look needs, unless that has been done: 0.2 s, or next to nothing if ``store`` has it."""
    with _making:
        if not _made:
            _made.append((_Net(_MARKS, _PLACED, store), _Net(_MARKS, store=store), _Net(_SHAPES, store=store)))


def _nets() -> tuple[_Net, _Net, _Net]:
    if not _made:
        prepare()
    return _made[0]


def bears_nothing(text: str) -> bool:
    """Whether one look at ``text``, which is ASCII, would show no mark and no long run. Raises hyperscan's errors."""
    data = text.encode("ascii")
    if len(data) < _LENGTH_MIN:
        return True
    classes = data.translate(_CLASSES)
    if RUN in classes:
        return False
    _, marks, shapes = _nets()
    if len(data) > _SHORT:
        return not (shapes.any(classes) or marks.any(data))
    return not (SPACED in classes or PAIRS in classes or marks.any(data))


def look(text: str) -> Gate:
    """One look at ``text``. Raises hyperscan's errors."""
    data = text.encode("ascii", "replace")
    classes = data.translate(_CLASSES)
    found: set[str] = set()
    places: dict[str, list[int]] = {}
    if len(data) >= _LENGTH_MIN:
        placing, marks, shapes = _nets()
        if not placing.marks(data, found, places):
            marks.marks(data, found, places)
            places.clear()
        shapes.marks(classes, found, places)
    return Gate(frozenset(found), data, classes, places)
