"""Who is left alone after turning the certificate down, and who is not."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection, tls
from mitmproxy.proxy import context
from mitmproxy.test import tflow

from harness.rig import Rig, chat, mitmproxy
from weir.edge.trace import Link, link_of
from weir.tls.pins import Pins

HOUR = 3600.0
LOOKED = {"decrypt": "always", "pinned": {"after": 3, "hours": 2}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def hello(host: str, ciphers: tuple[int, ...] = (0x1301,), peer: str = "10.1.2.3") -> tls.ClientHelloData:
    client = tflow.tclient_conn()
    client.sni, client.alpn, client.alpn_offers, client.peername = host, None, (), (peer, 40_000)
    client.timestamp_start = 0
    with mitmproxy() as tctx:
        where = context.Context(client, tctx.options)
    where.server = connection.Server(address=(host, 443))
    offer = SimpleNamespace(cipher_suites=list(ciphers), extensions=[(0, b""), (16, b"")])
    return tls.ClientHelloData(where, offer)  # type: ignore[arg-type]


def connect(rig: Rig, host: str, **of: Any) -> Link:
    """A connection's first steps; its link, `metered` standing for undecrypted."""
    data = hello(host, **of)
    rig.addon("tls").tls_clienthello(data)
    link = link_of(data.context.client)
    link.metered = data.ignore_connection
    rig.addon("connections").tls_clienthello(data)
    if not data.ignore_connection:
        data.context.client.error = "the client does not trust it: unknown ca"
        rig.addon("connections").tls_failed_client(tls.TlsData(data.context.client, data.context))
    return link


def test_after_so_many_tries_and_for_so_many_hours(make_rig: Callable[..., Rig]) -> None:
    rig, clock = make_rig(discover=LOOKED), Clock()
    rig.state.pins = Pins(clock)
    assert [connect(rig, "shop.example").metered for _ in range(5)] == [False, False, False, True, True]
    assert [(r.kind, r.inspection) for r in rig.records] == [("error", "pinned")] * 3 + [("request", "pinned")] * 2
    assert [r.extra for r in rig.records] == [f'{{"tries":"{n}"}}' for n in (1, 2, 3)] + [""] * 2
    assert not connect(rig, "shop.example", peer="10.1.2.4").metered
    assert not connect(rig, "shop.example", ciphers=(0x1302,)).metered, "another program on the same machine"
    assert not connect(rig, "other.example").metered
    clock.now += 2 * HOUR
    assert not connect(rig, "shop.example").metered


@pytest.mark.parametrize(
    ("mode", "on_failure", "passes", "verdict"),
    [
        ("enforce", "block", False, ""),
        ("enforce", "allow", True, "allow"),
        ("observe", "block", True, "block"),  # nothing is changed, and what would have been is told
        ("observe", "allow", True, "allow"),
    ],
)
@pytest.mark.parametrize("host", ["api.openai.com", "included.example"])
def test_where_policy_wants_to_see_on_failure_decides(
    make_rig: Callable[..., Rig], host: str, mode: str, on_failure: str, passes: bool, verdict: str
) -> None:
    rig = make_rig(
        mode=mode, on_failure=on_failure, rules=[], discover=LOOKED, intercept={"include": ["included.example"]}
    )
    assert [connect(rig, host).metered for _ in range(5)] == [False] * 3 + [passes] * 2
    last = rig.records[-1]
    assert (last.inspection, last.action) == ("pinned", "allow") and (not passes or last.verdict == verdict)
    assert last.service == ("openai" if "openai" in host else "")


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ({"if": {"inspection": "pinned"}, "then": "block"}, False),
        ({"if": {"status": "unsanctioned"}, "then": "coach"}, False),  # nobody can be asked inside of it
        ({"if": {"status": "unsanctioned"}, "then": "alert"}, True),
        ({"if": {"status": "sanctioned"}, "then": "block"}, True),
    ],
)
def test_rules_count_where_failures_may_pass(make_rig: Callable[..., Rig], rule: dict[str, Any], passes: bool) -> None:
    rig = make_rig(
        mode="enforce", on_failure="allow", rules=[{"id": "r", **rule}], discover=LOOKED,
        services={"sanctioned": ["openai"], "otherwise": "unsanctioned"},
    )  # fmt: skip
    assert [connect(rig, "chat.deepseek.com").metered for _ in range(4)] == [False] * 3 + [passes]


def test_a_request_shows_that_the_client_trusts(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(discover=LOOKED)
    for _ in range(2):
        connect(rig, "shop.example")
    flow = rig.flow(b"{}", host="shop.example", path="/v1/orders")
    link = link_of(flow.client_conn)
    link.who, link.sni = connect(rig, "shop.example", ciphers=(0x1301,)).who, "shop.example"
    rig.play(flow, "requestheaders")
    assert [connect(rig, "shop.example").metered for _ in range(4)] == [False] * 3 + [True]


def test_leaving_without_a_request_counts_only_where_one_looks(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(discover=LOOKED)

    def leave(host: str) -> bool:
        data = hello(host)
        rig.addon("tls").tls_clienthello(data)
        client = data.context.client
        client.timestamp_tls_setup = 1.0
        link_of(client).metered = data.ignore_connection
        rig.addon("connections").client_disconnected(client)
        return data.ignore_connection

    assert [leave("shop.example") for _ in range(4)] == [False] * 3 + [True]
    assert [leave("api.openai.com") for _ in range(4)] == [False] * 4


def test_a_host_on_which_ai_was_discovered_is_looked_at_like_any_ai_service(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(mode="enforce", on_failure="block", discover=LOOKED)
    assert rig.play(rig.flow(chat(), host="llm.example"), "requestheaders", "request").discovered
    assert [connect(rig, "llm.example").metered for _ in range(5)] == [False] * 5


@pytest.mark.parametrize(("decrypt", "kept"), [("always", 1), ("never", 0)])
def test_trust_is_remembered_only_where_silence_counts(make_rig: Callable[..., Rig], decrypt: str, kept: int) -> None:
    rig = make_rig(discover={"decrypt": decrypt})
    host = "shop.example" if decrypt == "always" else "api.openai.com"
    flow = rig.flow(b"{}", host=host, path="/v1/orders")
    link = link_of(flow.client_conn)
    link.who, link.sni, link.looked = ("10.1.2.3", "aa"), host, decrypt == "always"
    rig.play(flow, "requestheaders")
    assert len(rig.state.pins._known) == kept


@pytest.mark.parametrize(("otherwise", "passes"), [("unsanctioned", False), ("tolerated", True)])
def test_rules_about_services_hold_for_discovered_ones_too(
    make_rig: Callable[..., Rig], otherwise: str, passes: bool
) -> None:
    rule = {"id": "approved-only", "if": {"status": "unsanctioned"}, "then": "block", "say": "No."}
    rig = make_rig(on_failure="allow", rules=[rule], discover=LOOKED, services={"otherwise": otherwise})
    rig.play(rig.flow(chat(), host="app.corp.example"), "requestheaders", "request")
    assert [connect(rig, "App.corp.example").metered for _ in range(4)] == [False] * 3 + [passes]
    last = rig.records[-1]
    assert (last.inspection, last.service, last.service_status) == ("pinned", "app.corp.example", otherwise)
