"""What only the connection can prove: client certificates, SOCKS5 logins, WireGuard peers."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import mitmproxy_rs
import openai
import pytest

from e2e.place import HOST, METERED, PASSWORD, PLAIN, WRONG, Place, free_port, login, who
from e2e.raw import Line, dial, post, secure
from e2e.support import House, chat_body
from harness.canary import CANARIES
from harness.clients import trust
from harness.doubles import Doubles
from harness.wireguard import Stream, Tunnel

pytestmark = pytest.mark.xdist_group("identity-connections")


# --- certificates


def test_an_sdk_through_tls_to_the_proxy_is_known_by_its_certificate(place: Place) -> None:
    with place.client("right") as http:
        sdk = openai.OpenAI(api_key=place.house.doubles.keys["openai"], http_client=http, max_retries=0)
        for _ in range(2):
            sdk.models.list()
    rows = place.house.until(2, "response")
    assert {who(row) for row in rows} == {("", "report-bot", "certificate")}
    assert {row["auth_strength"] for row in rows} == {3}
    assert {row["host"] for row in rows} == {HOST}


def test_without_a_certificate_the_tunnel_in_tls_is_nobodys(place: Place) -> None:
    with place.client() as http:
        assert http.get(f"https://{HOST}/v1/models").status_code in (200, 401)
    assert who(place.house.only("response")) == ("", "", "none")


def test_a_login_goes_with_tls_to_the_proxy_too(place: Place) -> None:
    proxy = httpx.Proxy(place.secure_url, ssl_context=place.outer(), auth=("jane", PASSWORD))
    with httpx.Client(proxy=proxy, verify=trust(place.house.weir.ca), trust_env=False) as http:
        http.get(f"https://{HOST}/v1/models")
    assert who(place.house.only("response")) == ("jane", "", "basic")


def test_a_proxy_that_has_a_parent_takes_tls_and_certificates_too(
    place: Place, start_house: Callable[..., House]
) -> None:
    parent = place.house
    names = [{"san": "uri:**", "app": "report-bot"}]
    options = ["--mode", f"upstream:{parent.weir.url}", "--upstream-ca", str(parent.weir.ca)]
    child = start_house(key=False, options=options, identity={"certificates": {"ca": str(place.ca), "names": names}})
    near = Place(child, 0, 0, place.papers, place.ca)
    with near.client("right") as http:
        http.get(f"https://{HOST}/v1/models")
    assert who(child.only("response")) == ("", "report-bot", "certificate")
    assert who(parent.only("response")) == ("", "", "none"), "whom the child knows the parent is not told"
    child.begin()
    with near.client("stolen") as http, pytest.raises(httpx.ProxyError, match="403"):
        http.get(f"https://{HOST}/v1/models")
    assert child.only()["rule_id"] == "identity-required"


@pytest.mark.parametrize(
    ("paper", "why"),
    [
        ("foreign", "not of the given CA"),
        ("expired", "not valid now"),
        ("unnamed", "no rule of the policy"),
        ("twice", "one issuer twice"),
        ("stolen", "cannot be read"),  # somebody else's, behind an own one that mitmproxy cannot read and leaves out
    ],
)
def test_a_certificate_that_does_not_hold_opens_no_tunnel(paper: str, why: str, place: Place) -> None:
    with place.client(paper) as http, pytest.raises(httpx.ProxyError, match="403"):
        http.get(f"https://{HOST}/v1/models")
    row = place.house.only()
    assert (row["kind"], row["action"], row["rule_id"], row["host"]) == ("block", "block", "identity-required", HOST)
    assert row["reason"].startswith("certificate: ") and why in row["reason"]
    assert "certificate=wrong" in row["auth_asked"].split()
    assert place.house.doubles.requests() == []


def test_a_client_that_does_not_trust_the_proxy_is_recorded_without_a_request(place: Place) -> None:
    proxy = httpx.Proxy(place.secure_url, ssl_context=ssl.create_default_context())
    with httpx.Client(proxy=proxy, trust_env=False) as http, pytest.raises(httpx.ConnectError):
        http.get(f"https://{HOST}/v1/models")
    row = place.house.only()
    assert (row["kind"], row["inspection"], row.get("host", "")) == ("error", "pinned", "")


def handshake(place: Place, port: int, *more: str) -> str:
    """What OpenSSL says of a handshake with that port."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(place.house.weir.ca), *more]
    return subprocess.run(command, input="", capture_output=True, text=True, errors="replace", timeout=60).stdout


