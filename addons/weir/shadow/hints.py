"""Hints of AI use in connections that are not decrypted: their rhythm alone. Never facts."""

from __future__ import annotations

__all__ = ["Rhythm"]

# One turn: something went up, then a reply came in many small pieces, steadily but not like a clock, and ended.
_ASKED_MIN = 300  # bytes: a request with its heads; an acknowledgement or a ping is less
_ASIDE_MAX = 120  # bytes: windows and pings of HTTP/2 go up in the middle of a reply
_PAUSE_S = 3.0  # what comes after a longer pause is not the same reply
_PIECES_MIN = 40
_PIECE_MAX = 700  # bytes of a small piece: an event with a token or a few, encrypted
_SMALL_SHARE = 0.85
_LASTS_S = (1.5, 240.0)
_MEAN_BYTES = (60, 600)
_MEAN_GAP_S = (0.006, 0.35)
_CLOCK = 0.1  # the gaps' deviation over their mean: below it something ticks


class Rhythm:
    """Fed with the pieces of one connection as they pass; keeps a few numbers of the turn going on, no history.

    The first turn of a connection is its handshake and counts for nothing. ``feed`` takes less than a microsecond.
    ``hint`` is best asked when the connection has ended: what is going on is judged as if it ended here.
    """

    __slots__ = ("_asides", "_asked", "_bytes", "_first", "_gaps2", "_last", "_pieces", "_small", "_turns", "_why")

    def __init__(self) -> None:
        self._turns = 0
        self._why = ""
        self._asked = 0
        self._last = 0.0
        self._clear()

    def feed(self, direction: str, size: int, seconds: float) -> None:
        """A piece of ``size`` bytes went ``up`` or came ``down`` at ``seconds`` of a clock that never goes back."""
        if direction == "down":
            gap = seconds - self._last
            if self._pieces:
                if gap > _PAUSE_S:
                    self._end()
                    self._asked = 0
                else:
                    self._gaps2 += gap * gap
            if not self._pieces:
                self._first = seconds
            self._pieces += 1
            self._bytes += size
            if size <= _PIECE_MAX:
                self._small += 1
            self._last = seconds
        elif self._pieces:
            if size <= _ASIDE_MAX:
                self._asides += 1
                return
            self._end()
            self._asked = size
        elif self._asked:  # nothing before the handshake's first answer
            self._asked += size

    def hint(self) -> str:
        """Why this could be AI use, in figures; "" when nothing hints at it."""
        why, turns = (self._tell(), self._turns + 1) if self._fits() else (self._why, self._turns)
        return f"{why}, {turns} times" if turns > 1 else why

    def _end(self) -> None:
        if self._fits():
            self._turns += 1
            self._why = self._tell()
        self._clear()

    def _clear(self) -> None:
        self._pieces = self._small = self._bytes = self._asides = 0
        self._first = self._gaps2 = 0.0

    def _fits(self) -> bool:
        pieces = self._pieces
        if pieces < _PIECES_MIN or self._asked < _ASKED_MIN or self._small < pieces * _SMALL_SHARE:
            return False
        lasted = self._last - self._first
        gap = lasted / (pieces - 1)
        if not (_LASTS_S[0] <= lasted <= _LASTS_S[1] and _MEAN_GAP_S[0] <= gap <= _MEAN_GAP_S[1]):
            return False
        if not _MEAN_BYTES[0] <= self._bytes / pieces <= _MEAN_BYTES[1] or self._asides > pieces / 2:
            return False
        deviation2 = self._gaps2 / (pieces - 1) - gap * gap
        return deviation2 >= (gap * _CLOCK) ** 2

    def _tell(self) -> str:
        lasted = self._last - self._first
        return f"a reply of {self._pieces} small pieces ({self._bytes} bytes) in {lasted:.1f} s after one upload"
