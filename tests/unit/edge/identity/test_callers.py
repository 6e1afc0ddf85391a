"""Who calls, as the edge finds out; the addon's behaviour stands in tests/edge/test_identity_addon.py."""

from __future__ import annotations

import asyncio
import base64
import time
import timeit
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.proxy.mode_specs import ProxyMode

from harness.rig import Rig, chat, run
from weir.edge.identity.callers import (
    CREDENTIALS,
    Settled,
    arrive,
    by_key,
    check,
    credentials_of,
    hears,
    identify,
    of_connection,
)  # fmt: skip
from weir.edge.process.workers import Lane, Workers
from weir.edge.state import Snapshot
from weir.edge.trace import Link, Trace, link_of
from weir.identity import users
from weir.identity.desk import Said
from weir.identity.sources import Answer
from weir.model import ANONYMOUS, Principal

CHEAP = users.Work(log2_n=10, r=1, p=1)
NETWORK = {"cidr": "10.1.0.0/16", "team": "finance"}


@pytest.fixture
def users_file(tmp_path: Path) -> str:
    path = tmp_path / "users"
    users.add(path, "jane", "correct horse", team="legal", work=CHEAP)
    users.add(path, "joe", "other horse", team="sales", work=CHEAP)
    return str(path)


@pytest.fixture
def known(make_rig: Callable[..., Rig], users_file: str) -> Rig:
    return make_rig(identity={"users": users_file, "networks": [NETWORK]})


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def connect(rig: Rig, given: str | None = None, *, mode: str = "regular", **options: Any) -> Any:
    flow = rig.flow(method="CONNECT", headers={CREDENTIALS: given} if given is not None else {}, **options)
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)
    run(arrive(rig.state, flow))
    assert CREDENTIALS not in flow.request.headers
    return flow


def asked(rig: Rig, given: str | None = None, *, tunnel: Any = None, mode: str = "regular", **options: Any) -> Trace:
    flow = rig.flow(chat(), headers={CREDENTIALS: given} if given is not None else {}, **options)
    flow.client_conn.proxy_mode = ProxyMode.parse(mode)
    if tunnel is not None:
        flow.client_conn = tunnel.client_conn
    trace = rig.state.trace(flow)
    run(identify(rig.state, trace, flow, credentials_of(flow)))
    trace.extra = {**trace.extra, "status": str(flow.response.status_code) if flow.response else ""}
    return trace


def test_a_network_and_a_password(known: Rig) -> None:
    assert asked(known).principal == Principal(team="finance", method="network", strength=1)
    assert asked(known, peer="192.0.2.1").principal == ANONYMOUS
    trace = asked(known, basic("jane:correct horse"))
    assert (trace.principal.user, trace.principal.team, trace.principal.strength) == ("jane", "legal", 2)
    assert trace.auth_asked == "basic=yes network=yes"


@pytest.mark.parametrize("given", [basic("jane:other"), basic("no colon"), "Bearer x", "", "Basic"])
def test_what_is_wrong_refuses_whoever_else_knows_the_caller(known: Rig, given: str) -> None:
    trace = asked(known, given)
    assert trace.extra["status"] == "407" and trace.refused_by == "identity-required"
    assert trace.refused_why in ("basic: the name or the password is wrong", "proxy-authorization: cannot be read")
    tunnel = connect(known, given)
    assert tunnel.response.status_code == 407 and link_of(tunnel.client_conn).refused


def test_two_credentials_are_none(known: Rig) -> None:
    flow = known.flow()
    for _ in range(2):
        flow.request.headers.add(CREDENTIALS, basic("jane:correct horse"))
    given = credentials_of(flow)
    assert given and "Basic" not in given and CREDENTIALS not in flow.request.headers
    assert asked(known, given).extra["status"] == "407"


@pytest.mark.parametrize("mode", ["transparent", "reverse:https://api.openai.com", "socks5"])
def test_where_no_client_knows_of_a_proxy_credentials_are_taken_off_and_not_read(known: Rig, mode: str) -> None:
    for given in (basic("jane:correct horse"), basic("jane:wrong")):
        trace = asked(known, given, mode=mode)
        assert trace.principal.method == "network" and not trace.extra["status"]


def test_the_order_of_policy_counts(make_rig: Callable[..., Rig], users_file: str) -> None:
    rig = make_rig(identity={"users": users_file, "networks": [NETWORK], "sources": ["network", "basic"]})
    assert asked(rig, basic("jane:correct horse")).principal.team == "finance"
    without = make_rig(identity={"users": users_file, "networks": [NETWORK], "sources": ["network"]})
    assert not hears(without.state.snapshot, without.flow().client_conn)
    assert asked(without, basic("jane:wrong")).principal.team == "finance"


