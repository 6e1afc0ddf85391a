"""Every source of identity × every way of being proxied × right, wrong, missing: who gets in, and what is recorded.

One proxy listens in five modes under a policy that requires an identity. Each case is one curl, one answer, one record.
"""

from __future__ import annotations

import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.curls import Got, curl
from e2e.identities import ENTRIES, LDAP_PASSWORD, SERVICE_PASSWORD
from e2e.support import House, chat_body, command, issue
from harness.canary import CANARIES
from harness.clientca import ClientCA
from harness.clientca import Identity as Paper
from harness.directory import Directory
from harness.doubles import Doubles
from harness.issuer import claims, ec_key, jwks
from harness.issuer_site import Site
from harness.processes import until

pytestmark = pytest.mark.xdist_group("identity-matrix")

HOST = "api.openai.com"
DESTINATION = "198.51.100.7:443"  # what a redirected client connected to
NETWORK, ELSEWHERE = "127.0.0.9", "127.0.0.8"
MODES = ("connect", "absolute", "socks5", "reverse", "transparent")
PROXIES = frozenset({"connect", "absolute"})
# Which sources can say anything in which mode. Programs could in a redirected connection too: the kernel would know a
# socket to its destination. Here the redirect is played (see `harness.redirected`), and there is none.
BELIEVED = {
    "virtual_key": frozenset(MODES),
    "certificate": frozenset(MODES),
    "jwt": PROXIES,
    "basic": PROXIES | {"socks5"},
    "ldap": PROXIES | {"socks5"},  # a name and a password too, that a directory knows
    "process": frozenset(MODES) - {"transparent"},
    "network": frozenset(MODES),
}
# What a source is called where the policy orders them.
ASKED = {source: "basic" if source == "ldap" else source for source in BELIEVED}
PASSWORD = CANARIES.plant(f"heron-{secrets.token_hex(8)}", "a proxy password")
WRONG = CANARIES.plant(f"eagle-{secrets.token_hex(8)}", "a wrong proxy password")


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


@dataclass
class Town:
    """The proxy in all its modes, and what callers may have to show."""

    house: House
    ports: dict[str, int]
    papers: dict[str, Paper]
    tokens: dict[str, str] = field(repr=False)
    programs: dict[str, str]
    foreign: str = field(repr=False)  # a virtual key of another weir

    def ask(self, mode: str, *more: str, tls: bool = False, key: str = "", program: str = "curl") -> Got:
        """One chat in this way. ``tls``: a client of an explicit proxy speaks TLS to it."""
        port, url = self.ports[mode], f"https://{HOST}/v1/chat/completions"
        ca = str(self.house.weir.ca)
        way = {
            "connect": ["-x", f"http{'s' if tls else ''}://127.0.0.1:{port}", "--proxy-cacert", ca],
            "socks5": ["--socks5-hostname", f"127.0.0.1:{port}"],
        }
        way["absolute"] = way["connect"]
        arguments = way.get(mode, ["--connect-to", f"{HOST}:443:127.0.0.1:{port}"])
        if mode == "absolute":
            url = f"http://{HOST}/v1/chat/completions"
        key = key or self.house.doubles.keys["openai"]
        sent = chat_body("How high?").decode()
        return curl(
            *arguments, "--cacert", ca, "-H", f"Authorization: Bearer {key}", *more, url, program=program, sends=sent
        )


