"""Where a request goes when its place fails: which key goes in, which never does, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mitmproxy import http
from mitmproxy.flow import Error

from harness.rig import Rig, chat, run
from weir.demo.awssign import signed
from weir.edge.answer import gateway_error
from weir.edge.routing import failed, settle
from weir.edge.trace import Trace
from weir.edge.wire.attempt import Attempt
from weir.keys.company import CompanyKey
from weir.keys.pool import Member, Pool
from weir.model import Secret
from weir.routing.choice import Said

HOME, EU = "api.openai.com", "eu.api.openai.com"
EAST, WEST = "bedrock-runtime.us-east-1.amazonaws.com", "bedrock-runtime.us-west-2.amazonaws.com"
SIGNING = "synthetic-" * 4
AWS = json.dumps({"AccessKeyId": "AKIA" + "DOUBLE" * 2 + "ABCD", "SecretAccessKey": SIGNING})
CONVERSE = json.dumps({"messages": [{"role": "user", "content": [{"text": "How high?"}]}]}).encode()
TO = [{"key": "second"}, {"host": EU, "key": "eu"}]
Make = Callable[..., Rig]


def key(**members: tuple[str, tuple[str, ...]]) -> CompanyKey:
    return CompanyKey(
        Pool([Member(f"openai-{name}", Secret(value, hosts=hosts)) for name, (value, hosts) in members.items()])
    )


@pytest.fixture
def rig(make_rig: Make) -> Rig:
    return having(make_rig(failover={"openai": {"to": TO, "breaker": {"failures": 2}}}))


def having(rig: Rig, **more: CompanyKey) -> Rig:
    own = key(first=("value-1", (HOME,)), second=("value-2", (HOME,)), eu=("value-eu", (EU,)))
    rig.state.snapshot = replace(rig.state.snapshot, secrets={"openai": own, **more})
    own.pool.report("openai-second", 429, 0.001)  # the first one goes first
    return rig


def ask(rig: Rig, **more: Any) -> tuple[http.HTTPFlow, Trace]:
    virtual = rig.state.virtual_keys.create(app="crawler", team="finance")[1]
    flow = rig.flow(**{"body": chat("hello"), "headers": {"authorization": f"Bearer {virtual}"}, **more})
    return flow, rig.play(flow, "requestheaders", "request")


def fail(rig: Rig, flow: http.HTTPFlow, trace: Trace, cause: str, **headers: str) -> Attempt:
    response = http.Response.make(int(cause), b"", headers) if cause.isdecimal() else None
    attempt = Attempt(flow, cause, response)
    run(failed(rig.state, trace, attempt))
    return attempt


def sent(flow: http.HTTPFlow) -> tuple[str, str, str]:
    return flow.request.host, flow.request.headers["host"], flow.request.headers["authorization"]


def test_each_place_gets_its_own_key_and_the_body_as_it_was(make_rig: Make) -> None:
    rig = make_rig(failover={"openai": {"to": TO}})
    own = key(first=("value-1", (HOME,)), eu=("value-eu", (EU,)), second=("value-2", (HOME,)))
    rig.state.snapshot = replace(rig.state.snapshot, secrets={"openai": own})
    flow, trace = ask(rig)
    first, host = trace.managed_key, flow.request.headers["authorization"]
    body = flow.request.raw_content
    assert host in ("Bearer value-1", "Bearer value-2")
    assert fail(rig, flow, trace, "500").again
    other = "value-2" if first == "openai-first" else ""
    if other:
        assert sent(flow) == (HOME, HOME, f"Bearer {other}")
        assert fail(rig, flow, trace, "503").again
    assert sent(flow) == (EU, EU, "Bearer value-eu") and flow.request.raw_content == body
    assert trace.managed_key == "openai-eu" and trace.given is not None and trace.given.reveal() == "value-eu"
    assert not fail(rig, flow, trace, "500").again  # there is no more
    assert trace.extra["attempts"] == str(3 if other else 2) and "answered_by" not in trace.extra
    assert trace.extra["attempted"].startswith(f"{HOME} {first} 500 ")


def test_what_did_not_answer_is_not_asked_with_another_key(rig: Rig) -> None:
    flow, trace = ask(rig)
    assert fail(rig, flow, trace, "connect").again
    assert sent(flow)[0] == EU
    settle(rig.state, trace, flow, 200)
    assert trace.extra["answered_by"] == f"{EU} openai-eu 200" and trace.route is not None and trace.route.over


def test_a_cause_that_policy_does_not_name(make_rig: Make) -> None:
    rig = having(make_rig(failover={"openai": {"to": TO, "on": [429, 503]}}))
    flow, trace = ask(rig)
    before = sent(flow)
    assert not fail(rig, flow, trace, "500").again and sent(flow) == before
    flow, trace = ask(rig)
    assert fail(rig, flow, trace, "503").again


def test_no_more_attempts_than_policy_says(make_rig: Make) -> None:
    rig = having(make_rig(failover={"openai": {"to": TO, "attempts": 2}}))
    flow, trace = ask(rig)
    assert fail(rig, flow, trace, "500").again
    assert not fail(rig, flow, trace, "500").again


def test_a_limit_rests_the_key_there_and_the_next_request_passes_it_by(rig: Rig) -> None:
    flow, trace = ask(rig)
    first = trace.managed_key
    assert fail(rig, flow, trace, "429", **{"retry-after": "60"}).again
    assert rig.state.board.limited(HOME, first)
    assert any(f"key {first} rests 60 s after 429" in record.reason for record in rig.records)
    assert ask(rig)[1].managed_key != first


def test_a_host_that_rests_is_passed_by_before_anything_is_sent(rig: Rig) -> None:
    for _ in range(2):
        flow, trace = ask(rig)
        fail(rig, flow, trace, "connect")
    assert any(f"upstream {HOME} rests 30 s after 2 failures (connect)" == one.reason for one in rig.records)
    flow, trace = ask(rig)
    assert sent(flow) == (EU, EU, "Bearer value-eu") and flow.response is None
    assert rig.records[-1].managed_key == "openai-eu"  # the request's record, before it goes
    settle(rig.state, trace, flow, 200)
    assert trace.extra["attempts"] == "1" and " resting " in trace.extra["attempted"]


def virtual_of(rig: Rig, app: str) -> dict[str, str]:
    return {"authorization": f"Bearer {rig.state.virtual_keys.create(app=app, team='finance')[1]}"}


@pytest.mark.parametrize("cause", ["500", "timeout", "reset", "503"])
def test_whose_requests_alone_fail_takes_the_host_from_nobody(cause: str, rig: Rig) -> None:
    mine, others = virtual_of(rig, "crawler"), virtual_of(rig, "writer")
    for _ in range(2):
        flow, trace = ask(rig, headers=mine)
        assert sent(flow)[0] == HOME
        fail(rig, flow, trace, cause, **({"retry-after": "30"} if cause == "503" and _ else {}))
    whose = trace.principal.key_id
    assert rig.state.board.state(HOME) == "closed" and rig.state.board.state(HOME, whose) == "open"
    assert any(f"upstream {HOME} rests 30 s" in one.reason and one.reason.endswith("alone") for one in rig.records)
    assert sent(ask(rig, headers=mine)[0])[0] == EU
    flow, trace = ask(rig, headers=others)
    assert sent(flow)[0] == HOME, "others go there as ever"
    fail(rig, flow, trace, cause)
    assert rig.state.board.state(HOME) == "open", "now it is no longer one caller's matter"


@pytest.mark.parametrize("connecting", [True, False])
def test_a_time_out_is_the_hosts_when_there_was_no_connection(connecting: bool, rig: Rig) -> None:
    mine = virtual_of(rig, "crawler")
    for _ in range(2):
        flow, trace = ask(rig, headers=mine)
        run(failed(rig.state, trace, Attempt(flow, "timeout", None, connecting=connecting)))
    assert rig.state.board.state(HOME) == ("open" if connecting else "closed")


def test_the_most_useful_of_the_replies_that_were_given_up_is_kept(rig: Rig) -> None:
    flow, trace = ask(rig)
    assert fail(rig, flow, trace, "429", **{"retry-after": "20"}).again
    assert trace.route is not None and trace.route.said == Said(429, 20.0)
    if flow.request.host == HOME:  # which of its keys came first is a matter of their weights
        assert fail(rig, flow, trace, "500").again
    assert trace.route.said == Said(429, 20.0)
    assert not fail(rig, flow, trace, "connect").again
    flow.error = Error("[Errno 111] Connect call failed")
    gateway_error(flow)
    assert flow.response is not None and flow.response.status_code == 429
    assert flow.response.headers["retry-after"] == "20" and "x-should-retry" not in flow.response.headers
    assert "Another of its places answered with 429." in flow.response.text


def test_when_all_rest_the_provider_itself_says_no(rig: Rig) -> None:
    for host in (HOME, EU):
        rig.state.board.failed(host, 1, 30.0)
    flow, trace = ask(rig)
    assert sent(flow)[0] == HOME and trace.route is not None
    assert not fail(rig, flow, trace, "500").again


@pytest.mark.parametrize("change", ["own key", "socket", "streamed", "other service"])
def test_what_never_goes_elsewhere(change: str, rig: Rig) -> None:
    if change == "own key":
        flow, trace = ask(rig, headers={"authorization": "Bearer sk-of-the-client"})
    elif change == "socket":
        virtual = rig.state.virtual_keys.create(app="crawler", team="finance")[1]
        flow, trace = ask(rig, headers={"authorization": f"Bearer {virtual}", "upgrade": "websocket"})
    elif change == "streamed":
        flow, trace = ask(rig)
        trace.route, flow.request.stream = None, True
        rig.play(flow, "request")
    else:
        flow, trace = ask(rig, host="api.anthropic.com", path="/v1/messages")
    assert trace.route is None


def test_a_key_never_goes_where_it_is_not_bound(make_rig: Make) -> None:
    rig = having(make_rig(failover={"openai": {"to": [{"host": EU, "key": "second"}, {"host": "api.groq.com"}]}}))
    flow, trace = ask(rig)
    before = sent(flow)
    assert not fail(rig, flow, trace, "500").again and sent(flow) == before


def test_another_region_gets_a_signature_of_its_own(make_rig: Make) -> None:
    rig = make_rig(
        services={"sanctioned": ["aws-bedrock"], "otherwise": "unsanctioned"},
        failover={"aws-bedrock": {"to": [{"host": WEST}]}},
    )
    own = CompanyKey(Pool([Member("aws-bedrock", Secret(AWS, hosts=(EAST, WEST)))]), "aws")
    rig.state.snapshot = replace(rig.state.snapshot, secrets={"aws-bedrock": own})
    model = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    flow, trace = ask(rig, host=EAST, path=model, body=CONVERSE)
    assert "/us-east-1/bedrock/" in flow.request.headers["authorization"]
    assert fail(rig, flow, trace, "429").again  # the limit is one of the region: the same key is good in another
    assert flow.request.host == flow.request.headers["host"] == WEST
    assert "/us-west-2/bedrock/" in flow.request.headers["authorization"]
    headers = {name.lower(): value for name, value in flow.request.headers.items()}
    path = "/model/anthropic.claude-sonnet-4-5-20250929-v1:0/converse"
    assert signed("POST", path, headers, flow.request.raw_content or b"", SIGNING)


def test_one_that_is_slow_and_has_no_other_place_is_one_attempt(make_rig: Make) -> None:
    rig = having(make_rig(failover={"openai": {"to": [{"key": "nobody's"}]}}))
    flow, trace = ask(rig)
    attempt = Attempt(flow, "timeout", waits=True)
    run(failed(rig.state, trace, attempt))
    assert not attempt.again
    settle(rig.state, trace, flow, 200)
    assert "attempts" not in trace.extra


def test_no_key_and_no_header_in_what_is_shown_of_it(rig: Rig) -> None:
    _, trace = ask(rig)
    assert "value-" not in repr(trace) and "weir-sk-" not in repr(trace.route)


@pytest.mark.parametrize("where", ["another port", "an address of the client's"])
def test_nobody_sends_a_host_to_rest_for_all(where: str, rig: Rig) -> None:
    """A client chooses the port, and with an address and a name in TLS where that name is said to be."""
    for _ in range(5):
        flow = rig.flow(body=chat("hello"), headers={"authorization": f"Bearer {_virtual(rig)}"})
        if where == "another port":
            flow.request.port = 444
        else:
            flow.request.data.host, flow.client_conn.sni = "203.0.113.9", HOME
            flow.server_conn.address = ("203.0.113.9", 443)
        trace = rig.play(flow, "requestheaders", "request")
        if trace.managed_key == "openai-eu":
            break  # that place rests, and was passed by
        assert fail(rig, flow, trace, "connect").again
    assert rig.state.board.state(HOME) == "closed"
    flow, trace = ask(rig)
    assert sent(flow)[0] == HOME, "others go there as ever"


def _virtual(rig: Rig) -> str:
    return rig.state.virtual_keys.create(app="crawler", team="finance")[1]
