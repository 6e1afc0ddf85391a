"""Virtual keys of an exchange: whom they stand for, and whether they are good for it, at every step of it.

What headers can tell is decided before the body is read: a key that was revoked must not hold room in anybody's budget.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable
from concurrent.futures import Future
from datetime import UTC, datetime

from mitmproxy import http

from weir.edge import records
from weir.edge.guard import guarded
from weir.edge.identity.callers import by_key
from weir.edge.identity.who import address_of
from weir.edge.keys.managed import RULE, refuse
from weir.edge.net import Net
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.keys.credentials import Presented
from weir.keys.refusal import UNCHECKED, Asked, LookedUp, key_refusal, refusal
from weir.limits.estimate import counted
from weir.model import Secret

__all__ = ["Keyholders", "meet", "why_not"]

log = logging.getLogger("weir.keys")
FRESH_S = 5.0  # how long a key nobody knows is looked for at most: it may have been issued a moment ago
LOOK_S = 1.0
_NAMED_MAX = 8  # keys of one request that the record names


def meet(state: State, trace: Trace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """Say whom the virtual keys in ``trace.presented`` stand for, and refuse what headers show to be no good."""
    virtual = [one for one in trace.presented if one.virtual]
    if not virtual:
        return None
    trace.credential, trace.key_kind = "virtual", "virtual"
    ring = _ring(state, trace)
    unknown = next((one for one in virtual if ring.lookup(one.value) is None), None)
    waits = None if unknown is None else state.virtual_keys.fresh(unknown.value)
    if waits is not None:
        return _wait(state, trace, flow, virtual, waits)
    _know(ring, trace, flow, virtual)
    return None


async def _wait(state: State, trace: Trace, flow: http.HTTPFlow, virtual: list[Presented], waits: Future[None]) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.wrap_future(waits), FRESH_S)
    _know(_ring(state, trace), trace, flow, virtual)


def _know(ring: LookedUp, trace: Trace, flow: http.HTTPFlow, virtual: list[Presented]) -> None:
    keys = {key.id: key for one in virtual[:_NAMED_MAX] if (key := ring.lookup(one.value)) is not None}
    if keys:  # a revoked one too: it will be refused, and the record must say whose it was
        by_key(trace, next(iter(keys.values())).principal())
    if len(keys) > 1:
        trace.extra = {**trace.extra, "virtual_keys": " ".join(keys)}
    if flow.response is not None:
        return
    endpoint = trace.endpoint
    asked = Asked(
        trace.service.id,
        address_of(flow.client_conn),
        endpoint.operation if endpoint else "",
        (endpoint.model or None) if endpoint else None,
    )
    why = key_refusal(trace.presented, ring, asked, datetime.now(UTC), alone=_alone(trace))
    if why:
        refuse(flow, trace, _status(why), why)


def why_not(
    state: State, trace: Trace, flow: http.HTTPFlow, secret: Secret | None, names: tuple[str, ...], *, allowed: bool
) -> str:
    """Why the virtual keys can't be replaced by ``secret`` now that all is known of the request; "" when they can."""
    at, address = datetime.now(UTC), address_of(flow.client_conn)
    asked = Asked(trace.service.id, address, trace.endpoint.operation if trace.endpoint else "", _model(trace))
    ring = _ring(state, trace)
    why = refusal(trace.presented, ring, secret, asked, names, at, allowed=allowed, alone=_alone(trace))
    if not why:
        _used(state, ring, trace, address, at)
    return why


def _ring(state: State, trace: Trace) -> LookedUp:
    # A key's digest is as lasting as the head it came in; what is known of it is not.
    digests: dict[str, bytes | None] = trace.head.once("digests", dict)
    return LookedUp(state.virtual_keys, digests)


def _alone(trace: Trace) -> bool:
    """Whether the client's other credentials would go up too: a signature or a token leaves nothing of them."""
    key = trace.snapshot.secrets.get(trace.service.id)
    return key is None or key.form == "key"


def _model(trace: Trace) -> str | None:
    """The model that is wanted; "" where one is and can't be told, None where none is."""
    named = trace.exchange.model if trace.exchange else ""
    operation = trace.endpoint.operation if trace.endpoint else ""
    return named or ("" if counted(trace.method, operation, "") else None)


def _used(state: State, ring: LookedUp, trace: Trace, address: str, at: datetime) -> None:
    for one in trace.presented:
        key = ring.lookup(one.value) if one.virtual else None
        if key is not None:
            state.virtual_keys.used(key, address, at)


def _status(why: str) -> int:
    return 503 if why == UNCHECKED else 401


def message(state: State, trace: Trace, flow: http.HTTPFlow) -> None:
    """A message of a socket's client: its key may have been revoked, or be no good for the model it names."""
    socket = trace.socket
    if socket is None or flow.websocket is None or trace.abort or not any(one.virtual for one in trace.presented):
        return
    got = flow.websocket.messages[-1]
    if got.dropped or not got.from_client:
        return
    operation = trace.endpoint.operation if trace.endpoint else ""
    asked = Asked(trace.service.id, address_of(flow.client_conn), operation, socket.model)
    why = key_refusal(trace.presented, state.virtual_keys, asked, datetime.now(UTC), alone=_alone(trace))
    if not why:
        return
    got.drop()
    trace.refused_by, trace.refused_why = RULE, why
    trace.abort = f"{RULE}: message {socket.number} refused"
    socket.refuse(why, RULE)


class Keyholders:
    """Keeps what is known of virtual keys up to date, and asks again with each message of a socket."""

    name = "keyholders"

    def __init__(self, state: State) -> None:
        self.state = state
        self._task: asyncio.Task[None] | None = None
        self._told, self._again = "", 0

    def running(self) -> None:
        """Begin to follow the store."""
        self.state.virtual_keys.start()
        self._task = asyncio.create_task(self._watch())

    async def done(self) -> None:
        """The last uses are written down."""
        if self._task:
            self._task.cancel()
        await asyncio.to_thread(self.state.virtual_keys.stop)

    @guarded
    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """A key can end while a socket is open."""
        if (trace := trace_of(flow)) is not None:
            message(self.state, trace, flow)

    async def _watch(self) -> None:
        net = Net(log.warning, "the store of virtual keys could not be watched")
        while True:
            with net:
                self._look()
            await asyncio.sleep(LOOK_S)

    def _look(self) -> None:
        """Tell the audit when the store is away and when keys are refused for that; and when it is back."""
        keys = self.state.virtual_keys
        if keys.revoked_again > self._again:
            says = f"{keys.revoked_again - self._again} revoked keys came back in their store and are revoked again"
            self.state.spool.put(records.event_record("config", says, self.state.snapshot.settings.hash))
            self._again = keys.revoked_again
        now = "refused" if keys.trouble else "away" if keys.away else ""
        if now != self._told:
            says = {
                "": "the store of virtual keys can be read again",
                "away": "the store of virtual keys can't be read; those known hold for a moment",
                "refused": "virtual keys are refused: their store can't be read",
            }[now]
            self.state.spool.put(records.event_record("config", says, self.state.snapshot.settings.hash))
            log.warning("%s", says)  # an error while it starts would end the process
            self._told = now
        keys.break_off()