@pytest.fixture(scope="module")
def shared_town(start_module_house: Callable[..., House], shared_doubles: Doubles) -> Iterator[Town]:
    site, directory = Site(), Directory(ENTRIES)
    made: dict[str, Any] = {}
    site.pages["/keys"] = (200, jwks(ec_key()), {"content-type": "application/json"})
    ports = dict(zip(("connect", "socks5", "reverse", "transparent"), _free_ports(4), strict=True))
    ports["absolute"] = ports["connect"]

    def prepare(folder: Path) -> dict[str, Any]:
        users, people = folder / "users", ClientCA(folder / "papers")
        command("identity", "add", "jane", "--users", str(users), "--team", "research", "--password-stdin",
                given=PASSWORD)  # fmt: skip
        bot = "spiffe://corp.example/report-bot"
        made["papers"] = {
            "right": people.issue("bot", bot, through=True),
            "foreign": ClientCA(folder / "papers", "strangers").issue("bot", bot),
            "expired": people.issue("old", bot, days=-1),
            "unnamed": people.issue("other", "spiffe://corp.example/other"),
            "twice": people.issue("twice", bot, through=True, copies=2),
        }
        made["programs"] = {name: shutil.copy(shutil.which("curl") or "", folder / name) for name in ("beacon", "lamp")}
        made["foreign"] = issue(folder / "elsewhere")
        return {
            "identity": {
                "required": True,
                "users": str(users),
                "ldap": {
                    "server": directory.url,
                    "base": "dc=example,dc=com",
                    "bind": "cn=weir,dc=example,dc=com",
                    "password": "env:DIRECTORY_PASSWORD",
                    "teams": {"analysts": "finance"},
                },
                "networks": [{"cidr": f"{NETWORK}/32", "team": "laboratory", "device": "bench-9"}],
                "issuers": [{"issuer": site.url, "audience": "weir", "jwks": f"{site.url}/keys"}],
                "certificates": {"ca": str(people.pem), "names": [{"san": f"uri:{bot}", "app": "report-bot"}]},
                "processes": [{"program": "*/beacon", "app": "beacon"}],
            }
        }

    modes = [
        f"regular@127.0.0.1:{ports['connect']}",
        f"socks5@127.0.0.1:{ports['socks5']}",
        f"reverse:https://{HOST}@127.0.0.1:{ports['reverse']}",
        f"transparent@127.0.0.1:{ports['transparent']}",
    ]
    host, _, port = DESTINATION.partition(":")
    house = start_module_house(
        options=[
            *(word for mode in modes for word in ("--mode", mode)),
            *("--resolve", f"{host}:{port}:127.0.0.1:{shared_doubles.tls}"),
        ],
        environment={"WEIR_TEST_DESTINATION": DESTINATION, "DIRECTORY_PASSWORD": SERVICE_PASSWORD},
        program=[str(Path(__file__).parents[2] / "harness" / "redirected.py")],
        prepare=prepare,
    )
    now = int(time.time())
    right = ec_key().token(claims(iss=site.url, iat=now - 60, exp=now + 3000))
    wrong = ec_key().token(claims(iss=site.url, iat=now - 60, exp=now + 3000, aud="another"))
    tokens = {"right": CANARIES.plant(right, "a token"), "wrong": CANARIES.plant(wrong, "a wrong token")}
    town = Town(house, ports, made["papers"], tokens, made["programs"], made["foreign"])
    bearer = f"Proxy-Authorization: Bearer {right}"
    until(lambda: town.ask("connect", "--proxy-header", bearer).status == 200, "the issuer's keys", every=0.1)
    yield town
    site.close()
    directory.close()


@pytest.fixture
def town(shared_town: Town, doubles: Doubles) -> Town:
    shared_town.house.begin()
    return shared_town


def shown(town: Town, source: str, mode: str, outcome: str) -> tuple[Sequence[str], dict[str, Any]]:
    """The arguments that make curl show it, and what `Town.ask` has to know."""
    if outcome == "missing":
        return (), {}
    right = outcome == "right"
    if source == "virtual_key":
        return (), {"key": town.house.key if right else town.foreign}
    if source == "network":
        return ("--interface", NETWORK if right else ELSEWHERE), {}
    if source == "process":
        return (), {"program": town.programs["beacon" if right else "lamp"]}
    if source == "certificate":
        paper, side = town.papers["right" if right else "foreign"], "proxy-" if mode in PROXIES else ""
        return (f"--{side}cert", str(paper.chain), f"--{side}key", str(paper.key)), {"tls": True}
    name, password = ("grace", LDAP_PASSWORD) if source == "ldap" else ("jane", PASSWORD)
    password = password if right else WRONG
    if source in ("basic", "ldap") and mode in BELIEVED[source]:
        return ("--proxy-user", f"{name}:{password}"), {}
    token = town.tokens[outcome]
    value = f"Bearer {token}" if source == "jwt" else httpx.BasicAuth(name, password)._auth_header
    return ("--proxy-header" if mode in PROXIES else "-H", f"Proxy-Authorization: {value}"), {}