def test_the_proxy_asks_for_certificates_of_the_policys_ca_and_speaks_http1(place: Place) -> None:
    said = handshake(place, place.house.weir.port, "-alpn", "h2,http/1.1")
    assert "people root" in said.partition("Acceptable client certificate CA names")[2]
    assert "ALPN protocol: http/1.1" in said and "Verify return code: 0 (ok)" in said


def test_a_server_that_weir_stands_for_asks_too(place: Place) -> None:
    said = handshake(place, place.reverse, "-servername", HOST, "-alpn", "h2,http/1.1")
    assert "people root" in said.partition("Acceptable client certificate CA names")[2]
    assert "ALPN protocol: h2" in said


def test_nobody_is_asked_within_a_tunnel(place: Place) -> None:
    asked: list[bool] = []
    context = trust(place.house.weir.ca)
    paper = place.papers["right"]
    context.load_cert_chain(paper.chain, paper.key)
    context._msg_callback = lambda *event: asked.append(event[4].name == "CERTIFICATE_REQUEST")  # type: ignore[attr-defined]
    with Line(secure(dial(place.house.weir.url, f"{HOST}:443"), HOST, context)) as line:
        line.send(f"GET /v1/models HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        line.reply()
    assert asked and not any(asked)
    assert who(place.house.only("response")) == ("", "", "none")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_is_resumed_so_that_each_connection_proves_its_key(version: ssl.TLSVersion, place: Place) -> None:
    context = place.outer("right")
    context.minimum_version = context.maximum_version = version
    session = None
    for _ in range(2):
        plain = socket.create_connection(("127.0.0.1", place.house.weir.port), 20)
        with Line(context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)) as line:
            assert isinstance(line.connection, ssl.SSLSocket) and not line.connection.session_reused
            line.send(f"GET http://{PLAIN}/v1/x HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n".encode())
            assert line.reply().status == 200
            session = line.connection.session
    assert {who(row) for row in place.house.until(2, "response")} == {("", "report-bot", "certificate")}


def test_a_policy_without_certificates_asks_for_none(shared_house: House) -> None:
    command = [
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{shared_house.weir.port}",
        "-CAfile",
        str(shared_house.weir.ca),
    ]
    said = subprocess.run(command, input="", capture_output=True, text=True, errors="replace", timeout=60).stdout
    assert "No client certificate CA names sent" in said and "Verify return code: 0 (ok)" in said


# --- SOCKS5


def test_a_socks5_login_counts_for_the_connection(place: Place) -> None:
    assert place.socks5(f"jane:{PASSWORD}").status == 200
    assert who(place.house.only("response")) == ("jane", "", "basic")
    place.house.begin()
    assert place.socks5().status == 200
    assert who(place.house.only("response")) == ("", "", "none")


def numbers(place: Place) -> set[int]:
    """The connections that doubles have, of tests before too."""
    return {connection["number"] for connection in place.house.doubles.connections()}


@pytest.mark.parametrize("given", [f"jane:{WRONG}", f"nobody:{PASSWORD}", "jane:", f"{'x' * 255}:{WRONG}"],
                         ids=["password", "name", "empty", "long"])  # fmt: skip
def test_a_wrong_socks5_login_is_refused_and_recorded(given: str, place: Place) -> None:
    before = numbers(place)
    assert place.socks5(given).code == 97
    row = place.house.only()
    assert (row["kind"], row["action"], row["rule_id"]) == ("block", "block", "identity-required")
    assert row["reason"] == "basic: the name or the password is wrong" and "basic=wrong" in row["auth_asked"].split()
    assert numbers(place) <= before