def test_a_password_is_checked_by_a_worker_once(known: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(known, basic("jane:correct horse")).principal.user == "jane"
    monkeypatch.setattr(known.state.workers, "run", None)  # calling it again would fail
    assert asked(known, basic("jane:correct horse")).principal.user == "jane"
    said = asyncio.run(check(known.state, known.state.snapshot, basic("jane:correct horse"), "10.9.9.9"))
    assert said.answer.principal and said.answer.principal.user == "jane"


def test_what_no_worker_has_time_for_is_nobodys(make_rig: Callable[..., Rig], users_file: str) -> None:
    rig = make_rig(identity={"users": users_file}, on_failure="allow")
    rig.state.workers = Workers(lanes={"identity": Lane(1, 0)})
    assert connect(rig, basic("jane:correct horse")).response.status_code == 503
    trace = asked(rig, basic("joe:other horse"))
    assert (trace.extra["status"], trace.refused_by) == ("503", "identity-required") and "too many" in trace.refused_why


def test_without_any_source_for_them_credentials_say_nothing(rig: Rig) -> None:
    assert asked(rig, basic("jane:anything")).principal == ANONYMOUS


def test_what_a_tunnel_proved_holds_for_its_requests_and_is_not_asked_again(
    known: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    tunnel = connect(known, basic("jane:correct horse"))
    assert tunnel.response is None
    monkeypatch.setattr("weir.edge.identity.evidence.answers", None)
    for _ in range(2):
        trace = asked(known, tunnel=tunnel)
        assert (trace.principal.user, trace.auth_asked) == ("jane", "basic=yes network=yes")


def test_another_policy_settles_a_tunnel_anew(known: Rig, make_rig: Callable[..., Rig], users_file: str) -> None:
    tunnel = connect(known, basic("jane:correct horse"))
    link = link_of(tunnel.client_conn)
    assert link.settled and link.settled.outcome.source == "basic"
    known.state.snapshot = make_rig(identity={"sources": ["network"], "networks": [NETWORK]}).state.snapshot
    assert asked(known, tunnel=tunnel).principal.method == "network"


def test_the_same_connection_may_try_again(known: Rig) -> None:
    tunnel = connect(known, basic("jane:wrong"))
    link = link_of(tunnel.client_conn)
    link.closed = True  # by the record of the refusal
    again = known.flow(method="CONNECT", headers={CREDENTIALS: basic("jane:correct horse")})
    again.client_conn = tunnel.client_conn
    run(arrive(known.state, again))
    assert again.response is None and not link.refused and not link.closed and link.principal.user == "jane"


def test_a_request_that_contradicts_its_tunnel(known: Rig) -> None:
    tunnel = connect(known, basic("jane:correct horse"))
    assert asked(known, basic("joe:other horse"), tunnel=tunnel).conflict == "user"
    same = asked(known, basic("jane:correct horse"), tunnel=tunnel)
    assert not same.conflict and same.principal.user == "jane"


def test_a_virtual_key_takes_its_place_in_the_order(make_rig: Callable[..., Rig], users_file: str) -> None:
    rig = make_rig(identity={"users": users_file, "networks": [NETWORK]})
    key = Principal(app="bot", team="legal", method="virtual_key", strength=3, key_id="vk-1")
    trace = asked(rig, basic("jane:correct horse"))
    by_key(trace, key)
    assert trace.principal == key and not trace.conflict
    assert trace.auth_asked == "virtual_key=yes basic=yes network=yes"
    other = asked(rig)
    by_key(other, Principal(app="bot", team="sales", method="virtual_key", strength=3))
    assert not other.conflict and other.principal.team == "sales", "a network contradicts no one"
    third = asked(rig, basic("joe:other horse"))
    by_key(third, key)
    assert third.conflict == "team"
    late = make_rig(identity={"users": users_file, "sources": ["basic", "virtual_key"]})
    trace = asked(late, basic("jane:correct horse"))
    by_key(trace, key)
    assert (trace.principal.user, trace.principal.key_id) == ("jane", "vk-1"), "the key pays, whoever calls"
    without = make_rig(identity={"users": users_file, "sources": ["basic"]})
    trace = asked(without)
    by_key(trace, key)
    assert trace.principal.method == "none", "a source that policy does not name is not believed"


def test_what_the_connection_itself_shows_and_is_wrong(known: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {"certificate": Answer(None, "the chain does not lead to the CA")}
    monkeypatch.setattr("weir.edge.identity.evidence.answers", lambda *_: wrong)
    trace = asked(known)
    assert trace.extra["status"] == "403" and trace.refused_why.startswith("certificate: ")
    tunnel = connect(known)
    assert tunnel.response.status_code == 403


def test_what_takes_work_is_waited_for(known: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(*_: object) -> dict[str, Answer]:
        await asyncio.sleep(0)
        return {"network": Answer(Principal(team="slow", method="network", strength=1))}

    monkeypatch.setattr("weir.edge.identity.evidence.answers", slowly)
    assert asked(known).principal.team == "slow"
    assert link_of(connect(known).client_conn).principal.team == "slow"
    flow = known.flow()
    waits = of_connection(known.state, known.state.snapshot, link_of(flow.client_conn), flow.client_conn)
    assert not isinstance(waits, Settled)
    assert asyncio.run(_of(waits)).outcome.principal.team == "slow"


async def _of(waits: Any) -> Settled:
    found: Settled = await waits
    return found


def test_what_was_shown_at_the_tunnel_is_asked_about_again(known: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("weir.edge.identity.callers.time.monotonic", lambda: clock[0])
    tunnel = connect(known, basic("jane:correct horse"))
    link = link_of(tunnel.client_conn)
    assert "correct horse" not in repr(link) and basic("jane:correct horse") not in repr(link)
    users.remove(known.state.snapshot.sources.users.path, "jane")  # type: ignore[union-attr]
    assert asked(known, tunnel=tunnel).principal.user == "jane", "the file is not read by a request"
    assert known.state.snapshot.sources.users.reload_if_changed()  # type: ignore[union-attr]
    known.state.snapshot.desk.forget()
    assert asked(known, tunnel=tunnel).principal.user == "jane", "within the second nobody is asked"
    clock[0] += 1.0
    trace = asked(known, tunnel=tunnel)
    assert trace.extra["status"] == "403" and trace.principal == ANONYMOUS
    assert trace.refused_why == "basic: the name or the password is wrong" and trace.extra["failures"] == "1"
    clock[0] += 1.0
    assert asked(known, tunnel=tunnel).extra["failures"] == "1", "one who is late guesses nothing"


def test_a_tunnel_ends_with_its_token(known: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [Said("jwt", Answer(Principal(user="ada", method="jwt", strength=3)))]
    desk = SimpleNamespace(quick=lambda *_, **__: said[0])
    sources = replace(known.state.snapshot.sources, tokens=object())  # type: ignore[arg-type]
    known.state.snapshot = replace(known.state.snapshot, desk=desk, sources=sources)  # type: ignore[arg-type]
    clock = [100.0]
    monkeypatch.setattr("weir.edge.identity.callers.time.monotonic", lambda: clock[0])
    tunnel = connect(known, "Bearer a.b.c")
    assert asked(known, tunnel=tunnel).principal.user == "ada"
    said[0] = Said("jwt", Answer(None, "the token has expired"))
    clock[0] += 1.0
    trace = asked(known, tunnel=tunnel)
    assert (trace.extra["status"], trace.refused_why) == ("403", "jwt: the token has expired")
    said[0] = Said("jwt", Answer(None, "the issuer's keys cannot be had"), down=True)
    clock[0] += 1.0
    assert asked(known, tunnel=tunnel).extra["status"] == "503"


def test_a_request_on_a_known_connection_costs_microseconds(known: Rig) -> None:
    """About 2 µs a request on one core, and some 15 µs once a second when the desk is asked again."""
    tunnel = connect(known, basic("jane:correct horse"))
    link, snapshot = link_of(tunnel.client_conn), known.state.snapshot
    took = timeit.repeat(lambda: of_connection(known.state, snapshot, link, tunnel.client_conn), number=1000, repeat=5)
    assert min(took) / 1000 < 50e-6


def test_many_requests_of_a_tunnel_ask_once(known: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel = connect(known, basic("jane:correct horse"))
    link, state = link_of(tunnel.client_conn), known.state
    assert state.snapshot.sources.users is not None
    state.snapshot.sources.users._known.clear()
    for number in range(9):
        state.throttle.failed("10.1.2.3", "jane", time.monotonic() + number)
    work: list[str] = []
    slow = state.snapshot.desk.slow
    monkeypatch.setattr(state.snapshot.desk, "slow", lambda *given: work.append("once") or slow(*given))
    link.shown_until = 0.0

    async def all_of_them() -> list[Settled]:
        waits = [of_connection(state, state.snapshot, link, tunnel.client_conn) for _ in range(50)]
        return list(await asyncio.gather(*(one for one in waits if not isinstance(one, Settled))))

    found = asyncio.run(all_of_them())
    assert len(found) == 50 and {one.outcome.principal.user for one in found} == {"jane"}
    assert work == ["once"], "and nobody else's guesses hold up who was right before"


def test_an_idle_connection_keeps_no_old_policy_in_memory(known: Rig) -> None:
    client, old = connect(known, basic("jane:correct horse")).client_conn, known.state.snapshot
    link = link_of(client)
    assert link.settled is not None and link.settled.sources is old.sources
    parts = [getattr(link, name) for name in Link.__slots__ if hasattr(link, name)]
    assert not any(isinstance(part, Snapshot) for part in (*parts, *link.settled))