WHO = {
    "virtual_key": {"app": "e2e", "team": "finance", "auth_method": "virtual_key", "auth_strength": 3},
    "certificate": {"app": "report-bot", "auth_method": "certificate", "auth_strength": 3},
    "jwt": {"user": "ada", "auth_method": "jwt", "auth_strength": 3},
    "basic": {"user": "jane", "team": "research", "auth_method": "basic", "auth_strength": 2},
    "ldap": {"user": "grace", "team": "finance", "auth_method": "ldap", "auth_strength": 2},
    "process": {"app": "beacon", "auth_method": "process", "auth_strength": 2},
    "network": {"team": "laboratory", "device": "bench-9", "auth_method": "network", "auth_strength": 1},
}


def caller_of(row: dict[str, Any]) -> dict[str, Any]:
    names = ("user", "team", "app", "device", "auth_method", "auth_strength")
    return {name: row[name] for name in names if row.get(name)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("source", BELIEVED)
def test_what_is_right_gets_in_where_it_can_speak(source: str, mode: str, town: Town) -> None:
    arguments, more = shown(town, source, mode, "right")
    got = town.ask(mode, *arguments, **more)
    if mode not in BELIEVED[source]:
        turned_away(town, got, source, mode)
        return
    if (source, mode) == ("virtual_key", "absolute"):  # known, but no key of the company goes out in the clear
        assert (got.code, got.status) == (0, 401), got
        row = town.house.only("block")
        assert caller_of(row) == WHO[source] and row["rule_id"] == "virtual-key"
        assert town.house.doubles.requests() == []
        return
    assert (got.code, got.status) == (0, 200), got
    row = town.house.only("response")
    assert caller_of(row) == WHO[source]
    assert f"{ASKED[source]}=yes" in row["auth_asked"].split()
    received = town.house.doubles.only()
    assert not received.header("proxy-authorization")
    if source == "process":
        assert row["process_name"].endswith("/beacon")


def turned_away(town: Town, got: Got, source: str, mode: str) -> None:
    """Nobody was known, so the request ended here. In absolute form a client can be asked for credentials."""
    assert (got.code, got.status) == (0, 407 if mode == "absolute" else 403), got
    row = town.house.only()
    assert (row["kind"], row["action"], row["rule_id"]) == ("block", "block", "identity-required")
    assert not {"user", "team", "app", "device"} & set(caller_of(row))
    assert f"{ASKED[source]}=yes" not in row["auth_asked"].split()
    assert town.house.doubles.requests() == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("source", BELIEVED)
def test_what_is_wrong_is_refused(source: str, mode: str, town: Town) -> None:
    arguments, more = shown(town, source, mode, "wrong")
    got = town.ask(mode, *arguments, **more)
    if mode not in BELIEVED[source] or source in ("network", "process"):  # those two cannot be wrong, only unknown
        turned_away(town, got, source, mode)
        return
    assert town.house.doubles.requests() == []
    row = town.house.only()
    assert (row["kind"], row["action"]) == ("block", "block")
    assert not {"user", "team", "app", "device"} & set(caller_of(row))
    if source == "virtual_key":
        assert (got.status, row["rule_id"]) == (401, "virtual-key")
        return
    assert row["rule_id"] == "identity-required" and row["reason"].startswith(f"{ASKED[source]}: ")
    assert f"{ASKED[source]}=wrong" in row["auth_asked"].split()
    if mode == "socks5" and ASKED[source] == "basic":
        assert got.code == 97  # the proxy turned the handshake down
    else:
        wanted = 407 if ASKED[source] in ("basic", "jwt") else 403
        assert (got.connect if mode == "connect" else got.status) == wanted


@pytest.mark.parametrize("mode", MODES)
def test_whoever_shows_nothing_is_turned_away(mode: str, town: Town) -> None:
    got = town.ask(mode)
    turned_away(town, got, "basic", mode)
