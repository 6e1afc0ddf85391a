"""Who speaks for whom: several credentials on one connection, in one request, and where no client knows of a proxy."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx
import pytest

from e2e.curls import curl
from e2e.place import HOST, NETWORK, PASSWORD, PLAIN, Place, login, who
from e2e.raw import Line, Refused, dial, open_line, post
from e2e.support import House, chat_body, only_http2

pytestmark = pytest.mark.xdist_group("identity-connections")


def plain_line(house: House) -> Line:
    parts = urlsplit(house.weir.url)
    return Line(socket.create_connection((parts.hostname or "", parts.port or 0), 20))


def absolute(more: str = "") -> bytes:
    return f"GET http://{PLAIN}/v1/x HTTP/1.1\r\nHost: {PLAIN}\r\n{more}\r\n".encode()


def test_absolute_form_requests_of_one_connection_speak_each_for_themselves(place: Place) -> None:
    with plain_line(place.house) as line:
        for more in (login("jane"), login("joe"), ""):
            line.send(absolute(more))
            assert line.reply().status == 200
    assert [who(row) for row in place.house.until(3, "response")] == [
        ("jane", "", "basic"), ("joe", "", "basic"), ("", "", "none")
    ]  # fmt: skip
    assert not any(got.header("proxy-authorization") for got in place.house.doubles.requests())


@pytest.mark.parametrize("more", [login("jane") + login("joe"), login("jane") * 2], ids=["two people", "twice"])
def test_two_credentials_are_none(more: str, place: Place) -> None:
    with plain_line(place.house) as line:
        line.send(absolute(more))
        assert line.reply().status == 407
    with pytest.raises(Refused) as refused:
        dial(place.house.weir.url, f"{HOST}:443", more=more)
    assert refused.value.reply.status == 407
    assert {(row["kind"], row["rule_id"]) for row in place.house.until(2)} == {("block", "identity-required")}
    assert place.house.doubles.requests() == []


@pytest.mark.parametrize(
    ("inner", "status", "user"), [("jane", 200, "jane"), ("joe", 403, ""), ("", 200, "jane")], ids=str
)
def test_a_login_inside_of_a_tunnel_contradicts_nobody(inner: str, status: int, user: str, place: Place) -> None:
    key = place.house.doubles.keys["openai"]
    with open_line(place.house.weir.url, f"{HOST}:443", place.house.weir.ca, auth=f"jane:{PASSWORD}") as line:
        more = login(inner) if inner else ""
        line.send(post(HOST, "/v1/chat/completions", chat_body("How high?"), key, more=more))
        assert line.reply().status == status
    if status == 200:
        assert who(place.house.only("response")) == (user, "", "basic")
        assert not place.house.doubles.only().header("proxy-authorization")
    else:
        row = place.house.only()
        assert (row["kind"], row["rule_id"]) == ("block", "identity-conflict")
        assert place.house.doubles.requests() == []


def test_a_tunnel_of_one_and_a_plain_request_of_another_within(place: Place) -> None:
    """CONNECT as jane, then absolute form as joe on the same connection."""
    with Line(dial(place.house.weir.url, f"{PLAIN}:80", auth=f"jane:{PASSWORD}")) as line:
        line.send(absolute(login("joe")))
        assert line.reply().status == 403
    assert place.house.only()["rule_id"] == "identity-conflict"
    assert place.house.doubles.requests() == []


@pytest.mark.parametrize("way", ["socks5", "reverse"])
def test_where_no_client_knows_of_a_proxy_its_credentials_are_a_page_s(way: str, place: Place) -> None:
    """Neither believed nor forwarded, also over HTTP/2."""
    arguments = {
        "socks5": ["--socks5-hostname", f"127.0.0.1:{place.socks}"],
        "reverse": ["--connect-to", f"{HOST}:443:127.0.0.1:{place.reverse}"],
    }[way]
    key = f"Authorization: Bearer {place.house.doubles.keys['openai']}"
    more = ["--interface", NETWORK, "--http2", "-H", login("jane").strip(), "-H", key]
    got = curl(*arguments, *more, "--cacert", str(place.house.weir.ca), f"https://{HOST}/v1/models")
    assert got.status == 200
    row = place.house.only("response")
    assert (row.get("user", ""), row["team"], row["auth_method"]) == ("", "laboratory", "network")
    received = place.house.doubles.only()
    assert received.version == "2" and not received.header("proxy-authorization")


def test_the_streams_of_one_connection_speak_for_nobody_else(place: Place) -> None:
    """HTTP/2 in jane's tunnel: a stream that says it is joe's is refused, the one after it is jane's as before."""
    proxy = httpx.Proxy(place.house.weir.url, auth=("jane", PASSWORD))
    url = f"https://{HOST}/v1/models"
    key = {"Authorization": f"Bearer {place.house.doubles.keys['openai']}"}
    joe = {"Proxy-Authorization": login("joe").strip().partition(": ")[2]}
    with httpx.Client(proxy=proxy, verify=only_http2(place.house.weir.ca), http2=True, trust_env=False) as http:
        statuses = [http.get(url, headers=key | more).status_code for more in ({}, joe, {})]
    assert statuses == [200, 403, 200]
    rows = place.house.until(2, "response")
    assert {who(row) for row in rows} == {("jane", "", "basic")}
    assert place.house.only("block")["rule_id"] == "identity-conflict"
    assert len(place.house.doubles.requests()) == 2
