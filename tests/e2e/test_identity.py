"""Who is calling: proxy credentials and networks, carried to every request and never further."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from e2e.raw import Line, Refused, dial, open_line, post
from e2e.sdks import SDKS
from e2e.support import House, chat_body, command
from harness.canary import CANARIES
from harness.doubles import Doubles

pytestmark = pytest.mark.xdist_group("identity")

PASSWORD = CANARIES.plant(f"river-{secrets.token_hex(8)}", "a proxy password")
WRONG = CANARIES.plant(f"ocean-{secrets.token_hex(8)}", "a wrong proxy password")
NETWORK = "127.0.0.9"


def users(folder: Path) -> dict[str, Any]:
    """A users file as people make it."""
    path = folder / "users"
    command("identity", "add", "jane", "--users", str(path), "--team", "research", "--password-stdin", given=PASSWORD)
    return {"identity__users": str(path)}


@pytest.fixture(scope="module")
def open_house(start_module_house: Callable[..., House]) -> House:
    networks = [{"cidr": f"{NETWORK}/32", "team": "laboratory", "device": "bench-9"}]
    return start_module_house(prepare=users, identity__networks=networks, intercept__include=["api.orders.example"])


@pytest.fixture(scope="module")
def strict_house(start_module_house: Callable[..., House]) -> House:
    return start_module_house(key=False, prepare=users, identity__required=True)


@pytest.fixture
def house(open_house: House, doubles: Doubles) -> House:
    open_house.begin()
    return open_house


@pytest.fixture
def strict(strict_house: House, doubles: Doubles) -> House:
    strict_house.begin()
    return strict_house


def ask(house: House, **options: str) -> int:
    """One chat over a tunnel made with these options; its status. The real key goes along."""
    target = "api.openai.com:443"
    with open_line(house.weir.url, target, house.weir.ca, **options) as line:
        request = post("api.openai.com", "/v1/chat/completions", chat_body("How high?"), house.doubles.keys["openai"])
        line.send(request)
        first = line.reply().status
        line.send(request)
        assert line.reply().status == first, "the second request of the tunnel is from the same person"
        return first


def test_basic_credentials_count_for_every_request_of_the_tunnel(house: House) -> None:
    assert ask(house, auth=f"jane:{PASSWORD}") == 200
    rows = house.until(2, "response")
    assert {(row["user"], row["team"], row["auth_method"], row["auth_strength"]) for row in rows} == {
        ("jane", "research", "basic", 2)
    }
    for got in house.doubles.requests():
        assert not got.header("proxy-authorization")
    found = house.weir.sql(
        "select distinct user, auth_method from exchanges where exchange_id in (?, ?) and ended is not null",
        [row["exchange_id"] for row in rows],
    )
    assert found == [("jane", "basic")]


@pytest.mark.parametrize("sdk_class", SDKS, ids=lambda kind: kind.name)
def test_an_sdk_with_credentials_in_its_proxy_address(sdk_class: type, house: House) -> None:
    sdk = sdk_class(house.weir, house.doubles.keys[sdk_class.name], proxy=house.weir.as_user("jane", PASSWORD))
    assert sdk.chat("How high?") == "You said: How high?"
    record = house.only("response")
    assert (record["user"], record["auth_method"]) == ("jane", "basic")
    assert not house.doubles.only().header("proxy-authorization")


@pytest.mark.parametrize("auth", [f"jane:{WRONG}", f"nobody:{PASSWORD}", "jane:"], ids=["password", "name", "empty"])
def test_wrong_credentials_are_refused_and_recorded(auth: str, house: House) -> None:
    with pytest.raises(Refused) as refused:
        dial(house.weir.url, "api.openai.com:443", auth=auth)
    assert refused.value.reply.status == 407
    assert refused.value.reply.header("proxy-authenticate").startswith("Basic ")
    record = house.only()
    assert (record["kind"], record["action"], record["host"], record["http_status"]) == (
        "block", "block", "api.openai.com", 407
    )  # fmt: skip
    assert house.doubles.requests() == []


def test_a_source_network_says_who(house: House) -> None:
    assert ask(house, source=NETWORK) == 200
    rows = house.until(2, "response")
    assert {(row["team"], row["device"], row["auth_method"], row["src_ip"]) for row in rows} == {
        ("laboratory", "bench-9", "network", NETWORK)
    }


def test_credentials_are_stronger_than_the_network(house: House) -> None:
    assert ask(house, source=NETWORK, auth=f"jane:{PASSWORD}") == 200
    rows = house.until(2, "response")
    assert {(row["user"], row["auth_method"]) for row in rows} == {("jane", "basic")}


def test_nobody_is_nobody_where_nothing_is_required(house: House) -> None:
    assert ask(house) == 200
    assert {(row.get("user"), row["auth_method"]) for row in house.until(2, "response")} == {(None, "none")}


def plain(house: House, auth: str = "") -> int:
    """A request in absolute form to a plain HTTP host; its status."""
    parts = urlsplit(house.weir.url)
    with Line(socket.create_connection((parts.hostname or "", parts.port or 0), 20)) as line:
        login = f"Proxy-Authorization: {httpx.BasicAuth(*auth.split(':'))._auth_header}\r\n" if auth else ""
        line.send(f"GET http://api.orders.example/v1/x HTTP/1.1\r\nHost: api.orders.example\r\n{login}\r\n".encode())
        return line.reply().status


def test_an_absolute_form_request_brings_its_credentials(house: House) -> None:
    assert plain(house, f"jane:{PASSWORD}") == 200
    got = house.doubles.only()
    assert got.target == "/v1/x" and not got.header("proxy-authorization")
    assert house.only("response")["user"] == "jane"


def test_an_absolute_form_request_with_wrong_credentials(house: House) -> None:
    assert plain(house, f"jane:{WRONG}") == 407
    assert house.doubles.requests() == []
    assert house.only()["http_status"] == 407


def test_without_credentials_a_strict_proxy_opens_no_tunnel(strict: House) -> None:
    with pytest.raises(Refused) as refused:
        dial(strict.weir.url, "api.openai.com:443")
    assert refused.value.reply.status == 407
    assert strict.only()["kind"] == "block"
    assert ask(strict, auth=f"jane:{PASSWORD}") == 200
    assert strict.doubles.connections()


def test_a_user_added_or_removed_is_known_within_seconds(strict: House) -> None:
    path = strict.weir.folder / "users"
    command("identity", "add", "joe", "--users", str(path), "--password-stdin", given=PASSWORD)
    _until_status(strict, "joe", 200)
    command("identity", "remove", "joe", "--users", str(path))
    _until_status(strict, "joe", 407)


def _until_status(house: House, user: str, status: int) -> None:
    from harness.processes import until

    def tried() -> bool:
        try:
            dial(house.weir.url, "api.openai.com:443", auth=f"{user}:{PASSWORD}").close()
        except Refused as refused:
            return refused.reply.status == status
        return status == 200

    until(tried, f"{user}: {status}")
