"""What a connection proves by itself: each source in its mode, and nothing of it where it proves nothing."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import connection
from mitmproxy.proxy.mode_specs import ProxyMode
from mitmproxy.test import tflow

from harness.clientca import ClientCA
from harness.rig import Rig
from weir.edge.identity import evidence
from weir.edge.identity.evidence import answers, is_local, mode_of, through_tunnel
from weir.edge.trace import link_of
from weir.identity.sources import Answer
from weir.model import Principal

KEY = "A" * 42 + "E="
NETWORK = {"cidr": "10.20.0.0/16", "team": "finance"}
PEER = {"key": KEY, "addresses": ["10.20.0.0/24"], "user": "ada"}


def client(mode: str = "regular", peer: str = "10.20.0.5", ours: tuple[str, int] = ("10.20.0.1", 8080)) -> Any:
    made = tflow.tclient_conn()
    made.proxy_mode, made.peername, made.sockname = ProxyMode.parse(mode), (peer, 40000), ours
    return made


def found(rig: Rig, one: connection.Client) -> Mapping[str, Answer]:
    said = answers(rig.state, rig.state.snapshot, link_of(one), one)
    if isinstance(said, Mapping):
        return said

    async def wait(waits: Awaitable[Mapping[str, Answer]]) -> Mapping[str, Answer]:
        return await waits

    return asyncio.run(wait(said))


@pytest.mark.parametrize(
    "spec", ["regular", "socks5", "transparent", "upstream:http://proxy.example:8080", "reverse:https://api.openai.com"]
)
def test_the_mode_and_the_network(spec: str, make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(identity={"networks": [NETWORK]})
    one = client(spec)
    assert mode_of(one) == spec.partition(":")[0]
    assert found(rig, one) == {"network": Answer(Principal(team="finance", method="network", strength=1))}
    assert found(rig, client(spec, "192.0.2.1")) == {"network": Answer(None)}


def test_a_connection_without_a_caller_proves_nothing(make_rig: Callable[..., Rig]) -> None:
    one = client()
    one.peername = None
    assert not is_local(one) and not through_tunnel(one)
    assert found(make_rig(identity={"networks": [NETWORK], "peers": [PEER]}), one) == {"network": Answer(None)}


def test_an_address_out_of_wireguards_own_server_proves_nothing(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer writes it; the key of the instance is what counts."""
    rig = make_rig(identity={"networks": [NETWORK], "peers": [PEER]})
    one = client("wireguard")
    instances = {one.proxy_mode: SimpleNamespace(pubkey=KEY)}
    addons = SimpleNamespace(get=lambda name: SimpleNamespace(servers=instances) if name == "proxyserver" else None)
    monkeypatch.setattr(evidence, "ctx", SimpleNamespace(master=SimpleNamespace(addons=addons)))
    ada = Principal(user="ada", method="peer", strength=2)
    assert not is_local(client("wireguard", "127.0.0.1"))
    assert found(rig, one) == {"peer": Answer(ada)}
    instances[one.proxy_mode].pubkey = "B" * 42 + "E="
    assert found(rig, client("wireguard")) == {"peer": Answer(None)}


def test_a_peer_is_its_address_only_when_the_way_back_is_wireguards(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig(identity={"peers": [PEER]})
    assert "peer" not in found(rig, client())
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(evidence, "through_wireguard", lambda *ends: asked.append(ends) or True)
    one = client()
    for _ in range(2):
        assert found(rig, one)["peer"] == Answer(Principal(user="ada", method="peer", strength=2))
    assert asked == [("10.20.0.5", "10.20.0.1")], "the kernel is asked once a connection"
    assert found(rig, client(peer="10.20.9.9"))["peer"] == Answer(None)


def test_the_certificate_is_looked_at_under_the_policy_in_force(make_rig: Callable[..., Rig], tmp_path: Any) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    people = ClientCA(tmp_path / "people")
    rule = {"san": "uri:spiffe://corp.example/*", "app": "{san}"}
    rig = make_rig(identity={"certificates": {"ca": str(people.pem), "names": [rule]}})
    paper = people.issue("bot", "spiffe://corp.example/bot", through=True)
    one = client()
    assert found(rig, one)["certificate"] == Answer(None)
    shown = x509.load_pem_x509_certificates(paper.chain.read_bytes())
    link_of(one).chain = tuple(part.public_bytes(Encoding.DER) for part in shown)
    assert found(rig, one)["certificate"].principal == Principal(
        app="spiffe://corp.example/bot", method="certificate", strength=3
    )
    strangers = ClientCA(tmp_path / "strangers")
    rig = make_rig(identity={"certificates": {"ca": str(strangers.pem), "names": [rule]}})
    said = found(rig, one)["certificate"]
    assert said.principal is None and "not of the given CA" in said.why


def test_a_long_chain_is_verified_by_a_worker(make_rig: Callable[..., Rig], tmp_path: Any) -> None:
    people = ClientCA(tmp_path / "people")
    rig = make_rig(identity={"certificates": {"ca": str(people.pem), "names": [{"san": "uri:*", "app": "{san}"}]}})
    one = client()
    link_of(one).chain = (b"0" * 5000,)
    said = answers(rig.state, rig.state.snapshot, link_of(one), one)
    assert not isinstance(said, Mapping), "never on the event loop"
    said.close()  # type: ignore[attr-defined]
    assert found(rig, one)["certificate"].why == "the client's certificate cannot be read"


def test_a_program_of_this_machine_is_found_by_a_worker(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(identity={"processes": [{"program": "*python*", "app": "tests"}]})
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as mine:
        one = client("socks5", ours=listener.getsockname())
        one.peername = mine.getsockname()
        assert is_local(one)
        said = answers(rig.state, rig.state.snapshot, link_of(one), one)
        assert not isinstance(said, Mapping), "never on the event loop"
        said.close()  # type: ignore[attr-defined]
        assert found(rig, one)["process"] == Answer(Principal(app="tests", method="process", strength=2))
        assert link_of(one).process_name.rpartition("/")[2] in sys.executable + "python3.12 python3.13"
    assert "process" not in found(rig, client()), "elsewhere there is no process to look at"
