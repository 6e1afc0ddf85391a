"""An attempt upstream that failed before anything of a reply has gone to the client, and what is to become of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mitmproxy import http
from mitmproxy.proxy.commands import RequestWakeup, StartHook
from mitmproxy.proxy.layers.http import ErrorCode, ResponseProtocolError

__all__ = ["TIMED_OUT", "Attempt", "AttemptFailedHook", "Deadline", "HeadTimeout"]

TIMED_OUT = "timed out: no connection within the time of one attempt"


@dataclass(slots=True)
class Attempt:
    """What one attempt ended with: a status, or `connect`, `reset`, `timeout`."""

    flow: http.HTTPFlow
    cause: str
    response: http.Response | None = None
    connecting: bool = False  # there was no connection: it is not about this request
    waits: bool = False  # it goes on if there is no other place
    again: bool = False  # the request now says where it goes next


@dataclass
class AttemptFailedHook(StartHook):
    """An attempt failed in a way that policy wants another one for; only its own stream waits."""

    name = "attempt_failed"
    data: Attempt


class Deadline(RequestWakeup):
    """A wake-up that can be called off, while it is a task of weir's own handler."""

    timer: asyncio.Task[None] | None = None


class HeadTimeout(ResponseProtocolError):
    """The time of one attempt is over and no reply has begun. The stream may go on waiting."""

    def __init__(self, stream_id: int) -> None:
        super().__init__(stream_id, TIMED_OUT, ErrorCode.GENERIC_SERVER_ERROR)
