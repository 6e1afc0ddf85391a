"""Signs of the protocols that agents speak: MCP of both generations, and A2A by JSON-RPC and by REST."""

from __future__ import annotations

import re
from typing import Any

from weir.shadow.signs import Signal, first

__all__ = ["a2a_message", "a2a_reply", "agent_card", "rpc_reply", "rpc_shape"]

_MCP_METHODS = re.compile(
    r"(initialize|ping|tools/(list|call)|resources/(list|read|templates/list|subscribe|unsubscribe)|"
    r"prompts/(list|get)|completion/complete|sampling/createMessage|elicitation/create|roots/list|logging/setLevel|"
    r"server/discover|subscriptions/listen|notifications/(initialized|cancelled|progress|message|elicitation/complete|"
    r"resources/updated|\w+/list_changed))\Z"
)
_A2A_METHODS = re.compile(
    r"((Send(Streaming)?Message|(Get|List|Cancel|SubscribeTo)Tasks?|(Create|Get|List|Delete)TaskPushNotificationConfigs?"
    r"|GetExtendedAgentCard)|message/(send|stream)|tasks/(get|list|cancel|resubscribe|pushNotificationConfig/\w+)|"
    r"agent/getAuthenticatedExtendedCard)\Z"
)
# What the stateless generation (2026-07-28) says in every request instead of once in a handshake.
_META = "io.modelcontextprotocol/"
_ROLES = frozenset({"user", "agent", "ROLE_USER", "ROLE_AGENT"})
_ARGUMENTS = frozenset({"message", "id", "taskId", "contextId"})
_PARTS = frozenset({"text", "file", "data", "kind", "raw", "url"})

_MCP_CALL = Signal("mcp-call", 45, "mcp")
_MCP_RESULT = Signal("mcp-result", 45, "mcp")
_MCP_LISTING = Signal("mcp-listing", 25, "mcp")


def rpc_shape(document: dict[str, Any]) -> list[Signal]:
    """Signs in a JSON-RPC 2.0 request: a method of MCP or of A2A."""
    method, params = document.get("method"), document.get("params")
    if document.get("jsonrpc") != "2.0" or not isinstance(method, str):
        return []
    if _A2A_METHODS.match(method):
        # Bare names could be any service's; with A2A's own arguments they aren't.
        own = "/" in method or "Streaming" in method or (isinstance(params, dict) and _ARGUMENTS & params.keys())
        return [Signal("a2a-call", 45 if own else 25, "a2a")]
    meta = params.get("_meta") if isinstance(params, dict) else None
    stateless = isinstance(meta, dict) and any(str(key).startswith(_META) for key in meta)
    if not _MCP_METHODS.match(method):
        return [Signal("mcp-meta", 45, "mcp")] if stateless else []
    # Language servers say initialize too, but know no protocolVersion; ping and the like are anyone's.
    if method == "initialize":
        return [_MCP_CALL] if isinstance(params, dict) and "protocolVersion" in params else []
    return [_MCP_CALL] if "/" in method or stateless else [Signal("mcp-call", 10, "mcp")]


def rpc_reply(document: dict[str, Any]) -> list[Signal]:
    """Signs in a JSON-RPC reply: what MCP and A2A answer with."""
    result = document.get("result")
    if document.get("jsonrpc") != "2.0" or not isinstance(result, dict):
        return []
    if "protocolVersion" in result and ("serverInfo" in result or "capabilities" in result):
        return [_MCP_RESULT]
    if result.get("resultType") in ("complete", "input_required") or "supportedVersions" in result:
        return [_MCP_RESULT]
    if (tool := first(result.get("tools"))) is not None and "inputSchema" in tool:
        return [_MCP_RESULT]
    item = first(result.get("content"))
    if item is not None and item.get("type") in ("text", "image", "audio", "resource", "resource_link"):
        return [Signal("mcp-result", 45 if "isError" in result or "structuredContent" in result else 30, "mcp")]
    for key, field in (("resources", "uri"), ("prompts", "name"), ("contents", "uri"), ("resourceTemplates", "name")):
        if (item := first(result.get(key))) is not None and field in item:
            return [_MCP_LISTING]
    return a2a_reply(result)


def a2a_message(document: dict[str, Any]) -> list[Signal]:
    """Signs in the body of A2A's REST calls: a message of parts with a role and an id of its own."""
    message = document.get("message")
    if not isinstance(message, dict) or not isinstance(message.get("role"), str) or message["role"] not in _ROLES:
        return []
    part = first(message.get("parts"))
    if part is None or _PARTS.isdisjoint(part) or "messageId" not in message:
        return []
    return [Signal("a2a-message", 40, "a2a")]


def a2a_reply(result: dict[str, Any]) -> list[Signal]:
    """Signs in A2A's answers: a task with its context and state, an agent's message, an update of either."""
    for inner in (result, result.get("task"), result.get("statusUpdate"), result.get("artifactUpdate")):
        if not isinstance(inner, dict) or "contextId" not in inner:
            continue
        status = inner.get("status")
        if (isinstance(status, dict) and "state" in status) or "artifact" in inner or "messageId" in inner:
            return [Signal("a2a-result", 45, "a2a")]
    return a2a_message(result)


def agent_card(document: dict[str, Any]) -> list[Signal]:
    """Signs of an A2A agent's card, before and since version 1."""
    if not isinstance(document.get("skills"), list) or not isinstance(document.get("capabilities"), dict):
        return []
    known = ("protocolVersion", "supportedInterfaces", "defaultInputModes", "preferredTransport")
    return [Signal("agent-card", 45, "a2a")] if any(key in document for key in known) else []
