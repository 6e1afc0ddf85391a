"""AWS's event stream around somebody else's: messages carry pieces of a stream in another framing, cut anywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from weir.model import Inspection, Reply
from weir.ports import TextMap
from weir.providers.replies.eventreading import EventStreamReader
from weir.providers.replies.notes import Events
from weir.providers.replies.reading import EventReader
from weir.providers.wire.eventstream import Message, message_bytes, with_payload
from weir.providers.wire.framing import FIELD_STARTS

__all__ = ["PayloadReader"]

_PART: Final = "PayloadPart"
_HEADERS: Final = {":event-type": _PART, ":content-type": "application/octet-stream", ":message-type": "event"}
_SPACE: Final = b" \t\r\n"
_RANK: Final = (Inspection.INSPECTED, Inspection.PARTIAL, Inspection.UNPARSED)


class PayloadReader(EventStreamReader):
    """Reads what all payloads together are: events, lines of JSON, or one document."""

    def __init__(self, events: Events, content_type: str, stream: bool, text: TextMap | None = None) -> None:
        super().__init__(events, content_type, stream, text)
        self._inner_events = events
        self._text = text
        self._inner: EventReader | None = None

    def reply(self) -> Reply:
        """What is known so far, of either framing."""
        outer = super().reply()
        if self._inner is None:
            return outer
        inner = self._inner.reply()
        reasons = dict.fromkeys(filter(None, (*outer.reason.split("; "), *inner.reason.split("; "))))
        worst = max(outer.inspection, inner.inspection, key=_RANK.index)
        ended = outer.finish_reason or inner.finish_reason
        return replace(inner, inspection=worst, reason="; ".join(reasons), finish_reason=ended)

    def _message(self, message: Message) -> bytes:
        part = not message.fault and message.headers.get(":event-type") == _PART
        if not part or not message.payload.strip(_SPACE):
            return super()._message(message) if not part else message.raw
        inner = self._inner or self._begun(message.payload.lstrip(_SPACE)[:1])
        made = inner.feed(message.payload)
        if made == message.payload:
            return message.raw
        return with_payload(message, made) if made else b""

    def _begun(self, first: bytes) -> EventReader:
        kind = "text/event-stream" if first in FIELD_STARTS else "application/x-ndjson" if first == b"{" else ""
        self._inner = EventReader(self._inner_events, kind, True, self._text)
        return self._inner

    def _close(self) -> bytes:
        # What the inner stream still holds has to go before anything that was cut off.
        rest = self._inner.close() if self._inner is not None else b""
        between = self._framing != "messages" or self._cutter.between
        return (message_bytes(_HEADERS, rest) if rest and between else b"") + super()._close()
