"""A rig with limits: a policy's budgets and rates over the whole chain, hooks on one loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mitmproxy import http

from harness.rig import Rig, chat
from weir.edge.limits.limiting import admission_of
from weir.edge.trace import Trace, trace_of
from weir.limits.admission import Admission
from weir.limits.budget import Standing
from weir.limits.plan import plan_of

__all__ = ["Limited", "completion"]


def completion(sent: int, received: int, model: str = "gpt-5-mini") -> bytes:
    """A chat completion that reports so many tokens."""
    message = {"role": "assistant", "content": "Hi there."}
    usage = {"prompt_tokens": sent, "completion_tokens": received, "total_tokens": sent + received}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return json.dumps({"object": "chat.completion", "model": model, "choices": [choice], "usage": usage}).encode()


class Limited:
    """A rig whose ledger is a file under ``folder``, or cannot be opened when ``down``."""

    def __init__(self, rig: Rig, folder: Path, *, down: bool = False) -> None:
        self.rig, self.state = rig, rig.state
        self.ledger = folder / "nowhere" / "limits.db" if down else folder / "limits.db"
        self.use()

    def use(self) -> None:
        """Take the limits of the settings that stand in the state."""
        snapshot = self.state.snapshot
        self.state.snapshot = replace(snapshot, limits=plan_of(snapshot.settings, self.ledger))

    @property
    def admission(self) -> Admission:
        """What the limits are asked through."""
        return admission_of(self.state)

    async def hook(self, flow: http.HTTPFlow, *hooks: str) -> Trace:
        """Run hooks over the whole chain."""
        for hook in hooks:
            for addon in self.rig.addons:
                waits = called(flow) if (called := getattr(addon, hook, None)) else None
                if waits is not None:
                    await waits
        trace = trace_of(flow)
        assert trace is not None
        return trace

    async def ask(self, body: bytes = b"", **more: Any) -> tuple[http.HTTPFlow, Trace]:
        """A request up to where it is forwarded or refused."""
        flow = self.rig.flow(body or chat(max_completion_tokens=100), **more)
        trace = await self.hook(flow, "requestheaders", "request")
        if flow.response is None:
            trace.forwarded_ns = trace.started_ns + 1
        else:
            await self.hook(flow, "responseheaders", "response")
        return flow, trace

    async def answer(self, flow: http.HTTPFlow, body: bytes, status: int = 200) -> Mapping[str, str]:
        """Let the upstream answer in one chunk; the headers that the client gets."""
        flow.response = http.Response.make(status, b"", {"content-type": "application/json"})
        trace = await self.hook(flow, "responseheaders")
        assert flow.response
        flow.response.raw_content = b"".join([*trace.pipe.feed(body), *trace.pipe.close()]) if trace.pipe else body
        await self.hook(flow, "response")
        await self.settled()
        return flow.response.headers

    async def settled(self) -> None:
        """Wait for what is being written down."""
        while settling := set(self.admission._settling):
            await asyncio.wait(settling)

    async def standing(self) -> Standing:
        """How the only account stands."""
        await self.settled()
        (one,) = await asyncio.to_thread(self.admission.gate.standings)
        return one
