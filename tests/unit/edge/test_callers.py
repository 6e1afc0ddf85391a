"""Who calls, as the edge finds out; the addon's behaviour stands in tests/edge/test_identity_addon.py."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from mitmproxy.test import tflow

from harness.rig import Rig
from weir.edge.callers import CREDENTIALS, address_of, by_network, challenge, identify
from weir.identity import users
from weir.model import ANONYMOUS, Principal

CHEAP = users.Work(log2_n=10, r=1, p=1)


@pytest.fixture
def known(make_rig: Callable[..., Rig], tmp_path: Path) -> Rig:
    path = tmp_path / "users"
    users.add(path, "jane", "correct horse", team="legal", work=CHEAP)
    return make_rig(identity={"users": str(path), "networks": [{"cidr": "10.1.0.0/16", "team": "finance"}]})


def asked(rig: Rig, given: str | None, peer: str = "10.1.2.3") -> Principal | None:
    flow = rig.flow(peer=peer, headers={CREDENTIALS: given} if given is not None else {})
    found = asyncio.run(identify(rig.state, rig.state.snapshot, flow))
    assert CREDENTIALS not in flow.request.headers
    return found


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_answers(known: Rig) -> None:
    assert asked(known, None) == Principal(team="finance", method="network", strength=1)
    assert asked(known, None, "192.0.2.1") == ANONYMOUS
    found = asked(known, basic("jane:correct horse"))
    assert found is not None and (found.team, found.strength) == ("legal", 2)
    for wrong in (basic("jane:other"), basic("no colon"), "Bearer x", ""):
        assert asked(known, wrong) is None


def test_a_password_is_checked_by_a_worker_once(known: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(known, basic("jane:correct horse")) is not None
    monkeypatch.setattr(known.state.workers, "run", None)  # calling it again would fail
    assert asked(known, basic("jane:correct horse")) is not None


def test_without_a_users_file_credentials_say_nothing(rig: Rig) -> None:
    assert asked(rig, basic("jane:anything")) == ANONYMOUS


def test_addresses(known: Rig) -> None:
    flow = known.flow()
    assert address_of(flow.client_conn) == "10.1.2.3" and by_network(known.state.snapshot, flow).team == "finance"
    client = tflow.tclient_conn()
    client.peername = None
    assert address_of(client) == ""


@pytest.mark.parametrize("wrong", [True, False])
def test_the_challenge(rig: Rig, wrong: bool) -> None:
    flow = rig.flow(headers={CREDENTIALS: basic("jane:secret words")})
    challenge(flow, wrong=wrong)
    assert flow.response is not None and flow.response.status_code == 407
    assert flow.response.headers["proxy-authenticate"] == 'Basic realm="weir", charset="UTF-8"'
    said = flow.response.get_text() or ""
    assert ("not valid" in said) is wrong and "secret" not in said and "jane" not in said
