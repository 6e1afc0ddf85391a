"""A WebSocket under limits, message by message over the whole chain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import http, websocket
from wsproto.frame_protocol import Opcode

from harness.limited import Limited
from weir.edge.trace import Trace

__all__ = ["Talk", "during"]


class Talk:
    """One socket through the chain, message by message."""

    def __init__(self, limits: Limited) -> None:
        self.limits = limits
        self.flow: http.HTTPFlow | None = None

    async def dial(self) -> Trace:
        """Open the socket; its trace."""
        headers = {"upgrade": "websocket", "connection": "Upgrade"}
        flow = self.limits.rig.flow(b"", method="GET", path="/v1/realtime?model=gpt-realtime", headers=headers)
        trace = await self.limits.hook(flow, "requestheaders", "request")
        assert flow.response is None
        trace.forwarded_ns = trace.started_ns + 1
        flow.response = http.Response.make(101)
        flow.websocket = websocket.WebSocketData()
        self.flow = flow
        return await self.limits.hook(flow, "websocket_start")

    async def say(self, message: bytes | dict[str, Any], *, client: bool = True) -> websocket.WebSocketMessage:
        """A message of the client, or else of the server; as it goes on."""
        assert self.flow is not None and self.flow.websocket is not None
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        made = websocket.WebSocketMessage(Opcode.TEXT, client, data)
        self.flow.websocket.messages.append(made)
        await self.limits.hook(self.flow, "websocket_message")
        return made

    async def done(self, sent: int, received: int) -> None:
        """The server has answered, and used so many tokens."""
        usage = {"input_tokens": sent, "output_tokens": received, "total_tokens": sent + received}
        response = {"id": "resp_1", "status": "completed", "output": [], "usage": usage}
        await self.say({"type": "response.done", "response": response}, client=False)

    async def close(self) -> None:
        """The socket ends."""
        assert self.flow is not None
        await self.limits.hook(self.flow, "websocket_end")


def during(talk: Talk, body: Callable[[Trace], Awaitable[None]]) -> None:
    """Open the socket, run ``body`` with its trace, and end the limits."""

    async def main() -> None:
        trace = await talk.dial()
        try:
            await asyncio.wait_for(body(trace), 60)
        finally:
            await talk.limits.rig.addon("limits").done()

    asyncio.run(main())
