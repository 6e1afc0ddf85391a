"""What every way out has in common: deliver rows, say which were refused, and say when all is surely there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from weir.audit.exports.row import Row

__all__ = ["Gone", "Refusals", "Refused", "Target", "Unavailable", "without"]

Refusals = list[tuple[int | None, str]]  # which row, and why; None: some row of these, the receiver does not say which


class Unavailable(Exception):
    """The receiver takes nothing at present. One line without anything of the rows. ``again_s``: when it said so."""

    def __init__(self, message: str, again_s: float | None = None) -> None:
        super().__init__(message)
        self.again_s = again_s


class Gone(Exception):
    """Whoever read this has had enough: an end, and no trouble."""


class Refused(Exception):
    """The receiver will not have these rows, now or ever. One line, as it put it. ``at``: which one, if it said."""

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message)
        self.at = at


class Target(Protocol):
    """A receiver. ``settle_s`` and ``settle_rows``: how long and how much may stay unsettled."""

    settle_s: float
    settle_rows: int

    def deliver(self, rows: Sequence[Row]) -> Refusals:
        """Send rows; index and reason of those that were refused. Raises Unavailable, OSError."""
        ...

    def settle(self) -> None:
        """Return when the receiver has all that was delivered. Raises Unavailable, OSError: then none of it counts."""
        ...

    def close(self) -> None:
        """Let go, whatever is under way."""
        ...


def without(rows: Sequence[Row], send: Callable[[Sequence[Row]], Refusals], proven: bool) -> Refusals:
    """Send rows and find out which of them the receiver refuses: index and reason.

    ``send`` raises Refused when it got nothing through because of some row; halves are tried then. A receiver that
    takes none of several rows, or has never taken any (``proven`` is false), is set up wrongly: Unavailable, so that
    not all there is ends among the refused.
    """
    said: list[int] = []
    found = _halves(rows, send, 0, said)
    unfit = {at for at, _ in found if at is not None} - set(said)  # that never went out
    if said and len(said) == len(rows) - len(unfit) and (len(said) > 1 or not proven):
        raise Unavailable(f"it refuses every row: {next(why for at, why in found if at == said[0])}")
    return found


def _halves(rows: Sequence[Row], send: Callable[[Sequence[Row]], Refusals], first: int, said: list[int]) -> Refusals:
    """``said`` takes the rows that the receiver itself refused."""
    if not rows:
        return []
    try:
        return [(at if at is None else first + at, why) for at, why in send(rows)]
    except Refused as error:
        if len(rows) == 1:
            said.append(first)
            return [(first, str(error))]
        if error.at is not None and 0 <= error.at < len(rows):
            before = _halves(rows[: error.at], send, first, said)
            said.append(first + error.at)
            after = _halves(rows[error.at + 1 :], send, first + error.at + 1, said)
            return [*before, (first + error.at, str(error)), *after]
    middle = len(rows) // 2
    return [*_halves(rows[:middle], send, first, said), *_halves(rows[middle:], send, first + middle, said)]
