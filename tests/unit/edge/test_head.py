"""Heads that come again: what is known of one holds for the next, and for none that is another but in its length."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from mitmproxy import http

from harness.rig import CREDENTIAL, Rig, chat
from weir.edge.head import _PASSING as PASSING
from weir.edge.head import Head
from weir.edge.trace import trace_of
from weir.keys.company import _OF_ACCOUNTS as OF_ACCOUNTS
from weir.keys.raw import ANYWHERE
from weir.keys.signing.sigv4 import _REMADE as REMADE
from weir.providers.services.registry import Registry

OTHER = "sk-" + "proj-" + "b7" * 24


def again(rig: Rig, before: http.HTTPFlow, body: bytes = b"", **other: str) -> http.HTTPFlow:
    """A request as `before`'s on its connection, with some header lines others."""
    flow = rig.flow(body or chat("and a longer one than before"), headers={"authorization": "Bearer one", **other})
    flow.client_conn = before.client_conn
    return flow


def head(rig: Rig, flow: http.HTTPFlow) -> Head:
    trace = rig.play(flow, "requestheaders")
    return trace.head


def test_the_same_head_is_known_whatever_the_length(rig: Rig) -> None:
    first = rig.flow(chat("hello"), headers={"authorization": "Bearer one"})
    known = head(rig, first)
    second = again(rig, first)
    assert second.request.headers["content-length"] != first.request.headers["content-length"]
    assert head(rig, second) is known
    one, two = trace_of(first), trace_of(second)
    assert one and two
    assert (one.names, one.service, one.endpoint, one.dialect) == (two.names, two.service, two.endpoint, two.dialect)
    assert (
        (one.presented, one.raw, one.key_fingerprint) == (two.presented, two.raw, two.key_fingerprint) != ((), (), "")
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("X-Stainless-Retry-Count", ("0", "1")),
        ("Idempotency-Key", (f"stainless-python-retry-{uuid4()}", f"stainless-python-retry-{uuid4()}")),
        ("traceparent", ("00-" + "a1" * 16 + "-" + "b2" * 8 + "-01", "00-" + "c3" * 16 + "-" + "d4" * 8 + "-01")),
        ("x-request-id", (str(uuid4()), uuid4().hex)),
    ],
)
def test_what_numbers_a_request_makes_no_other_head(rig: Rig, name: str, values: tuple[str, str]) -> None:
    first = rig.flow(chat("hello"), headers={"authorization": "Bearer one", name: values[0]})
    known = head(rig, first)
    assert head(rig, again(rig, first, **{name: values[1]})) is known
    assert head(rig, again(rig, first, **{name: OTHER})) is not known
    assert head(rig, again(rig, first)) is not known


@pytest.mark.parametrize(
    "other",
    [
        {"authorization": f"Bearer {OTHER}"},
        {"x-api-key": "another"},
        {"host": "API.openai.com"},
        {"user-agent": "tool/2.0"},
        {"accept-encoding": "br"},
        {"content-length": "5x"},
    ],
)
def test_any_other_line_makes_another_head(rig: Rig, other: dict[str, str]) -> None:
    first = rig.flow(chat("hello"), headers={"authorization": "Bearer one"})
    known = head(rig, first)
    assert head(rig, again(rig, first, **other)) is not known


def test_another_credential_is_that_of_its_own_request(rig: Rig) -> None:
    first = rig.flow(chat("hello"), headers={"authorization": "Bearer one"})
    rig.play(first, "requestheaders", "request")
    second = again(rig, first, authorization=f"Bearer {OTHER}")
    rig.play(second, "requestheaders", "request")
    third = again(rig, first)
    rig.play(third, "requestheaders", "request")
    prints = [record.api_key_fp for record in rig.records]
    assert prints[0] == prints[2] != prints[1] and all(prints)


@pytest.mark.parametrize("change", ["path", "method", "host", "sni", "tunnel"])
def test_another_target_makes_another_head(rig: Rig, change: str) -> None:
    first = rig.flow(chat("hello"), headers={"authorization": "Bearer one"})
    known = head(rig, first)
    second = again(rig, first)
    if change == "path":
        second.request.path = "/v1/models"
    elif change == "method":
        second.request.method = "GET"
    elif change == "host":
        second.request.data.host = "api.anthropic.com"
    elif change == "sni":
        second.client_conn.sni = "api.anthropic.com"
    else:
        second.server_conn.address = ("192.0.2.7", 443)
    assert head(rig, second) is not known


def test_a_policy_that_is_swapped_is_asked_anew(rig: Rig, make_rig: Callable[..., Rig]) -> None:
    first = rig.flow(chat("hello"), headers={"authorization": "Bearer one"})
    rig.play(first, "requestheaders")
    other = make_rig(services={"sanctioned": [], "otherwise": "unsanctioned"})
    rig.state.snapshot = other.state.snapshot
    second = again(rig, first)
    rig.play(second, "requestheaders")
    one, two = trace_of(first), trace_of(second)
    assert one and two and one.service.status == "sanctioned" and two.service.status == "unsanctioned"


def test_a_malformed_head_is_refused_each_time(rig: Rig) -> None:
    first = rig.flow(chat("hello"), headers={"authorization": "Bearer one"})
    for _ in range(2):
        flow = again(rig, first, host="two words")
        rig.play(flow, "requestheaders")
        assert flow.response is not None and flow.response.status_code == 400
    many = again(rig, first)
    many.request.headers = http.Headers([*many.request.headers.fields, *[(b"x", b"y")] * 2000])
    rig.play(many, "requestheaders")
    assert many.response is not None and many.response.status_code == 400


def test_a_long_head_is_not_kept(rig: Rig) -> None:
    first = rig.flow(chat("hello"), headers={"authorization": "Bearer one"})
    known = head(rig, first)
    long = again(rig, first, cookie="c" * 20_000)
    assert head(rig, long) is not known
    trace = trace_of(long)
    assert trace is not None and trace.link.head is known


def test_nothing_of_it_is_shown(rig: Rig) -> None:
    flow = rig.flow(chat("hello"), headers={"authorization": f"Bearer {CREDENTIAL}"})
    trace = rig.play(flow, "requestheaders")
    assert CREDENTIAL not in repr(trace.head) + repr(trace.link.head)


def test_what_is_made_once_is_made_once() -> None:
    made, known = list[int](), Head()
    for _ in range(3):
        assert known.once("n", lambda: made.append(1)) is None  # None is a value too
    assert made == [1]


def deciding() -> set[str]:
    """Header names by which anybody decides anything: credentials of providers, of keys and of callers, and signs."""
    names = {"authorization", "proxy-authorization", "cookie", "host", *REMADE, *OF_ACCOUNTS}
    names |= {place.header for place in ANYWHERE}
    for provider in Registry.load().providers:
        names |= {place.header for place in provider.auth}
        for operation in provider.operations:
            names |= {sign.header for sign in (operation.model_sign, operation.stream_sign) if sign is not None}
    return {name.lower() for name in names} - {""}


def test_what_makes_no_other_head_decides_nothing() -> None:
    """A credential in such a line would be looked at once a connection, and that of the next request not at all."""
    passing = {name.decode() for name in PASSING}
    assert len(deciding()) > 12 and not passing & deciding()
