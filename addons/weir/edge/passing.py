"""A reply's chunks on their way: read at once or by a worker, passed on, or ended because of what they say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import replace

from mitmproxy import http

from weir.dlp.replies.listen import Listener, look_at
from weir.dlp.replies.reply import segment_of
from weir.edge.answer import answer
from weir.edge.identity.who import address_of
from weir.edge.process.workers import WorkersBusy, WorkersTimeout
from weir.edge.replies import INLINE_S, ReplyLook, decide_reply
from weir.edge.state import State
from weir.edge.trace import Trace
from weir.edge.wire.chunk import ChunkData
from weir.model import Finding, Reply
from weir.policy.actions import STATUS_POLICY

__all__ = ["INLINE_BYTES_MAX", "LISTEN_BYTES_MAX", "finish", "heavy", "keep_up", "pass_on", "recordable"]

INLINE_BYTES_MAX = 8 * 1024  # of a reply that is acted on; reading more leaves the event loop
LISTEN_BYTES_MAX = 256 * 1024  # of one that is only read
INLINE_CHARS_MAX = 4096  # of text that is scanned at the end
PENDING_CHARS = 64 * 1024  # of text that is scanned while the reply goes on
SMALL_CHARS_MAX = 64 * 1024
GRACE_S = 0.15
_WITHHELD = "[withheld]"
_CALLS_MAX = 100  # tool calls of one reply whose names are kept


def heavy(trace: Trace, data: ChunkData) -> bool:
    """Whether reading this chunk would hold up everybody else."""
    assert trace.pipe
    limit = INLINE_BYTES_MAX if trace.pipe.decides else LISTEN_BYTES_MAX
    return trace.pipe.work(len(data.chunk), end=data.end) > limit


def pass_on(state: State, trace: Trace, data: ChunkData) -> Awaitable[None] | None:
    """Read a chunk, or the end, and say what goes to the client; something to await when a worker reads it."""
    if heavy(trace, data):
        return _elsewhere(state, trace, data)
    _take(trace, data, _read(trace, data))
    return None


def _read(trace: Trace, data: ChunkData) -> list[bytes]:
    assert trace.pipe
    return trace.pipe.close() if data.end else trace.pipe.feed(data.chunk)


async def _elsewhere(state: State, trace: Trace, data: ChunkData) -> None:
    limits = trace.snapshot.settings
    timeout = (limits.dlp.timeout_ms + limits.limits.hook_timeout_ms) / 1000
    if trace.look is not None:
        trace.look.until = time.monotonic() + limits.dlp.timeout_ms / 1000
    out = await state.workers.run(
        _read, trace, data, timeout_s=timeout, lane="dlp", owner=address_of(data.flow.client_conn)
    )
    if trace.look is not None:
        trace.look.until = None
    _take(trace, data, out)


def _take(trace: Trace, data: ChunkData, out: list[bytes]) -> None:
    data.out, look = [part for part in out if part], trace.look
    if look is None:
        return
    if look.watch is not None and look.watch.stopped and not look.stopped:
        _stop(trace, look, data)
    elif data.out:
        look.begun = True


def _stop(trace: Trace, look: ReplyLook, data: ChunkData) -> None:
    """End the reply here: by our own answer when nothing has gone, by the provider's error in a stream, or by a cut."""
    assert trace.pipe
    look.stopped = True
    decide_reply(trace)
    rule, say = look.verdict.rule_id, look.verdict.say
    if look.holds and not look.begun and not data.out:
        answer(data.flow, trace, STATUS_POLICY, rule, say)
        look.refused = True
        return
    ending = b""
    if trace.dialect is not None:
        document = trace.dialect.refusal(STATUS_POLICY, say, rule)
        ending = trace.pipe.ending(trace.dialect.abort_event(say, rule), document)
    if ending:
        data.out.append(ending)
        data.finish = True
    else:
        # Bytes of a reply that is not edited pass as they came: those at hand hold what was found.
        data.out = data.out if trace.pipe.editing else []
        data.abort = look.verdict.reason or rule


