"""One exchange whose place fails, on the wire: what is sent where, and what the client never learns of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mitmproxy.proxy.layers.http as http_layers
import pytest

from harness.layers import REPLY, Wire, answer, body_of, post, sized
from harness.rig import Rig, chat
from weir.edge.routing import Home, Route
from weir.edge.wire import failover, stream
from weir.edge.wire.attempt import Deadline
from weir.edge.wire.failover import FailoverStream
from weir.keys.company import CompanyKey
from weir.keys.pool import Member, Pool
from weir.model import Secret

pytestmark = pytest.mark.usefixtures("put_back")

HOME, EU, US = "api.openai.com", "eu.api.openai.com", "us.api.openai.com"
Make = Callable[..., Wire]


@pytest.fixture
def wire(make_rig: Callable[..., Rig]) -> Make:
    """An exchange with a key of the company's: as over TLS, which is not played here."""
    stream.install()
    failover.install()

    def make(**section: Any) -> Wire:
        rig = make_rig(failover={"openai": {"to": [{"host": EU}, {"host": US}], **section}})
        key = CompanyKey(Pool([Member("openai", Secret("of-the-company", hosts=(HOME, EU, US)))]))
        rig.state.snapshot = replace(rig.state.snapshot, secrets={"openai": key})
        one = Wire(rig)

        def given(flow: Any) -> None:
            trace, data = one.trace, flow.request.data
            trace.managed_key, trace.unkeyed = "openai", (flow.request.headers.fields, data.path)
            home = Home(data.host, data.authority, data.path, flow.request.headers.fields, HOME)
            trace.route = Route(rig.state.snapshot.settings.failover["openai"], key, home, HOME)

        one.on["request"] = given
        return one

    return make


def test_streams_without_a_route_are_as_they_were(wire: Make) -> None:
    one = wire()
    del one.on["request"]
    one.client(post(chat("hello")))
    assert isinstance(one.layer.streams[1], FailoverStream) and one.timers == []
    one.upstream(answer(b"{}", "Content-Length: 2", status="500 Oh"))
    assert one.to_client.startswith(b"HTTP/1.1 500 ") and "attempt_failed" not in one.hooks


@pytest.mark.parametrize("fault", ["status", "reset", "garbage", "timeout"])
def test_the_same_request_goes_to_the_next_place(fault: str, wire: Make) -> None:
    one = wire()
    body = chat("hello")
    one.client(post(body))
    before = one.servers[-1]
    if fault == "status":
        one.upstream(answer(b"no", "Content-Length: 20", status="503 Busy"))
    elif fault == "reset":
        one.upstream_leaves()
    elif fault == "garbage":
        one.upstream(b"what?\r\n\r\n")
    else:
        one.time_passes()
    assert one.to_client == b"" and one.servers[-1] is not before and before in one.closed
    assert f"Host: {EU}".encode() in one.to_upstream and body_of(one.to_upstream) == body
    one.upstream(sized(REPLY)[:-9])
    assert body_of(one.to_client) == REPLY[:-9]  # live
    one.upstream(REPLY[-9:])
    assert one.to_client.count(b"HTTP/1.1 ") == 1 and body_of(one.to_client) == REPLY
    assert [record.kind for record in one.rig.records if record.kind != "config"] == ["request", "response"]
    assert one.hooks.count("responseheaders") == one.hooks.count("request") == 1
    assert '"attempts":"2"' in one.rig.records[-1].extra


def test_a_place_that_cannot_be_reached(wire: Make) -> None:
    one = wire()
    one.refuses = "Connect call failed"

    def reachable(_: Any) -> None:
        one.refuses = ""

    one.on["attempt_failed"] = reachable
    one.client(post(chat("hello")))
    assert [server.address for server in one.servers] == [(EU, 80)]
    one.upstream(sized(REPLY))
    assert body_of(one.to_client) == REPLY


def test_when_none_can_be_reached_the_client_hears_of_it(wire: Make) -> None:
    one = wire()
    one.refuses = "Connect call failed"
    one.client(post(chat("hello")))
    assert one.to_client.startswith(b"HTTP/1.1 502 ") and one.hooks.count("attempt_failed") == 3
    assert '"attempts":"3"' in one.rig.records[-1].extra


def test_the_last_reply_passes_as_it_came(wire: Make) -> None:
    one = wire(attempts=2)
    one.client(post(chat("hello")))
    one.upstream(answer(b"{}", "Content-Length: 2", status="500 Oh"))
    one.upstream(answer(b'{"a":1}', "Content-Length: 7", "X-Told: yes", status="529 Much"))
    assert one.to_client.startswith(b"HTTP/1.1 529 Much") and b"X-Told: yes" in one.to_client
    assert body_of(one.to_client) == b'{"a":1}'


