"""What tests of attacks share: requests byte by byte, and what must be true when one has been turned away."""

from __future__ import annotations

import base64
import json
from typing import Any

from e2e.raw import Reply, open_line
from e2e.support import House, chat_body, command
from harness.canary import CANARIES
from harness.h2client import H2Reply

__all__ = ["BODY", "HOST", "PATH", "RAW", "basic", "known", "nothing_left", "request", "send", "sent"]

HOST = "api.openai.com"
PATH = "/v1/chat/completions"
BODY = chat_body("How high?")
RAW = CANARIES.plant(f"sk-{'own' * 8}-{'1f' * 12}", "somebody's own key")


def request(*lines: str, path: str = PATH, host: str = HOST, body: bytes = BODY, method: str = "POST") -> bytes:
    """A request as bytes; ``lines`` are header lines, as they are."""
    head = (f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(head).encode("latin-1") + body


def send(house: House, data: bytes, *, target: str = f"{HOST}:443", **options: str) -> Reply:
    """The reply to it, over a connection of its own; status 0 when that just ended."""
    with open_line(house.weir.url, target, house.weir.ca, **options) as line:
        line.send(data)
        try:
            return line.reply()
        except (EOFError, OSError):
            return Reply(0, (), b"")


def nothing_left(house: House, key: str, reply: Reply | H2Reply, *rules: str) -> dict[str, Any]:
    """No double was asked, the client was told no secret, and a record says which rule it was, why, and whose key."""
    assert house.doubles.requests() == []
    said = f"{reply.headers}{reply.body.decode('latin-1')}"
    assert key not in said and not any(real in said for real in house.doubles.keys.values())
    record = house.only()
    assert (record["kind"], record["action"]) == ("block", "block"), record["reason"]
    assert record["rule_id"] in rules and record["reason"], (record["rule_id"], record["reason"])
    return record


def sent(house: House) -> str:
    """All that reached the doubles, in one text."""
    rows = house.doubles.requests()
    return "\n".join(f"{row.target}\n{row.headers}\n{row.body.decode('latin-1')}" for row in rows)


def known(house: House) -> str:
    """The public id of the house's own key."""
    listed = json.loads(command("keys", "list", "--format", "json", "--data", str(house.weir.data)))
    return str(listed[0]["id"])


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
