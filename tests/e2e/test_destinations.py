"""Where weir does not connect to: decided on the address that a name resolves to, and told in the audit."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.raw import dial, secure, serving
from e2e.support import House, chat_body
from harness.clients import trust
from harness.processes import until

pytestmark = pytest.mark.xdist_group("destinations")  # one worker: its proxy is shared

CHAT = "/v1/chat/completions"
HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-none"}


@pytest.fixture(scope="module")
def shielded(start_module_house: Callable[..., House]) -> House:
    return start_module_house(
        services__sanctioned=["openai", "anthropic", "ollama"], intercept__exclude=["*.bank.example"], rules=[]
    )


@pytest.fixture
def house(shielded: House) -> House:
    shielded.doubles.reset()
    shielded.begin()
    return shielded


@pytest.fixture
def inside() -> Iterator[tuple[int, list[bytes]]]:
    """A server on this machine: its port, and what it was sent."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    heard: list[bytes] = []

    def serve(link: socket.socket) -> None:
        link.settimeout(10)
        while data := link.recv(65536):
            heard.append(data)
            link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with serving(port, serve):
        yield port, heard


def told(house: House) -> dict[str, Any]:
    return until(lambda: next((r for r in house.records() if r.get("rule_id") == "destination"), None), "its record")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0.0.0.0", "127.1", "2130706433"])
def test_an_ai_service_within(house: House, inside: tuple[int, list[bytes]], host: str) -> None:
    port, heard = inside
    with house.client() as client:
        reply = client.post(f"http://{host}:{port}{CHAT}", content=chat_body("hello"), headers=HEADERS)
    assert reply.status_code in (400, 403), reply.text
    row = told(house)
    assert row["action"] == "block" and "proxy's own machine" in row["reason"]
    assert heard == [] and "127.0.0.1" not in reply.text and "except" in reply.text


def test_a_connection_that_was_had_for_something_else(house: House, inside: tuple[int, list[bytes]]) -> None:
    port, heard = inside
    with house.client() as client:
        assert client.get(f"http://127.0.0.1:{port}/").text == "ok"  # this client runs on the same machine
        reply = client.post(f"http://127.0.0.1:{port}{CHAT}", content=chat_body("hello"), headers=HEADERS)
    assert reply.status_code in (400, 403) and len(heard) == 1
    assert told(house)["action"] == "block"


def test_metadata_is_for_nobody(house: House) -> None:
    with house.client() as client:
        assert client.get("http://169.254.169.254/latest/meta-data/").status_code == 403
    assert "metadata" in told(house)["reason"]


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "2852039166"])
def test_metadata_is_for_nobody_in_a_tunnel_either(house: House, host: str) -> None:
    with dial(house.weir.url, f"{host}:80") as link:
        link.sendall(b"\x00 neither TLS nor HTTP")
        assert link.recv(100) == b""
    row = told(house)
    assert row["kind"] == "meter" and row["action"] == "block" and "metadata" in row["reason"]


def test_the_operator_allows_a_network(house: House, inside: tuple[int, list[bytes]]) -> None:
    port, heard = inside
    house.take(rules=[], destinations={"except": ["127.0.0.0/8"]})
    with house.client() as client:
        reply = client.post(f"http://localhost:{port}{CHAT}", content=chat_body("hello"), headers=HEADERS)
    assert reply.text == "ok" and len(heard) == 1
    house.take(rules=[], intercept__exclude=["*.bank.example"])


def test_the_name_of_an_excluded_host_at_another_address(house: House) -> None:
    target = f"127.0.0.1:{house.doubles.tls}"
    with dial(house.weir.url, target) as plain, secure(plain, "pay.bank.example", trust(house.weir.ca)) as line:
        assert line.version()  # weir's certificate: it is decrypted
    with dial(house.weir.url, target) as plain, pytest.raises(ssl.SSLError):  # honest, and not weir's certificate
        secure(plain, "localhost", trust(house.weir.ca))


def test_observing_only_tells(house: House, inside: tuple[int, list[bytes]]) -> None:
    port, heard = inside
    house.take("observe")
    with house.client() as client:
        reply = client.post(f"http://127.0.0.1:{port}{CHAT}", content=chat_body("hello"), headers=HEADERS)
    assert reply.text == "ok" and len(heard) == 1
    extra = until(lambda: [r["extra"] for r in house.records("response")], "its record")[0]
    assert "loopback" in str(extra)


def test_nothing_broke(shielded: House) -> None:
    output = shielded.weir.process.output()
    assert "crashed" not in output and "Traceback" not in output and "hook failed" not in output
