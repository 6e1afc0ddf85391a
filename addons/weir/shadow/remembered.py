"""Where AI services answered that nobody could tell by their requests: host, method and the form of the path."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Remembered"]

_PLACES_MAX = 2_000
_LASTS_S = 3600.0  # after the last reply that showed it; what was an accident is forgotten then
_SEGMENTS_MAX = 12
_SEGMENT_MAX = 32
_VARIES = re.compile(r"[0-9]|%")  # what has a digit in it is an id more often than a name; versions are kept
_VERSION = re.compile(r"v\d{1,2}\Z", re.I)


class Remembered:
    """A few thousand places, each for an hour. ``clock`` gives seconds that only grow. A look-up takes about ten µs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places: OrderedDict[tuple[str, str, str], tuple[float, int, str]] = OrderedDict()

    def note(self, host: str, method: str, path: str, score: int, kind: str) -> None:
        """A reply there has shown what it is: its points and its kind of AI."""
        place = host, method, _form(path)
        self._places[place] = self._clock() + _LASTS_S, score, kind
        self._places.move_to_end(place)
        if len(self._places) > _PLACES_MAX:
            self._places.popitem(last=False)

    def find(self, host: str, method: str, path: str) -> tuple[int, str] | None:
        """Points and kind of what answers there; None where nothing is known."""
        if not self._places:
            return None
        place = host, method, _form(path)
        found = self._places.get(place)
        if found is None:
            return None
        until, score, kind = found
        if self._clock() >= until:
            del self._places[place]
            return None
        return score, kind


def _form(path: str) -> str:
    """A path without its query, ids left out: ``/v1/chats/4711/ask`` and the next chat's are one place."""
    segments = [segment for segment in path.partition("?")[0].split("/", 64) if segment][:_SEGMENTS_MAX]
    return "/".join("*" if _is_id(segment) else segment.lower() for segment in segments)


def _is_id(segment: str) -> bool:
    return len(segment) > _SEGMENT_MAX or (_VARIES.search(segment) is not None and not _VERSION.match(segment))
