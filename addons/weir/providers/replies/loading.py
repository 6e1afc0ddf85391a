"""From the bytes of one event to a JSON object, with an end to the time that events take which are none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from weir.model import Inspection, Unparsed
from weir.providers.wire.framing import is_crowded
from weir.providers.wire.jsondoc import loads_reply
from weir.providers.wire.values import JsonObject

__all__ = ["BOM", "ODD_MAX", "SHORT_BYTES", "Loader"]

BOM: Final = b"\xef\xbb\xbf"
ODD_MAX: Final = 4000
SHORT_BYTES: Final = 64


class Loader:
    """Reads the events of one reply. ``unread`` is told of what is not looked at, ``mark`` of what is no object."""

    def __init__(self, mark: Callable[[Inspection, str], None], unread: Callable[[Inspection, str], None]) -> None:
        self._mark = mark
        self._unread = unread
        self._odd = 0  # events that were none, or said nothing

    def load(self, data: bytes) -> JsonObject | None:
        """The object that ``data`` is; None, and the reason told, when it is none or has too many parts."""
        if is_crowded(data):
            self._unread(Inspection.PARTIAL, "too many texts")
            return None
        why = "event: not a JSON object"
        try:
            doc = loads_reply(data.removeprefix(BOM))
        except Unparsed as error:
            doc, why = None, f"event: {error}"
        self._odd += not doc or not isinstance(doc, dict)
        if isinstance(doc, dict):
            return doc
        self._mark(Inspection.PARTIAL, why)
        return None

    def worn(self, data: bytes) -> bool:
        """Whether so many events were none that another short one is not worth the time: each takes as long as any."""
        if self._odd <= ODD_MAX or len(data) > SHORT_BYTES:
            return False
        self._unread(Inspection.PARTIAL, "too many events that are none")
        return True
