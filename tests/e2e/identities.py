"""A policy with every source that a proxy's client can speak to, what stands behind them, and such a client."""

from __future__ import annotations

import base64
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from e2e.raw import Line, Refused, Reply, open_line, post
from e2e.support import House, chat_body, command
from harness.canary import CANARIES
from harness.issuer import SigningKey, claims, jwks, rsa_key
from harness.issuer_site import Site

__all__ = [
    "AI",
    "ENTRIES",
    "LDAP_PASSWORD",
    "NETWORK",
    "PASSWORD",
    "PERMISSIONS",
    "SERVICE_PASSWORD",
    "Call",
    "Issuer",
    "basic",
    "identity",
]

PASSWORD = CANARIES.plant(f"meadow-{secrets.token_hex(8)}", "a proxy password")
LDAP_PASSWORD = CANARIES.plant(f"valley-{secrets.token_hex(8)}", "a directory password")
SERVICE_PASSWORD = CANARIES.plant(f"summit-{secrets.token_hex(8)}", "the directory account's password")
NETWORK = "127.0.0.8"
AI = "api.openai.com"
DISCOVERY = "/.well-known/openid-configuration"
ENTRIES = {
    "cn=weir,dc=example,dc=com": {"userPassword": SERVICE_PASSWORD},
    "uid=grace,ou=people,dc=example,dc=com": {
        "uid": "grace",
        "userPassword": LDAP_PASSWORD,
        "memberOf": ["cn=analysts,ou=groups,dc=example,dc=com"],
    },
}


class Issuer(Site):
    """An issuer on loopback with one key, and a token of it with anything that one asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.publish(rsa_key())

    def publish(self, *keys: SigningKey) -> None:
        """These keys from now on."""
        found = orjson.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
        self.pages = {DISCOVERY: (200, found, {}), "/keys": (200, jwks(*keys), {})}

    def token(self, key: SigningKey | None = None, **more: Any) -> str:
        """A token for ada that is good for ten minutes, planted."""
        now = int(time.time())
        usual = {"iss": self.url, "iat": now - 5, "exp": now + 600, "jti": secrets.token_hex(4)}
        return CANARIES.plant((key or rsa_key()).token(claims(**(usual | more))), "a token")


def identity(issuer: str, ldap: str, folder: Path, **more: Any) -> dict[str, Any]:
    """A policy's section with everything that a client of a proxy can show."""
    path = folder / "users"
    command("identity", "add", "jane", "--users", str(path), "--team", "research", "--password-stdin", given=PASSWORD)
    return {
        "required": True,
        "users": str(path),
        "networks": [{"cidr": f"{NETWORK}/32", "team": "laboratory"}],
        "ldap": {
            "server": ldap, "base": "dc=example,dc=com", "bind": "cn=weir,dc=example,dc=com",
            "password": "env:DIRECTORY_PASSWORD", "teams": {"analysts": "finance"},
        },
        "issuers": [{"issuer": issuer, "audience": "weir", "claims": {"user": "sub", "team": "team"}}],
        **more,
    }  # fmt: skip


PERMISSIONS = [
    {"id": "research", "teams": "research", "services": "openai", "models": "gpt-5*", "operations": ["chat"]},
    {"id": "others", "users": ["ada", "grace"], "services": ["openai", "anthropic"]},
    {"id": "laboratory", "teams": "laboratory", "services": "openai"},
    {"id": "never", "teams": "night-shift", "hours": "mon-sun 00:00-00:01 Pacific/Kiritimati"},
]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass(frozen=True)
class Call:
    """One chat over CONNECT or in absolute form, with a header for the proxy or without."""

    form: str

    def __call__(
        self,
        house: House,
        credential: str = "",
        *,
        source: str = "",
        model: str = "gpt-5-mini",
        path: str = "/v1/chat/completions",
    ) -> Reply:
        more = f"Proxy-Authorization: {credential}\r\n" if credential else ""
        body, key = chat_body("How high?", model=model), house.doubles.keys["openai"]
        if self.form == "connect":
            try:
                with open_line(house.weir.url, f"{AI}:443", house.weir.ca, more=more, source=source) as line:
                    line.send(post(AI, path, body, key))
                    return line.reply()
            except Refused as refused:
                return refused.reply
        parts = urlsplit(house.weir.url)
        origin = (source, 0) if source else None
        with Line(socket.create_connection((parts.hostname or "", parts.port or 0), 20, source_address=origin)) as line:
            line.send(post(AI, f"http://{AI}{path}", body, key, more=more))
            return line.reply()
