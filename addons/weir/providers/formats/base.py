"""What all JSON dialects share: reading a request by a table of roles, editing it, and choosing a reply reader."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from weir.model import Endpoint, Exchange, Inspection, Unparsed, Usage
from weir.ports import ReplyReader, TextMap
from weir.providers.replies.notes import Events
from weir.providers.replies.runs import RunReader
from weir.providers.requests.walk import KEY_SUFFIX, Walk
from weir.providers.wire.framing import compact
from weir.providers.wire.jsondoc import loads, splice
from weir.providers.wire.sse import event_bytes
from weir.providers.wire.values import JsonObject, get_list, get_object, get_text
from weir.providers.wire.words import plausible_model

__all__ = ["BaseDialect", "compact"]


class BaseDialect(ABC):
    """A JSON dialect as tables. Subclasses give the tables, the events of a reply and the shapes of an error."""

    id: str = ""
    # top-level member → role of its texts; what is not named is a `parameter`
    sections: ClassVar[Mapping[str, str]] = {}
    # type of an object, or member, → role of everything below
    types: ClassVar[Mapping[str, str]] = {}
    members: ClassVar[Mapping[str, str]] = {}
    # member → name among Exchange.parameters
    scalars: ClassVar[Mapping[str, str]] = {}
    # whether texts of a reply can be changed on their way; where not, what would have to be blocks
    replies_editable: bool = True

    def bound(self, headers: Sequence[tuple[str, str]]) -> BaseDialect:
        """The dialect for a body that these request headers announce; the same one where they don't matter."""
        return self

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """Read a decoded request body. Raises Unparsed, and nothing else, whatever the bytes."""
        document = loads(body)
        if not isinstance(document, dict):
            raise Unparsed("not a JSON object")
        return self.read(document, endpoint)

    def read(self, document: JsonObject, endpoint: Endpoint) -> Exchange:
        """Read a body that is a document already, or a document within one: pointers begin where it begins."""
        walk = Walk(self.sections, self.types, self.members)
        walk.take(document)
        for reason in self.unseen(document):
            walk.partial(reason)
        stream = endpoint.stream or document.get("stream") is True
        return Exchange(
            endpoint=endpoint,
            # Where the path names the model, the body may say anything.
            model=plausible_model(endpoint.model) or plausible_model(get_text(document, "model")),
            stream=stream,
            segments=tuple(walk.segments),
            attachments=tuple(walk.attachments),
            tools=tuple(dict.fromkeys(self.tools(document))),
            parameters=self.parameters(document),
            inspection=Inspection.PARTIAL if walk.reasons else Inspection.INSPECTED,
            reason="; ".join(walk.reasons),
            asks_usage=self.reports_usage(document, endpoint, stream),
        )

    def unseen(self, document: JsonObject) -> Iterable[str]:
        """Why something of the request is not in the body, beyond what the common rules find; may give ``""``."""
        return ()

    def tools(self, document: JsonObject) -> Iterable[str]:
        """Names of the tools on offer; a built-in tool goes by its type."""
        for tool in get_list(document, "tools"):
            name = get_text(get_object(tool, "function"), "name") or get_text(tool, "name")
            name = name or get_text(tool, "server_label") or get_text(tool, "type")
            if name:
                yield name

    def parameters(self, document: JsonObject) -> dict[str, str | int | float | bool]:
        """Scalar settings under common names; numbers are finite, words short."""
        return scalars_of(document, self.scalars)

    def reports_usage(self, document: JsonObject, endpoint: Endpoint, stream: bool) -> bool:
        """True when the reply will carry usage as asked."""
        return True

    def replace(self, body: bytes, texts: Mapping[str, str]) -> bytes:
        """Set the strings at the given pointers; every other byte stays. Raises Unparsed when one can't be set."""
        if any(pointer.endswith(KEY_SUFFIX) for pointer in texts):
            raise Unparsed("a member name can't be edited")
        return splice(body, texts)

    def ask_usage(self, body: bytes) -> bytes | None:
        """None: this format reports usage by itself."""
        return None

    @abstractmethod
    def events(self, exchange: Exchange) -> Events:
        """How the events of one reply are read."""

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for the reply; see `weir.ports.Dialect`."""
        return RunReader(self.events(exchange), content_type, exchange.stream, text, strip_usage)

    def header_usage(self, headers: Mapping[str, str]) -> Usage | None:
        """None: this format reports usage in its bodies."""
        return None

    def refusal_headers(self, status: int) -> Mapping[str, str]:
        """None beside those that every refusal has."""
        return {}

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """OpenAI's error body, which most providers have taken over."""
        return compact({"error": self.error(status, message, rule_id)})

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """An SSE event with the error; the blank line before it ends whatever event was cut."""
        return b"\n\n" + event_bytes(self.refusal(403, message, rule_id))

    @staticmethod
    def say(message: str, rule_id: str) -> str:
        """The message a person reads, with the rule to ask about."""
        return f"{message} (weir rule: {rule_id})" if rule_id else message

    def error(self, status: int, message: str, rule_id: str) -> JsonObject:
        """The error object in OpenAI's shape."""
        kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        return {
            "message": self.say(message, rule_id),
            "type": kind.get(status, "server_error" if status >= 500 else "invalid_request_error"),
            "param": None,
            "code": rule_id,
        }


def scalars_of(document: JsonObject, names: Mapping[str, str]) -> dict[str, str | int | float | bool]:
    """The finite numbers, booleans and short words at ``names``, under the names these map to."""
    found: dict[str, str | int | float | bool] = {}
    for key, name in names.items():
        value = document.get(key)
        if value is None:
            continue  # as nearly all: a request names few of them
        if isinstance(value, float):
            value = float(value)  # without how it was written
            usable = math.isfinite(value)
        elif isinstance(value, str):
            usable = len(value) <= 24 and value.replace("_", "").isalpha()
        else:
            usable = isinstance(value, int)
        if usable and not isinstance(value, dict | list):
            found[name] = value
    return found
