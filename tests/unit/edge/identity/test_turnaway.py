"""What callers are told whose proof is missing or wrong, and what the audit is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.rig import Rig
from weir.edge.identity.turnaway import Wrong, answer_wrong, challenge, tunnel_record
from weir.edge.trace import link_of
from weir.identity import users

CHEAP = users.Work(log2_n=10, r=1, p=1)
ISSUER = {"issuer": "https://login.example.com/tenant", "audience": "weir"}


@pytest.fixture
def known(make_rig: Callable[..., Rig], tmp_path: Path) -> Rig:
    users.add(tmp_path / "users", "jane", "correct horse", work=CHEAP)
    return make_rig(identity={"users": str(tmp_path / "users"), "issuers": [ISSUER]})


def said(flow: Any) -> tuple[int, str, list[str]]:
    response = flow.response
    return response.status_code, json.loads(response.content)["rule"], response.headers.get_all("proxy-authenticate")


BASIC, BEARER = 'Basic realm="weir", charset="UTF-8"', 'Bearer realm="weir"'


@pytest.mark.parametrize(
    ("wrong", "here", "expected"),
    [
        (Wrong("basic", "x"), True, (407, "identity-required", [BASIC, BEARER])),
        (Wrong("", "cannot be read"), True, (407, "identity-required", [BASIC, BEARER])),
        (Wrong("jwt", "x", retry_after_s=0.2), True, (407, "identity-throttled", [BASIC, BEARER])),
        (Wrong("jwt", "x", down=True), True, (503, "identity-required", [])),
        (Wrong("certificate", "x"), True, (403, "identity-required", [])),
        (Wrong("jwt", "x"), False, (403, "identity-required", [])),
        (Wrong("basic", "x", down=True), False, (503, "identity-required", [])),
    ],
)
def test_answers(known: Rig, wrong: Wrong, here: bool, expected: tuple[int, str, list[str]]) -> None:
    flow = known.flow()
    answer_wrong(flow, known.state.snapshot, wrong, here=here)
    assert said(flow) == expected
    assert flow.response is not None
    assert flow.response.headers.get("retry-after") == ("1" if wrong.retry_after_s else None)
    assert flow.response.headers.get("connection") == (None if here or wrong.down else "close")


def test_http2_has_no_header_that_closes(known: Rig) -> None:
    flow = known.flow()
    flow.request.http_version = "HTTP/2.0"
    answer_wrong(flow, known.state.snapshot, Wrong("jwt", "x"), here=False)
    assert flow.response is not None and "connection" not in flow.response.headers


def test_only_what_can_be_checked_is_asked_for(make_rig: Callable[..., Rig], known: Rig) -> None:
    rigs = {
        "jwt": (make_rig(identity={"issuers": [ISSUER]}), [BEARER]),
        "both": (known, [BASIC, BEARER]),
        "order": (make_rig(identity={"issuers": [ISSUER], "sources": ["network"]}), []),
    }
    for rig, expected in rigs.values():
        flow = rig.flow()
        challenge(flow, rig.state.snapshot)
        assert said(flow) == (407, "identity-required", expected)


def test_the_reason_names_the_source() -> None:
    assert Wrong("jwt", "the token has expired").reason == "jwt: the token has expired"
    assert Wrong("", "cannot be read").reason == "proxy-authorization: cannot be read"


def test_the_record_of_a_tunnel(known: Rig) -> None:
    flow = known.flow(method="CONNECT")
    challenge(flow, known.state.snapshot)
    link = link_of(flow.client_conn)
    assert (tunnel_record(flow).rule_id, tunnel_record(flow).reason) == ("on-failure", "tunnel refused")
    link.refused_by, link.refused_why, link.failures = "identity-throttled", "basic: slowed", 7
    link.auth_asked = "basic=wrong network=no"
    record = tunnel_record(flow)
    assert (record.kind, record.action, record.rule_id, record.reason, record.http_status) == (
        "block", "block", "identity-throttled", "basic: slowed", 407
    )  # fmt: skip
    assert record.auth_asked == "basic=wrong network=no" and json.loads(record.extra) == {"failures": "7"}
    link.failed = "identity.http_connect: WorkersBusy"
    assert (tunnel_record(flow).rule_id, tunnel_record(flow).reason) == ("on-failure", link.failed)