def test_a_reply_that_has_begun_is_not_asked_for_again(wire: Make) -> None:
    one = wire()
    one.client(post(chat("hello")))
    one.upstream(sized(REPLY)[:-9])
    one.upstream_leaves()
    assert len(one.servers) == 1 and "attempt_failed" not in one.hooks
    assert one.rig.records[-1].reason == "upstream closed the connection"


def test_one_that_takes_its_time_is_waited_for_when_there_is_no_other(wire: Make) -> None:
    one = wire(on=["connect"])
    one.client(post(chat("hello")))
    one.time_passes()
    assert len(one.servers) == 1 and one.to_client == b"" and one.servers[0] not in one.closed
    one.upstream(sized(REPLY))
    assert body_of(one.to_client) == REPLY


def test_a_time_that_is_over_is_nobodys_event(wire: Make) -> None:
    one = wire()
    one.client(post(chat("hello")))
    one.upstream(sized(REPLY))
    one.time_passes()
    assert len(one.servers) == 1 and one.trace.closed


def test_a_client_that_has_gone_is_not_served_elsewhere(wire: Make) -> None:
    one = wire()
    one.client(post(chat("hello")))
    one.on["attempt_failed"] = lambda _: None
    one.client_leaves()
    assert len(one.servers) == 1 and one.trace.closed
    assert not one.layer.streams


def test_where_a_request_went_whose_client_has_gone(wire: Make) -> None:
    """What it says is at both places by then, whoever answers."""
    one = wire()
    one.client(post(chat("hello")))
    one.upstream(answer(b"no", "Content-Length: 20", status="503 Busy"))
    one.client_leaves()
    row = one.rig.records[-1]
    said = json.loads(row.extra)
    assert row.reason == "client closed the connection" and said["attempts"] == "2"
    tried = [attempt.rpartition(" ")[0] for attempt in said["attempted"].split("; ")]
    assert tried == [f"{HOME} openai 503", f"{EU} openai unanswered"] and "answered_by" not in said


def test_where_a_request_waits_when_there_is_no_other(wire: Make) -> None:
    one = wire(to=[{"host": EU}])
    one.client(post(chat("hello")))
    one.upstream_leaves()
    one.time_passes()
    assert one.trace.extra["attempted"].endswith(f"; {EU} openai unanswered 0ms")
    one.upstream(sized(REPLY))
    assert one.trace.extra["attempts"] == "2" and "unanswered" not in one.trace.extra["attempted"]
    assert one.trace.extra["answered_by"] == f"{EU} openai 200"


def test_a_failing_decision_is_a_refusal(wire: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = wire()
    one.client(post(chat("hello")))
    monkeypatch.setattr(Route, "made", property(lambda _: 1 / 0))
    one.upstream(answer(b"{}", "Content-Length: 2", status="500 Oh"))
    assert one.to_client.startswith(b"HTTP/1.1 503 ") and b"could not inspect" in one.to_client
    assert len(one.servers) == 1 and one.rig.records[-1].rule_id == "on-failure"
    assert one.trace.failed == "routing.attempt_failed: ZeroDivisionError"


def test_requests_of_one_connection_each_find_their_place(wire: Make) -> None:
    one = wire(breaker={"failures": 1000})
    for number in range(20):
        one.client(post(chat(f"number {number}")))
        one.upstream(answer(b"{}", "Content-Length: 2", status="500 Oh"))
        other = next(server for server in one.servers if server.address == (EU, 80))
        one.servers.append(other)  # the newest that was sent something
        assert f"number {number}".encode() in one.to_upstream
        one.upstream(sized(REPLY))
    assert one.to_client.count(b"HTTP/1.1 200 OK") == 20 and b" 500 " not in one.to_client
    assert len({server.id for server in one.servers if server.address == (EU, 80)}) == 1


def test_installing_again_changes_nothing() -> None:
    stream.install()
    failover.install()
    failover.install()
    assert http_layers.HttpStream is FailoverStream


class Timer:
    """As much of a task as is needed."""

    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


def test_a_deadline_that_is_called_off_leaves_nothing_behind(wire: Make) -> None:
    one = wire()
    for number in range(3):
        one.client(post(chat(f"number {number}")))
        deadline, timer = one.timers[-1], Timer()
        assert isinstance(deadline, Deadline) and deadline in one.layer.command_sources
        deadline.timer = timer  # type: ignore[assignment]  # as the handler does
        one.upstream(sized(REPLY))
        assert timer.cancelled
    assert one.layer.command_sources == {} and one.layer.streams == {}
