"""Reads replies in protobuf: their strings are looked at as they pass, and their bytes are never changed."""

from __future__ import annotations

from typing import Final

from weir.model import Inspection, Reply
from weir.ports import WHOLE, TextMap, Watch
from weir.providers.replies.notes import Notes
from weir.providers.wire.protobuf import FRAME_BYTES_MAX, Frame, Frames, Inflater, Strings, from_text

__all__ = ["ProtoReader"]

_SEEN: Final = "protobuf: only its strings were looked at"


class ProtoReader:
    """The `ReplyReader` of Connect, gRPC and plain protobuf. No bytes make it raise.

    Strings at the same place of one message after the other are one text to whoever watches: that is how text is
    streamed.
    """

    def __init__(self, text: TextMap | None, *, framed: bool, base64: bool = False) -> None:
        self._map = text
        self._watch = text if isinstance(text, Watch) else None
        self._framed = framed and not base64
        self._base64 = base64
        self._frames = Frames()
        self._inflate = Inflater()
        self._whole = bytearray()
        self._notes = Notes()
        self._notes.mark(Inspection.UNPARSED, _SEEN)
        self._channels: set[str] = set()
        self._closed = False

    def feed(self, data: bytes) -> bytes:
        """Take reply bytes; return them, or nothing once the reply is stopped."""
        if self._closed:
            return data
        if self._framed:
            for frame in self._frames.feed(data):
                self._frame(frame)
                if self._stopped():
                    return b""
        elif len(self._whole) <= FRAME_BYTES_MAX:
            self._whole += data[: FRAME_BYTES_MAX + 1 - len(self._whole)]
        return b"" if self._stopped() else data

    def close(self) -> bytes:
        """The reply has ended."""
        if self._closed or self._stopped():
            return b""
        self._closed = True
        if self._framed:
            if rest := self._frames.close():
                self._unread("a message is cut")
                self._message(rest)
        else:
            self._body(bytes(self._whole))
        for channel in sorted(self._channels):
            if self._map is not None:
                self._map.flush(channel)
        return b""

    def reply(self) -> Reply:
        """What is known so far."""
        return self._notes.reply()

    def work(self, size: int, *, end: bool) -> int:
        """How many bytes the next ``size`` bytes, or the end, would make this read."""
        if self._framed:
            return self._frames.held + size
        return len(self._whole) if end else 0

    def ending(self, event: bytes, document: bytes) -> bytes:
        """What ends a stream of messages in the middle: ``event``, which is one."""
        return event if self._framed else b""

    def _stopped(self) -> bool:
        return self._watch is not None and self._watch.stopped

    def _unread(self, reason: str) -> None:
        self._notes.mark(Inspection.UNPARSED, reason)
        if self._watch is not None:
            self._watch.unread(reason)

    def _body(self, data: bytes) -> None:
        if len(data) > FRAME_BYTES_MAX:
            self._unread("message over the limit")
        if not self._base64:
            return self._message(data)
        made = from_text(data)
        if made is None:
            self._unread("not base64")
            return self._message(data)
        frames = Frames()
        for frame in frames.feed(made):
            self._frame(frame)
        return self._message(frames.close())

    def _frame(self, frame: Frame) -> None:
        payload: bytes | None = frame.payload
        if frame.oversize:
            self._unread("message over the limit")
        if frame.compressed:
            payload = self._inflate(frame.payload)
            if payload is None:
                self._unread("compressed in a way that could not be undone")
        if frame.last:
            self._notes.complete = True
            self._say("/end", (payload or b"").decode("utf-8", "replace"))
        elif payload:
            self._message(payload)

    def _message(self, data: bytes) -> None:
        strings = Strings(self._inflate)
        strings.take(data, "")
        if strings.reason:
            self._unread(strings.reason)
        for path, text in strings.texts:
            self._say(path, text)
        if strings.rest:
            self._say("/rest", "\n".join(strings.rest))

    def _say(self, path: str, text: str) -> None:
        self._notes.keep(text)
        if self._map is None or not text:
            return
        # By itself, where what stands before it is another text; and as what goes on from message to message.
        whole = WHOLE + path
        self._map.feed(whole, text)
        self._map.flush(whole)
        if self._framed:
            self._map.feed(path, text)
            self._channels.add(path)
