"""Fail-closed hooks. mitmproxy logs a raising hook and forwards the flow; `guarded` turns that into a decision.

Every hook that decides is `@guarded`: an exception or a timeout in it becomes `on_failure`. When that is `block`
the client gets a 503 and nothing goes upstream; when it is `allow` the exchange goes on and is recorded as `failed`.
Only the class of an exception is logged: its text may quote a prompt or a key.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import traceback
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any

from mitmproxy import connection, http, tls
from mitmproxy.proxy import layer, server_hooks

from weir.edge.chunk import ChunkData
from weir.edge.trace import Trace, link_of, trace_of
from weir.model import Inspection, OnFailure

__all__ = ["default_on_failure", "fail", "guarded", "places", "refuse"]

log = logging.getLogger("weir.guard")

HOOK_TIMEOUT_S = 30.0  # above every own timeout of a concern: the net below the nets
default_on_failure = OnFailure.BLOCK  # before a policy is known

Hook = Callable[..., Any]


def guarded(hook: Hook) -> Hook:
    """Wrap one addon hook so that its failure is a policy decision; see the module's docstring.

    A hook returns None, or something to await when it has to wait: most requests then pass without a single task.
    """

    @functools.wraps(hook)
    def run(self: object, data: Any) -> Awaitable[None] | None:
        try:
            waits = hook(self, data)
        except Exception as error:  # noqa: BLE001  the whole point of the guard
            fail(data, _where(self, hook), error)
            return None
        return None if waits is None else _wait(waits, data, _where(self, hook))

    run.__guarded__ = True  # type: ignore[attr-defined]
    return run


async def _wait(waits: Awaitable[None], data: Any, where: str) -> None:
    try:
        async with asyncio.timeout(HOOK_TIMEOUT_S):
            await waits
    except Exception as error:  # noqa: BLE001  the whole point of the guard
        fail(data, where, error)


def places(where: TracebackType | None) -> str:
    """The last three frames of a traceback, innermost first, as file:line: enough to find a bug, no content."""
    frames = traceback.extract_tb(where)[-3:]
    return " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in reversed(frames))


def _where(addon: object, hook: Hook) -> str:
    return f"{getattr(addon, 'name', type(addon).__name__.lower())}.{hook.__name__}"


def fail(data: Any, where: str, error: BaseException) -> None:
    """Carry out `on_failure` for whatever the failing hook was deciding on."""
    what = f"{where}: {type(error).__name__}"
    log.error("hook failed, on_failure decides: %s at %s", what, places(error.__traceback__))
    if isinstance(data, http.HTTPFlow):
        _fail_flow(data, what)
    elif isinstance(data, ChunkData):
        trace = trace_of(data.flow)
        if trace:
            _mark(trace, what)
        editing = trace is not None and trace.pipe is not None and trace.pipe.editing
        if trace is None or trace.on_failure is OnFailure.BLOCK or editing:  # half-edited bytes are no reply
            data.abort, data.out = what, []
        else:
            data.out = [data.chunk]
    elif isinstance(data, server_hooks.ServerConnectionHookData):
        link_of(data.client).failed = what
        data.server.error = "refused by weir: internal failure"
    else:
        client = _client_of(data)
        if client is not None:
            link_of(client).failed = what


def _client_of(data: Any) -> connection.Client | None:
    if isinstance(data, connection.Client):
        return data
    if isinstance(data, (tls.ClientHelloData, tls.TlsData, layer.NextLayer)):
        return data.context.client
    return None


def _mark(trace: Trace, what: str) -> None:
    trace.failed = trace.failed or what
    trace.inspection = Inspection.FAILED
    trace.reason = what


def _fail_flow(flow: http.HTTPFlow, what: str) -> None:
    trace = trace_of(flow)
    if trace is None:
        link_of(flow.client_conn).failed = what
        if default_on_failure is OnFailure.BLOCK and flow.response is None:
            refuse(flow, 503, "weir could not inspect this request")
        return
    _mark(trace, what)
    if trace.on_failure is OnFailure.ALLOW:
        trace.failed_open = True
        return
    if flow.response is None:
        refuse(flow, 503, "weir could not inspect this request, so it was not forwarded.")
    elif not trace.closed:
        trace.abort = what  # the reply has begun: the stream cuts it


def refuse(flow: http.HTTPFlow, status: int, message: str, rule_id: str = "on-failure") -> None:
    """Answer the client ourselves with a problem body; nothing of this flow goes upstream."""
    import orjson

    problem = {"type": "about:blank", "title": "Refused by weir", "status": status, "detail": message, "rule": rule_id}
    flow.response = http.Response.make(
        status,
        orjson.dumps(problem),
        {"content-type": "application/problem+json", "x-should-retry": "false", "x-weir-rule": rule_id},
    )
