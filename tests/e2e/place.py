"""A proxy that knows people by passwords, certificates and addresses, listening in three modes: for several tests."""

from __future__ import annotations

import base64
import secrets
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from e2e.curls import Got, curl
from e2e.support import House, command
from harness.canary import CANARIES
from harness.clientca import ClientCA
from harness.clientca import Identity as Paper
from harness.clients import trust

__all__ = [
    "BOT", "HOST", "METERED", "NETWORK", "PASSWORD", "PLAIN", "WRONG", "Place", "free_port", "login", "start", "who",
]  # fmt: skip

HOST, PLAIN, METERED = "api.openai.com", "api.orders.example", "api.stock.example"
BOT = "spiffe://corp.example/report-bot"
PASSWORD = CANARIES.plant(f"otter-{secrets.token_hex(8)}", "a proxy password")
WRONG = CANARIES.plant(f"stoat-{secrets.token_hex(8)}", "a wrong proxy password")
NETWORK = "127.0.0.9"


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port on loopback that nobody has."""
    with socket.socket(socket.AF_INET, kind) as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


class Place:
    """A proxy, its SOCKS5 port, and the papers of its clients."""

    def __init__(self, house: House, socks: int, reverse: int, papers: dict[str, Paper], ca: Path) -> None:
        self.house, self.socks, self.reverse, self.papers, self.ca = house, socks, reverse, papers, ca

    @property
    def secure_url(self) -> str:
        return self.house.weir.url.replace("http://", "https://")

    def outer(self, paper: str = "") -> ssl.SSLContext:
        """What a client needs to speak TLS to the proxy, with a certificate of its own or without."""
        context = trust(self.house.weir.ca)
        if paper:
            context.load_cert_chain(self.papers[paper].chain, self.papers[paper].key)
        return context

    def client(self, paper: str = "") -> httpx.Client:
        """A client whose proxy is spoken to in TLS, with TLS to the provider in it."""
        proxy = httpx.Proxy(self.secure_url, ssl_context=self.outer(paper))
        return httpx.Client(proxy=proxy, verify=trust(self.house.weir.ca), timeout=60, trust_env=False)

    def socks5(self, login: str = "", host: str = HOST) -> Got:
        given = ["--proxy-user", login] if login else []
        url, ca = f"https://{host}/v1/models", str(self.house.weir.ca)
        key = f"Authorization: Bearer {self.house.doubles.keys['openai']}"
        return curl("--socks5-hostname", f"127.0.0.1:{self.socks}", *given, "--cacert", ca, "-H", key, url)


def start(start_module_house: Callable[..., House]) -> Place:
    """A proxy under a policy with users, a network and a CA for clients; nobody has to be known."""
    made: dict[str, Any] = {}
    socks, reverse, regular = free_port(), free_port(), free_port()

    def prepare(folder: Path) -> dict[str, Any]:
        users, people = folder / "users", ClientCA(folder / "papers")
        for name, team in (("jane", "research"), ("joe", "finance")):
            command("identity", "add", name, "--users", str(users), "--team", team, "--password-stdin", given=PASSWORD)
        made["ca"] = people.pem
        made["papers"] = {
            "right": people.issue("bot", BOT, through=True),
            "foreign": ClientCA(folder / "papers", "strangers").issue("bot", BOT),
            "expired": people.issue("old", BOT, days=-1),
            "unnamed": people.issue("other", "spiffe://corp.example/other"),
            "twice": people.issue("twice", BOT, through=True, copies=3),
        }
        made["papers"]["stolen"] = people.steal(made["papers"]["right"])
        return {
            "identity": {
                "users": str(users),
                "networks": [{"cidr": f"{NETWORK}/32", "team": "laboratory"}],
                "certificates": {"ca": str(people.pem), "names": [{"san": f"uri:{BOT}", "app": "report-bot"}]},
            },
        }

    modes = [f"regular@127.0.0.1:{regular}", f"socks5@127.0.0.1:{socks}", f"reverse:https://{HOST}@127.0.0.1:{reverse}"]
    house = start_module_house(
        key=False,
        options=[word for mode in modes for word in ("--mode", mode)],
        prepare=prepare,
        intercept__include=[PLAIN],
    )
    house.weir.port, house.weir.url = regular, f"http://127.0.0.1:{regular}"
    return Place(house, socks, reverse, made["papers"], made["ca"])


def who(row: dict[str, Any]) -> tuple[str, str, str]:
    """User, app and method of a record."""
    return row.get("user", ""), row.get("app", ""), row["auth_method"]


def login(user: str, password: str = PASSWORD) -> str:
    """A header line with credentials for the proxy."""
    return f"Proxy-Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}\r\n"
