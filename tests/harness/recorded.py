"""Files of recorded traffic as mitmproxy's own writers make them, and the flows to put into them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mitmproxy import flow as mitm_flow
from mitmproxy import http, websocket
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow
from wsproto.frame_protocol import Opcode

__all__ = ["exchange", "har", "mitm", "socket"]

AT = 1_790_000_000.25


def exchange(
    url: str,
    sent: Any = None,
    got: Any = None,
    *,
    method: str = "POST",
    status: int | None = 200,
    kind: str = "application/json",
    headers: Mapping[str, str] | None = None,
    reply_headers: Mapping[str, str] | None = None,
) -> http.HTTPFlow:
    """A request and its reply; values are written as JSON, bytes as they are. ``status`` None: no reply came."""
    flow = tflow.tflow(resp=True)
    flow.request = http.Request.make(method, url, b"", {"content-type": "application/json", **(headers or {})})
    flow.request.raw_content = _bytes(sent)
    flow.request.timestamp_start, flow.request.timestamp_end = AT, AT + 0.1
    if status is None:
        flow.response = None
        return flow
    flow.response = http.Response.make(status, b"", {"content-type": kind, **(reply_headers or {})})
    flow.response.raw_content = _bytes(got)
    flow.response.timestamp_start, flow.response.timestamp_end = AT + 0.2, AT + 0.3
    return flow


def socket(url: str, messages: Sequence[tuple[bool, str | bytes]]) -> http.HTTPFlow:
    """A WebSocket and its messages: whether the client said it, and what."""
    flow = exchange(url, b"", b"", method="GET", status=101, headers={"upgrade": "websocket"})
    flow.websocket = websocket.WebSocketData()
    for from_client, said in messages:
        opcode = Opcode.TEXT if isinstance(said, str) else Opcode.BINARY
        content = said.encode() if isinstance(said, str) else said
        flow.websocket.messages.append(websocket.WebSocketMessage(opcode, from_client, content))
    return flow


def mitm(path: Path, flows: Iterable[mitm_flow.Flow]) -> Path:
    """A file as ``mitmdump -w`` writes it."""
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for one in flows:
            writer.add(one)
    return path


def har(path: Path, flows: Sequence[mitm_flow.Flow]) -> Path:
    """A file as mitmproxy saves it for other tools."""
    path.write_text(json.dumps(SaveHar().make_har(flows)))
    return path


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return b"" if value is None else json.dumps(value).encode()
