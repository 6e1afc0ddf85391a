"""Connect, gRPC, gRPC-Web and plain protobuf: nobody here knows the schema, but every string in a message shows.

What is read so is marked `unparsed`, and policy decides what becomes of that; the strings are looked at all the same,
so that a credential in them is found. Nothing can be edited: a finding that would have to be taken out blocks.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Final, Self

from weir.model import Endpoint, Exchange, Inspection, Segment, Unparsed
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect
from weir.providers.replies.generic import generic_events
from weir.providers.replies.notes import Events
from weir.providers.replies.protoreading import ProtoReader
from weir.providers.requests.walk import KEY_SUFFIX
from weir.providers.wire.protobuf import Frames, Strings, from_text
from weir.providers.wire.values import compact

__all__ = ["Connect", "is_framed", "is_protobuf"]

PROTO: Final = "#proto"  # how pointers to what stands in a message begin: it is read, never edited
_ENVELOPED: Final = ("application/connect+", "application/grpc")
_PLAIN: Final = frozenset(
    {"application/proto", "application/protobuf", "application/x-protobuf", "application/x-proto"}
)
_SEEN: Final = "protobuf: only its strings were looked at"


def media_type(content_type: str) -> str:
    """The media type alone, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_framed(content_type: str) -> bool:
    """Whether bodies of this type are messages in envelopes: Connect's streams, gRPC and gRPC-Web."""
    return media_type(content_type).startswith(_ENVELOPED)


def is_protobuf(content_type: str) -> bool:
    """Whether bodies of this type are what this dialect reads."""
    return is_framed(content_type) or media_type(content_type) in _PLAIN


class Connect(BaseDialect):
    """Remote procedure calls whose messages are protobuf, or JSON where Connect allows it."""

    id = "connect"
    replies_editable = False

    def __init__(self) -> None:
        self._kind = ""

    def bound(self, headers: Sequence[tuple[str, str]]) -> Self:
        """The same dialect for the body that these request headers announce."""
        one = copy.copy(self)
        one._kind = next((value for name, value in headers if name.lower() == "content-type"), "")
        return one

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """Read a request body. Raises Unparsed only where it says to be JSON and is none."""
        if media_type(self._kind) == "application/json":
            return super().parse(body, endpoint)
        strings = Strings()
        reasons = dict.fromkeys((_SEEN, *take_body(strings, body, self._kind), strings.reason))
        segments = [Segment(f"{PROTO}{path}", "user", text) for path, text in strings.texts]
        if strings.rest:
            segments.append(Segment(f"{PROTO}/rest{KEY_SUFFIX}", "user", "\n".join(strings.rest)))
        return Exchange(
            endpoint,
            "",
            is_framed(self._kind),
            tuple(segments),
            inspection=Inspection.UNPARSED,
            reason="; ".join(filter(None, reasons)),
        )

    def replace(self, body: bytes, texts: Mapping[str, str]) -> bytes:
        """JSON as any; nothing in a message of protobuf. Raises Unparsed."""
        if texts and media_type(self._kind) != "application/json":
            raise Unparsed("protobuf can't be edited")
        return super().replace(body, texts)

    def events(self, exchange: Exchange) -> Events:
        """How a reply in JSON is read."""
        return generic_events()

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for messages; one for JSON where the reply says to be that, as errors do."""
        if not is_protobuf(content_type) and media_type(content_type):
            return super().reader(exchange, content_type, text, strip_usage)
        return ProtoReader(text, framed=is_framed(content_type), base64=media_type(content_type).find("-text") > 0)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """Connect's error body; gRPC clients read the status alone."""
        codes = {401: "unauthenticated", 429: "resource_exhausted"}
        code = codes.get(status, "unavailable" if status >= 500 else "permission_denied")
        return compact({"code": code, "message": self.say(message, rule_id)})

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The message that ends a stream of Connect with an error."""
        document = compact({"error": {"code": "permission_denied", "message": self.say(message, rule_id)}})
        return b"\x02" + len(document).to_bytes(4, "big") + document


def take_body(strings: Strings, body: bytes, content_type: str) -> list[str]:
    """Put the texts of a whole body into ``strings``; why that is not all, if it isn't."""
    reasons: list[str] = []
    if media_type(content_type).startswith("application/grpc-web-text"):
        made = from_text(body)
        if made is None:
            reasons.append("not base64")
        body = body if made is None else made
    if not is_framed(content_type):
        strings.take(body, "/0")
        return reasons
    frames = Frames()
    for number, frame in enumerate(frames.feed(body)):
        payload: bytes | None = frame.payload
        if frame.oversize:
            reasons.append("message over the limit")
        if frame.compressed:
            payload = strings.inflate(frame.payload)
        if payload is None:
            reasons.append("compressed in a way that could not be undone")
            payload = frame.payload
        take_message(strings, payload, f"/{number}", plain=frame.last or content_type.find("+json") > 0)
    if rest := frames.close():
        reasons.append("a message is cut")
        strings.take(rest, "/rest")
    return reasons


def take_message(strings: Strings, payload: bytes, path: str, *, plain: bool) -> None:
    """Put the texts of one message into ``strings``: as it stands where it is ``plain`` text."""
    if plain:
        strings.text(payload.decode("utf-8", "replace"), path)
    else:
        strings.take(payload, path)
