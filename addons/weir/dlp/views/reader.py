"""All readings of a text: its normal one, and what its encoded stretches say, encodings within encodings included.

Every step is bounded, and a bound that was met is a reason: nothing that could hold a secret is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weir.dlp.core.patterns import Deadline, OutOfTime
from weir.dlp.core.prefilter import ANALYSER_ERRORS
from weir.dlp.views import blobs, odd, tokens
from weir.dlp.views.gate import bears_nothing, look
from weir.dlp.views.normal import normalised_view
from weir.dlp.views.unpack import TooMuch
from weir.dlp.views.view import Piece, View, pool

__all__ = ["DEFAULT", "Bounds", "Readings", "readings", "reads_plainly"]

LATE = "out of time"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far decoding goes for one text. ``chars`` of decoded text are allowed whatever the text's own length."""

    depth: int = 3  # encodings within each other
    ratio: float = 2.0  # decoded text, as a multiple of the text
    chars: int = 64 * 1024
    pieces: int = 20_000  # decoded stretches


DEFAULT = Bounds()


@dataclass(frozen=True, slots=True)
class Readings:
    """The views of a text; ``reason`` says why they are not all ("" when they are) and quotes nothing."""

    views: tuple[View, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class _Meter:
    """What may still be decoded of one text, and what was."""

    chars: int
    pieces: int
    deadline: Deadline | None
    reason: str = ""
    seen: set[str] = field(default_factory=set, repr=False)

    def left(self) -> int:
        """Characters that may still come out. Raises OutOfTime."""
        if self.deadline is not None:
            self.deadline.left()
        return self.chars

    def takes(self, piece: Piece) -> bool:
        """Whether ``piece`` is new and still fits. Raises OutOfTime, and TooMuch where there is no room for it."""
        if piece.text in self.seen:
            return False
        if len(piece.text) > self.left() or not self.pieces:
            raise TooMuch
        self.seen.add(piece.text)
        self.chars -= len(piece.text)
        self.pieces -= 1
        return True


def reads_plainly(text: str) -> bool:
    """Whether ``text`` has no reading but itself, as most that is short: the same as `readings`, at half its price.

    Raises one of ANALYSER_ERRORS.
    """
    return text.isascii() and normalised_view(text) is None and bears_nothing(text)


def readings(text: str, deadline: Deadline | None = None, bounds: Bounds = DEFAULT) -> Readings:
    """All views of ``text`` within ``bounds``. Does not raise: running out of time is a reason like the others."""
    views: list[View] = []
    meter = _Meter(max(int(bounds.ratio * len(text)), bounds.chars), bounds.pieces, deadline)
    try:
        normal = normalised_view(text, deadline)
        if normal is not None:
            views.append(normal)
        _undo(text if normal is None else normal.text, normal, views, meter, bounds.depth)
    except OutOfTime:
        meter.reason = LATE
    except TooMuch:
        meter.reason = "decoded text over the limit"
    except ANALYSER_ERRORS as error:
        meter.reason = f"{type(error).__name__} while looking for encoded text"
    return Readings(tuple(views), meter.reason)


def _undo(text: str, base: View | None, views: list[View], meter: _Meter, depth: int) -> None:
    """Add the views of what ``text`` (that of ``base``, if given) holds, level by level."""
    level: list[tuple[str, View | None]] = [(text, base)]
    for _ in range(depth):
        deeper: list[tuple[str, View | None]] = []
        try:
            for source, view in level:
                for one in _views(source, view, meter):  # one by one: the next may raise
                    deeper.append((one.text, one))
        finally:
            views += [view for _, view in deeper if view is not None]
        level = deeper
    for source, view in level:
        if view is not base and any(piece.text not in meter.seen for piece in _pieces(source, meter)):
            meter.reason = f"nested deeper than {depth}"
            return


def _views(source: str, base: View | None, meter: _Meter) -> Iterator[View]:
    kinds: dict[str, list[Piece]] = {}
    end: TooMuch | OutOfTime | None = None
    try:
        for piece in _pieces(source, meter):
            if meter.takes(piece):
                kinds.setdefault(piece.kind, []).append(piece)
    except (TooMuch, OutOfTime) as error:
        end = error  # what was decoded so far is looked at all the same
    outer = base.kind + ">" if base is not None and base.kind != "normal" else ""
    for kind, pieces in kinds.items():
        view = pool(pieces, outer + kind, base)
        normal = normalised_view(view.text, meter.deadline if end is None else None)
        yield view if normal is None else normal.over(view)
    if end is not None:
        raise end


def _pieces(source: str, meter: _Meter) -> Iterator[Piece]:
    gate = look(source)
    yield from tokens.pieces_of(source, gate.marks, gate.places)
    yield from odd.pieces_of(source, gate)
    yield from blobs.pieces_of(source, gate, meter.left)
