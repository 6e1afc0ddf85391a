"""What a record says of the caller: who, by what proof, from where, with which credential and which program."""

from __future__ import annotations

import re
from typing import Any

from mitmproxy import connection, http

from weir.edge.trace import Trace

__all__ = ["address_of", "product_tokens", "who"]

# Products as they are written (`name/1.2.3`, `OpenAI/Python`), whole tokens only. No key looks like this: keys mix
# digits and letters, or are longer.
_NAME = r"[A-Za-z]{1,18}\d{0,2}"
_VERSION = r"v?\d{1,8}(?:[.+_-][A-Za-z0-9]{1,11}){0,5}(?:[a-z]{1,5}\d{0,3})?"
_ENDS = r"(?![^\s);,])"
_VERSIONED = rf"{_VERSION}(?![^\s);,/])"  # Gemini CLI's model stands behind another slash
_AGENT = re.compile(rf"(?<![^\s(;,]){_NAME}(?:[._-]{_NAME}){{0,3}}/(?:{_VERSIONED}|[A-Za-z]{{1,12}}{_ENDS})")


def who(trace: Trace) -> dict[str, Any]:
    """The columns that name the caller and the credential that was shown, by their names in the audit record."""
    caller = trace.principal
    return {
        "user": caller.user,
        "auth_method": caller.method,
        "team": caller.team,
        "app": caller.app,
        "device": caller.device,
        "user_groups": caller.groups,
        "auth_strength": caller.strength,
        "api_key_fp": trace.key_fingerprint,
        "key_id": caller.key_id,
        "auth_asked": trace.auth_asked,
        "identity_rule": trace.identity_rule,
        "credential": trace.credential if trace.is_ai else "",
        "credential_kind": trace.key_kind,
        "managed_key": trace.managed_key,
        "account": trace.account,
        "process_name": trace.link.process_name,
    }


def address_of(client: connection.Client) -> str:
    """The client's address without its port; "" when the connection is gone."""
    return client.peername[0] if client.peername else ""


def product_tokens(flow: http.HTTPFlow) -> str:
    """The product tokens of a User-Agent: a client can put anything there, keys included."""
    agent = flow.request.headers.get("user-agent", "")
    return " ".join(_AGENT.findall(agent)[:4])
