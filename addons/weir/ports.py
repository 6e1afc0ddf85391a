"""The Protocols by which one concern lends another its ability: an object travels, no import does.

Floor 0, beside `weir.model`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

from weir.model import Action, Endpoint, Exchange, Finding, Reply, Segment, Usage

__all__ = ["ECHO", "WHOLE", "Dialect", "Hearer", "Masker", "ReplyReader", "TextMap", "Watch"]


class TextMap(Protocol):
    """A text transformation that may hold back a tail: how pseudonyms come back inside a stream."""

    def feed(self, channel: str, text: str) -> str:
        """Take the next text of ``channel`` (one content block, one tool call's arguments) and return what may go."""

    def flush(self, channel: str) -> str:
        """Return what is still held back for ``channel``; it ends here."""


class ReplyReader(Protocol):
    """Reads one reply as it comes. What it does must not depend on how the bytes are cut into chunks."""

    def feed(self, data: bytes) -> bytes:
        """Take decoded reply bytes; return the bytes for the client (the same ones unless something is edited)."""

    def close(self) -> bytes:
        """The reply has ended; return what is still to be sent."""

    def reply(self) -> Reply:
        """What is known so far."""


class Dialect(Protocol):
    """One wire format: how its requests are read and edited, how its replies are read, how it says no."""

    id: str
    replies_editable: bool  # texts of replies can be changed on their way

    def bound(self, headers: Sequence[tuple[str, str]]) -> Dialect:
        """The dialect for a body that these request headers announce; the same one where they don't matter."""

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """Read a decoded request body. Raises Unparsed, and nothing else, whatever the bytes."""

    def replace(self, body: bytes, texts: Mapping[str, str]) -> bytes:
        """Set the strings at the given JSON pointers; every other byte of ``body`` stays as it was."""

    def ask_usage(self, body: bytes) -> bytes | None:
        """``body`` changed so that the stream will report usage; None when there is nothing to ask."""

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for the reply. ``text`` maps its texts on their way; ``strip_usage`` drops the usage-only event."""

    def header_usage(self, headers: Mapping[str, str]) -> Usage | None:
        """What the reply's headers (looked up by lower-case name) report as used; None when they don't say."""

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """A JSON error body in the provider's own shape, so that its SDK raises its normal exception."""

    def refusal_headers(self, status: int) -> Mapping[str, str]:
        """Headers that the provider's SDK needs beside that body."""

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """Bytes that end a stream with the provider's error event."""


class Masker(Protocol):
    """DLP's ability to change texts, lent to policy for one exchange."""

    def edits(
        self, segments: Sequence[Segment], findings: Sequence[Finding], treatments: Sequence[Action]
    ) -> Mapping[str, str]:
        """New texts by pointer for all segments that a REDACT or PSEUDONYMISE treatment changes."""

    def restorer(self) -> TextMap | None:
        """Undoes the pseudonyms issued in this conversation; None when there are none."""


WHOLE: Final = "whole/"  # channels with this prefix hold one text, given complete
ECHO: Final = "whole/echo/"  # and those with this one what the client itself had sent


class Hearer(ABC):
    """A `TextMap` that changes nothing and takes a text that stands complete in one go."""

    @abstractmethod
    def whole(self, text: str, *, echo: bool) -> None:
        """Take it, as `TextMap.feed` and `TextMap.flush` of a channel of its own; ``echo``: the client had sent it."""


@runtime_checkable
class Watch(TextMap, Protocol):
    """Looks at the texts of a reply as they pass, changes them, or stops the reply."""

    edits: bool  # whether texts may come back changed or later; if not, bytes pass as they come
    acts: bool  # whether it may stop the reply
    stopped: bool  # nothing more may go to the client

    def unread(self, reason: str) -> None:
        """Something of the reply can't be looked at. ``reason`` quotes nothing."""
