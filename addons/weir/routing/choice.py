"""Where a request goes next: the policy's targets in their order, without those that have no sense any more. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from weir.waits import seconds

__all__ = [
    "UNANSWERED",
    "Next",
    "Said",
    "Tried",
    "cause_of_status",
    "more_useful",
    "retry_after",
    "told",
    "upcoming",
    "wanted",
]

UNANSWERED = ("connect", "reset", "timeout")
_WELL_OFF_MAX = 500
_KEY_REFUSED = 401


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt: where, with which of the company's keys (its label), and what came of it.

    ``outcome`` is a status, or `connect`, `reset`, `timeout`, `resting` (left out), `unanswered` (it was sent there).
    """

    host: str
    key: str
    outcome: str
    ms: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What a place that failed replied: its status, and the seconds after which to come again, if it said any."""

    status: int
    wait_s: float | None = None

    @property
    def tells(self) -> bool:
        """Whether it is anything for a client: a 401 is about the company's key."""
        return self.status != _KEY_REFUSED


@dataclass(frozen=True, slots=True)
class Next:
    """A target that may be tried: a host, and the name of a key (``""``: whichever is bound to it)."""

    index: int
    host: str
    key: str


def cause_of_status(status: int) -> str:
    """The word for a reply that is a failure of the place and not of the request; ``""`` for any other."""
    return str(status) if status in (401, 408, 429) or status >= _WELL_OFF_MAX else ""


def wanted(cause: str, on: Iterable[str]) -> bool:
    """Whether policy wants another attempt after ``cause`` (see `Tried.outcome`)."""
    return cause in on or (cause[:1] == "5" and "5xx" in on)


def upcoming(
    targets: Sequence[tuple[str, str]], used: Iterable[int], home: str, tried: Iterable[Tried]
) -> Iterator[Next]:
    """The targets that are left, in order. ``targets`` are (host, key's name), ``""`` for the host asked for, ``home``.

    A host that gave no answer at all is not asked again with another key.
    """
    dead = {one.host for one in tried if one.outcome in UNANSWERED}
    gone = set(used)
    for index, (host, key) in enumerate(targets):
        place = host or home
        if index not in gone and place not in dead:
            yield Next(index, place, key)


def told(tried: Sequence[Tried], answered: str) -> dict[str, str]:
    """What the audit says of the attempts; nothing where the first one did."""
    if not tried:
        return {}
    made = [one for one in tried if one.outcome != "resting"]
    words = [f"{one.host} {one.key} {one.outcome} {one.ms}ms" for one in tried]
    said = {"attempts": str(len(made) + bool(answered)), "attempted": "; ".join(words)}
    return {**said, "answered_by": answered} if answered else said


def retry_after(header: Callable[[str], str]) -> float | None:
    """The seconds a reply's `Retry-After` (or `retry-after-ms`) asks for; None when it says nothing usable."""
    exact = header("retry-after-ms").strip()
    if exact and exact[0].isdigit() and (wait := seconds(exact)) is not None:
        return wait / 1000
    return seconds(header("retry-after"))


def more_useful(before: Said | None, now: Said) -> Said:
    """Which of two replies tells a client more, where none of the places answered as it should.

    One that says when to come again, and of two such the one with the shorter wait: then one place has room. Otherwise
    the later one. A 401 is about the company's key, and nothing to tell.
    """
    if now.status == _KEY_REFUSED:
        return before or now
    if before is None or before.status == _KEY_REFUSED:
        return now
    if before.wait_s is None or now.wait_s is None:
        return before if now.wait_s is None and before.wait_s is not None else now
    return before if before.wait_s < now.wait_s else now