def socks(place: Place, *pieces: bytes) -> bytes:
    """Send these to the SOCKS5 port, one after another as each is answered; what came back until it was closed."""
    with socket.create_connection(("127.0.0.1", place.socks), 20) as plain:
        got = b""
        for piece in pieces:
            plain.sendall(piece)
        plain.shutdown(socket.SHUT_WR)
        while part := plain.recv(4096):
            got += part
        return got


@pytest.mark.parametrize(
    ("pieces", "answer", "kind"),
    [
        ([b"\x05\x01\x01"], b"\x05\xff", "block"),  # GSSAPI alone
        ([b"\x05\x00"], b"\x05\xff", "block"),
        ([b"\x05\x01\x02", b"\x02\x04jane\x01x"], b"\x05\x02", "error"),  # of an unknown version
        ([b"\x05\x01\x02", b"\x01\x04jane\x05x"], b"\x05\x02", "error"),  # breaks off
        ([b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00"], b"", "error"),  # SOCKS4
    ],
    ids=["gssapi", "nothing", "version", "half", "socks4"],
)
def test_what_is_no_socks5_login_gets_nowhere(pieces: list[bytes], answer: bytes, kind: str, place: Place) -> None:
    before = numbers(place)
    assert socks(place, *pieces) == answer
    row = place.house.only()
    assert row["kind"] == kind and "jane" not in str(row)
    assert numbers(place) <= before


def test_a_connection_that_passes_undecrypted_is_recorded_with_its_caller(place: Place) -> None:
    place.socks5(f"jane:{PASSWORD}", METERED)
    place.house.until(1, "meter")  # the last of the two; a test before this one may leave a record of another kind
    rows = place.house.records("request", "meter")
    assert {(row["kind"], row["user"], row["auth_method"]) for row in rows} == {
        ("request", "jane", "basic"), ("meter", "jane", "basic")
    }  # fmt: skip


# --- WireGuard


def test_a_wireguard_peer_is_its_key_whatever_address_it_claims(
    start_house: Callable[..., House], doubles: Doubles, tmp_path: Path
) -> None:
    own, server, port = mitmproxy_rs.wireguard.genkey(), mitmproxy_rs.wireguard.genkey(), free_port(socket.SOCK_DGRAM)
    for key in (own, server):
        CANARIES.plant(key, "a WireGuard key")
    conf = tmp_path / "wireguard.conf"
    conf.write_text(json.dumps({"server_key": server, "client_key": own}))
    house = start_house(
        key=False,
        options=[
            "--mode",
            f"wireguard:{conf}@127.0.0.1:{port}",
            "--resolve",
            f"198.51.100.7:443:127.0.0.1:{doubles.tls}",
        ],
        identity={
            "required": True,
            "peers": [{"key": mitmproxy_rs.wireguard.pubkey(own), "user": "ada", "team": "research"}],
            "networks": [{"cidr": "10.20.0.0/16", "team": "finance"}],
        },
    )
    context = trust(house.weir.ca)
    context.set_alpn_protocols(["http/1.1"])
    tunnel = Tunnel(("127.0.0.1", port), own, mitmproxy_rs.wireguard.pubkey(server))
    more = f"Connection: close\r\n{login('jane')}"
    ask = post(HOST, "/v1/chat/completions", chat_body("How high?"), doubles.keys["openai"], more=more)
    for source in ("10.0.0.1", "10.20.0.5"):
        got = Stream(tunnel, source, ("198.51.100.7", 443)).exchange(context, HOST, ask)
        assert got.startswith(b"HTTP/1.1 200 ") and b"How high?" in got
    tunnel.close()
    rows = house.until(2, "response")
    assert {(row["user"], row["team"], row["auth_method"], row["auth_strength"]) for row in rows} == {
        ("ada", "research", "peer", 2)
    }
    assert {row["src_ip"] for row in rows} == {"10.77.1.0"}, "weir has given this key no address: nobody's stands there"
    assert not any(got.header("proxy-authorization") for got in doubles.requests())
