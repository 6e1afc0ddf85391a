"""MCP, the Model Context Protocol: JSON-RPC 2.0 between a program with a model in it and servers with tools for it.

Both generations are read: HTTP with one stream of events beside it (2024-11-05), and Streamable HTTP with its sessions
(2025-03-26, 2025-06-18, 2025-11-25) and without (2026-07-28). Servers are anywhere, so nothing here depends on a host:
see `signs`. What an exchange is shows in its body alone, and its operation is ``mcp.`` and the method.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from weir.model import Endpoint, Exchange, Inspection, Segment, Unparsed
from weir.ports import ReplyReader, TextMap
from weir.providers.formats.base import BaseDialect, scalars_of
from weir.providers.formats.mcp_events import McpEvents, McpReader
from weir.providers.replies.notes import Events
from weir.providers.requests.walk import KEY_SUFFIX, Walk
from weir.providers.wire.jsondoc import loads
from weir.providers.wire.sse import event_bytes
from weir.providers.wire.values import Json, JsonObject, compact, get_object, get_text

__all__ = ["HEADERS", "METHODS", "Mcp", "operation_of", "signs"]

# Of client and server, requests and notifications, in all revisions.
_NOTIFICATIONS: Final = (
    "initialized cancelled progress message roots/list_changed tools/list_changed prompts/list_changed "
    "resources/list_changed resources/updated elicitation/complete tasks/status"
)
_REQUESTS: Final = (
    "initialize ping tools/list tools/call resources/list resources/read resources/templates/list resources/subscribe "
    "resources/unsubscribe prompts/list prompts/get completion/complete sampling/createMessage elicitation/create "
    "roots/list logging/setLevel server/discover subscriptions/listen tasks/get tasks/list tasks/result tasks/cancel"
)
METHODS: Final = frozenset((*_REQUESTS.split(), *(f"notifications/{word}" for word in _NOTIFICATIONS.split())))
HEADERS: Final = frozenset({"mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name"})
_ARGUMENT: Final = "mcp-param-"  # of the revision without sessions: arguments repeated where proxies see them
_HEADER: Final = "#header/"
_ALONE: Final = frozenset({"initialize", "ping"})  # words that other protocols over JSON-RPC use too
_BATCH_MAX: Final = 1000
_VERB: Final = "mcp."
_FIXED: Final = frozenset({"/jsonrpc", "/method", "/id", "/params/name", "/params/protocolVersion"})


def signs(method: str, headers: Sequence[tuple[str, str]], body: bytes) -> str:
    """The operation of a request that is one of MCP by its headers or its body, ``mcp.…``; ``""`` when it is none.

    ``body`` is decoded. Cheap for what is no JSON-RPC; never raises.
    """
    named = any(name.lower() in HEADERS for name, _ in headers)
    if not body:
        verb = {"GET": "mcp.stream", "DELETE": "mcp.end"}.get(method.upper(), "mcp.other")
        return verb if named else ""
    if b"jsonrpc" not in body:
        return ""
    try:
        messages = _messages(loads(body))
    except Unparsed:
        return "mcp.other" if named else ""
    if not named and not any(_is_ours(message) for message in messages):
        return ""
    return operation_of(messages)


def operation_of(messages: Sequence[JsonObject]) -> str:
    """``mcp.`` and the method: ``batch`` for several, ``reply`` for an answer, ``other`` for one that is not known."""
    names = {_operation(message) for message in messages}
    return _VERB + (names.pop() if len(names) == 1 else "batch")


def _operation(message: JsonObject) -> str:
    method = message.get("method")
    if method is None and ("result" in message or "error" in message):
        return "reply"
    return method if isinstance(method, str) and method in METHODS else "other"


def _is_ours(message: JsonObject) -> bool:
    method = message.get("method")
    if method == "initialize":
        return "protocolVersion" in get_object(message, "params")
    return isinstance(method, str) and method in METHODS and method not in _ALONE


def _messages(document: Json) -> list[JsonObject]:
    """The messages of a body, one or a batch of them. Raises Unparsed when it is neither."""
    found = document if isinstance(document, list) else [document]
    messages = [message for message in found if isinstance(message, dict)]
    if not messages or len(messages) != len(found) or len(messages) > _BATCH_MAX:
        raise Unparsed("not a message of JSON-RPC")
    if any(message.get("jsonrpc") != "2.0" for message in messages):
        raise Unparsed("not a message of JSON-RPC 2.0")
    return messages


class Mcp(BaseDialect):
    """One message, or a batch of them, from a client of MCP."""

    id = "mcp"
    members: ClassVar = {
        "arguments": "tool",
        "result": "tool_result",
        "error": "tool_result",
        "messages": "user",
        "systemPrompt": "system",
        "tools": "tool_definition",
    }
    sections: ClassVar = {"result": "tool_result", "error": "tool_result"}
    scalars: ClassVar = {"protocolVersion": "protocol_version", "level": "level"}

    def __init__(self) -> None:
        self._said: tuple[Segment, ...] = ()

    def bound(self, headers: Sequence[tuple[str, str]]) -> Mcp:
        """The dialect for one request: arguments may stand in its headers once more, where nothing can edit them."""
        one = Mcp()
        found = [(n.lower(), v) for n, v in headers if n.lower().startswith(_ARGUMENT) or n.lower() == "mcp-name"]
        one._said = tuple(Segment(_HEADER + name[:64], "tool", value) for name, value in found[:64] if value)
        return one

    def parse(self, body: bytes, endpoint: Endpoint) -> Exchange:
        """Read a body. Its endpoint has the operation that the body names. Raises Unparsed, whatever the bytes."""
        document = loads(body)
        messages = _messages(document)
        walk = Walk(self.sections, self.types, self.members)
        # A result is its tool's, whatever role its parts claim: those are of the prompt that it is part of.
        segments: list[Segment] = []
        for at, message in enumerate(messages):
            start, pointer = len(walk.segments), f"/{at}" if isinstance(document, list) else ""
            walk.take(message, pointer)
            segments += _plain(walk.segments[start:], pointer)
        return Exchange(
            endpoint=replace(endpoint, dialect=self.id, operation=operation_of(messages)),
            model="",
            stream=False,
            segments=(*segments, *self._said),
            attachments=tuple(walk.attachments),
            tools=tuple(dict.fromkeys(name for message in messages for name in _called(message))),
            parameters=scalars_of(get_object(messages[0], "params"), self.scalars),
            inspection=Inspection.PARTIAL if walk.reasons else Inspection.INSPECTED,
            reason="; ".join(walk.reasons),
        )

    def events(self, exchange: Exchange) -> Events:
        """How the reply is read."""
        return McpEvents(exchange.tools if exchange.endpoint.operation in (f"{_VERB}tools/call", "mcp.batch") else ())

    def reader(
        self, exchange: Exchange, content_type: str, text: TextMap | None = None, strip_usage: bool = False
    ) -> ReplyReader:
        """A reader for one message, a batch, or a stream of them."""
        return McpReader(self.events(exchange), content_type, exchange.stream, text)

    def refusal(self, status: int, message: str, rule_id: str) -> bytes:
        """JSON-RPC's error; which request it answers shows by the answer's place."""
        error: JsonObject = {"code": -32000, "message": self.say(message, rule_id), "data": {"rule": rule_id}}
        return compact({"jsonrpc": "2.0", "id": None, "error": error})

    def abort_event(self, message: str, rule_id: str) -> bytes:
        """The error as the last message of a stream."""
        return b"\n\n" + event_bytes(self.refusal(403, message, rule_id), "message")


def _plain(segments: Iterable[Segment], pointer: str) -> Iterable[Segment]:
    """Without the protocol's own words; what a message would be another one by is read only."""
    for segment in segments:
        name = segment.pointer.removeprefix(pointer)
        if (name == "/jsonrpc" and segment.text == "2.0") or (name == "/method" and segment.text in METHODS):
            continue
        fixed = name in _FIXED
        yield replace(segment, pointer=segment.pointer + KEY_SUFFIX) if fixed else segment


def _called(message: JsonObject) -> Iterable[str]:
    """The tool that a message calls; the tools it offers to a model, where it asks for one."""
    params = get_object(message, "params")
    if message.get("method") == "tools/call" and (name := get_text(params, "name")):
        yield name[:256]
