"""A failed attempt as the chain hears of it, and the clock that it runs against."""

from __future__ import annotations

from mitmproxy.proxy import commands
from mitmproxy.proxy.layers.http import ResponseProtocolError
from mitmproxy.test import tflow

from weir.edge.causes import error_class
from weir.edge.wire.attempt import TIMED_OUT, Attempt, AttemptFailedHook, Deadline, HeadTimeout


def test_a_failure_is_the_clients_until_somebody_says_otherwise() -> None:
    data = Attempt(tflow.tflow(), "connect")
    assert not data.again and not data.waits and data.response is None
    hook = AttemptFailedHook(data)
    assert (hook.name, hook.args(), hook.blocking) == ("attempt_failed", [data], True)


def test_a_deadline_is_a_wake_up_that_stands_for_itself() -> None:
    one, other = Deadline(1.5), Deadline(1.5)
    assert isinstance(one, commands.RequestWakeup) and one.delay == 1.5 and one.timer is None and not one.blocking
    assert one != other and len({one, other}) == 2


def test_its_end_is_told_as_a_time_out() -> None:
    late = HeadTimeout(7)
    assert isinstance(late, ResponseProtocolError) and late.stream_id == 7
    assert error_class(late.message) == error_class(TIMED_OUT) == "timed out"