def keep_up(state: State, trace: Trace, flow: http.HTTPFlow) -> None:
    """Have the texts of a long reply scanned while it goes on, one part after the other."""
    look = trace.look
    watch = look.watch if look is not None else None
    if look is None or not isinstance(watch, Listener) or watch.pending_chars < PENDING_CHARS or look.scanning:
        return
    task = asyncio.get_running_loop().create_task(_scan(state, trace, flow, look, watch))
    look.scanning = task
    state.tasks.add(task)
    task.add_done_callback(state.tasks.discard)


async def _scan(state: State, trace: Trace, flow: http.HTTPFlow, look: ReplyLook, watch: Listener) -> None:
    """Scan what waits. What can't be done in time is noted and never taken for clean."""
    timeout, engine = trace.snapshot.settings.dlp.timeout_ms / 1000, trace.snapshot.engine
    lane = "dlp-small" if watch.pending_chars <= SMALL_CHARS_MAX else "dlp"
    windows = watch.windows()
    # A look of its own: the one of the reply belongs to the event loop.
    own = replace(look, until=time.monotonic() + timeout)
    try:
        results = await state.workers.run(
            look_at,
            windows,
            lambda text: own.scan(engine, text),
            timeout_s=timeout + GRACE_S,
            lane=lane,
            owner=address_of(flow.client_conn),
        )
        watch.take(windows, results)
    except (WorkersBusy, WorkersTimeout) as error:
        watch.unread(f"dlp: {type(error).__name__}")
    finally:
        look.scanning = None


def finish(state: State, trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """The reply has ended, whole or cut: keep what it said and decide; something to await while it is scanned."""
    pipe, look = trace.pipe, trace.look
    if pipe is not None:
        pipe.close()
        if trace.dialect is not None:
            reply = pipe.reply()
            if reply.usage is None and trace.header_usage is not None:
                reply = replace(reply, usage=trace.header_usage)
            trace.reply = recordable(trace, reply)
    if look is None or look.stopped:
        return None
    watch = look.watch
    if watch is not None and pipe is not None and pipe.broken:
        watch.unread(pipe.broken)
    if isinstance(watch, Listener):
        watch.end()
        if look.scanning is not None or watch.pending_chars > INLINE_CHARS_MAX:
            return _finish_elsewhere(state, trace, flow, look, watch)
        windows, engine = watch.windows(), trace.snapshot.engine
        look.until = time.monotonic() + INLINE_S
        results = look_at(windows, lambda text: look.scan(engine, text))
        if any(reason for _, reason in results):  # a worker has more time
            watch.put_back(windows)
            return _finish_elsewhere(state, trace, flow, look, watch)
        watch.take(windows, results)
    decide_reply(trace)
    return None


def recordable(trace: Trace, reply: Reply) -> Reply:
    """``reply`` with names that may go into the audit: a server may put anything where they stand."""
    engine = trace.snapshot.engine

    def fit(word: str) -> str:
        if not word or engine.is_known_clean(word):
            return word
        scan = engine.scan(segment_of(word), "response", deadline_s=INLINE_S)
        clean = scan.complete and all(finding.category == "pii" and _is_number(finding) for finding in scan.findings)
        return word if clean else _WITHHELD

    calls = tuple((fit(call_id), fit(name)) for call_id, name in reply.tool_calls[:_CALLS_MAX])
    model, response_id, ended = fit(reply.model), fit(reply.response_id), fit(reply.finish_reason)
    if (model, response_id, ended, calls) == (reply.model, reply.response_id, reply.finish_reason, reply.tool_calls):
        return reply
    return replace(reply, model=model, response_id=response_id, finish_reason=ended, tool_calls=calls)


def _is_number(finding: Finding) -> bool:
    # An id of digits may look like anybody's number.
    return finding.detector != "pii/EMAIL_ADDRESS"


async def _finish_elsewhere(state: State, trace: Trace, flow: http.HTTPFlow, look: ReplyLook, watch: Listener) -> None:
    if look.scanning is not None:
        await asyncio.wait({look.scanning})
    if watch.pending_chars:
        await _scan(state, trace, flow, look, watch)
    decide_reply(trace)
