"""Fail-closed hooks. mitmproxy logs a raising hook and forwards the flow; `guarded` turns that into a decision.

Every hook that decides is `@guarded`: an exception or a timeout in it becomes `on_failure`. When that is `block`
the client gets a 503 and nothing goes upstream; when it is `allow` the exchange goes on and is recorded as `failed`.
Only the class of an exception is logged: its text may quote a prompt or a key. What no later hook would put into the
audit any more is recorded here (see `lastresort`).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import traceback
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mitmproxy import connection, http, tls
from mitmproxy.proxy import layer, server_hooks
from mitmproxy.proxy.layers import modes

from weir.edge import lastresort
from weir.edge.trace import Trace, link_of, trace_of
from weir.edge.wire.attempt import Attempt
from weir.edge.wire.chunk import ChunkData
from weir.edge.wire.socks import Greeting
from weir.model import OnFailure

if TYPE_CHECKING:
    from weir.edge.state import State

__all__ = ["CONNECT_REFUSED", "fail", "guarded", "places", "refuse"]

log = logging.getLogger("weir.guard")

HOOK_TIMEOUT_S = 30.0  # above every own timeout of a concern: the net below the nets
CONNECT_REFUSED = "refused by weir: internal failure"

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
            fail(data, _where(self, hook), error, getattr(self, "state", None))
            return None
        return None if waits is None else _wait(waits, data, self, hook)

    run.__guarded__ = True  # type: ignore[attr-defined]
    return run


async def _wait(waits: Awaitable[None], data: Any, addon: object, hook: Hook) -> None:
    try:
        async with asyncio.timeout(HOOK_TIMEOUT_S):
            await waits
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Not we are cancelled but what we waited for: no less a failure, and unheeded it would hang the client.
        fail(data, _where(addon, hook), error, getattr(addon, "state", None))
    except Exception as error:  # noqa: BLE001  the whole point of the guard
        fail(data, _where(addon, hook), error, getattr(addon, "state", None))


def places(where: TracebackType | None) -> str:
    """The last three frames of a traceback, innermost first, as file:line: enough to find a bug, no content."""
    frames = traceback.extract_tb(where)[-3:]
    return " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno}" for f in reversed(frames))


def _where(addon: object, hook: Hook) -> str:
    return f"{getattr(addon, 'name', type(addon).__name__.lower())}.{hook.__name__}"


def fail(data: Any, where: str, error: BaseException, state: State | None = None) -> None:
    """Carry out `on_failure` for whatever the hook `where` (`concern.hook`) was deciding on.

    Without a `state` no policy is known, and then a failure blocks.
    """
    what = f"{where}: {type(error).__name__}"
    blocks = state is None or state.snapshot.settings.on_failure is OnFailure.BLOCK
    if isinstance(data, http.HTTPFlow):
        _fail_flow(data, what, state, blocks)
    elif isinstance(data, ChunkData):
        _fail_chunk(data, what)
    elif isinstance(data, Attempt):
        data.again = False
        _fail_flow(data.flow, what, state, blocks)
    elif isinstance(data, server_hooks.ServerConnectionHookData):
        _condemn(data.client, what, blocks)
        if blocks or where.endswith(".server_connect"):  # its address is not known now: there is nowhere to let it go
            data.server.error = CONNECT_REFUSED
    elif (client := _client_of(data)) is not None:
        _condemn(client, what, blocks)
        if where.endswith(".client_disconnected"):  # its exchanges have been recorded and can't tell any more
            link_of(client).broken = link_of(client).broken or what
    lastresort.record(data, where, what, state)
    # Last, so that no log handler can come between a failure and its decision.
    log.error("hook failed, on_failure decides: %s at %s", what, places(error.__traceback__))


def _client_of(data: Any) -> connection.Client | None:
    if isinstance(data, connection.Client):
        return data
    if isinstance(data, (tls.ClientHelloData, tls.TlsData, layer.NextLayer)):
        return data.context.client
    if isinstance(data, (modes.Socks5AuthData, Greeting)):  # these refuse unless a hook says otherwise
        return data.client_conn
    return None


def _condemn(client: connection.Client, what: str, blocks: bool) -> None:
    link = link_of(client)
    link.failed = link.failed or what
    link.refused = link.refused or blocks


def _fail_chunk(data: ChunkData, what: str) -> None:
    trace = trace_of(data.flow)
    if trace is not None:
        trace.fail(what)
    editing = trace is not None and trace.pipe is not None and trace.pipe.editing
    if trace is None or trace.on_failure is OnFailure.BLOCK or editing:  # half-edited bytes are no reply
        data.abort, data.out = what, []
    else:
        trace.failed_open = True
        data.out = [data.chunk]


def _fail_flow(flow: http.HTTPFlow, what: str, state: State | None, blocks: bool) -> None:
    trace = _begun(flow, state)
    if trace is None:
        connecting = flow.request.method == "CONNECT"
        _condemn(flow.client_conn, what, blocks or not connecting)
        # An exchange without a trace can't be recorded as it passes: it doesn't pass, whatever `on_failure` says.
        if flow.response is None and (blocks or not connecting):
            refuse(flow, 503, "weir could not inspect this request")
        return
    trace.fail(what)
    if trace.on_failure is OnFailure.ALLOW and not _leaks_key(trace, what):
        trace.failed_open = True
    elif flow.websocket:
        trace.abort = what
        if flow.websocket.messages:  # not yet when a socket begins: its layer looks at `abort` then
            flow.websocket.messages[-1].drop()
    elif flow.response is None and flow.error is None:
        refuse(flow, 503, "weir could not inspect this request, so it was not forwarded.")
    elif not trace.closed:
        trace.abort = what  # the reply has begun: the stream cuts it


def _leaks_key(trace: Trace, what: str) -> bool:
    """True when going on would send a key upstream that was to be replaced: it is nobody's business there."""
    still = trace.credential == "virtual" or any(one.virtual or one.replace for one in trace.presented)
    return still and what.startswith("keys.") and not trace.forwarded_ns


def _begun(flow: http.HTTPFlow, state: State | None) -> Trace | None:
    """The trace of a flow, begun here if the hook that begins it is the one that failed. None for tunnels."""
    trace = trace_of(flow)
    if trace is not None or state is None or flow.request.method == "CONNECT":
        return trace
    try:
        trace = state.trace(flow)
    except Exception as error:  # noqa: BLE001  the caller refuses what has no trace
        log.error("no trace can be begun: %s at %s", type(error).__name__, places(error.__traceback__))
        return None
    trace.host = flow.request.host
    trace.names = (flow.request.host,)
    return trace


def refuse(flow: http.HTTPFlow, status: int, message: str, rule_id: str = "on-failure") -> None:
    """Answer the client ourselves with a problem body; nothing of this flow goes upstream."""
    import orjson

    problem = {"type": "about:blank", "title": "Refused by weir", "status": status, "detail": message, "rule": rule_id}
    flow.response = http.Response.make(
        status,
        orjson.dumps(problem),
        {"content-type": "application/problem+json", "x-should-retry": "false", "x-weir-rule": rule_id},
    )
