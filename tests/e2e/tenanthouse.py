"""A proxy whose policy confines sign-in, with the vendors' hosts behind it, and what several tests ask of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from e2e.support import House
from harness.doubles import Doubles
from weir.tenants.vendors import load

__all__ = ["OTHERS", "OURS", "TENANTS", "Start", "arrived", "extra", "started"]

OURS, OTHERS = "550e8400-e29b-41d4-a716-446655440000", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
HOSTS = (
    *("chatgpt.com", "claude.ai", "api.anthropic.com", "api.openai.com", "www.news.example", "api.stock.example"),
    *("login.microsoftonline.com", "login.live.com", "accounts.google.com", "mail.google.com"),
)
TENANTS: dict[str, Any] = {
    "chatgpt": [OURS],
    "claude": [OURS],
    "google": ["example.com"],
    "microsoft": {"tenants": ["example.com", OURS], "context": OURS},
    "microsoft-consumer": "block",
}
NAMES = frozenset(header.name.lower() for vendor in load().values() for header in vendor.headers)
Start = Callable[..., House]


def _resolves(doubles: Doubles) -> list[str]:
    pairs = ((443, doubles.tls), (8443, doubles.tls_h1))
    return [w for host in HOSTS for port, to in pairs for w in ("--resolve", f"{host}:{port}:127.0.0.1:{to}")]


def started(start: Start, doubles: Doubles, mode: str, tenants: dict[str, Any], options: Sequence[str] = ()) -> House:
    """Start a proxy that restricts ``tenants`` and has no rules beside."""
    return start(
        "observe",
        mode=mode,
        key=False,
        tenants=tenants,
        options=[*_resolves(doubles), *options],
        intercept={"include": ["www.news.example"]},
        services={"sanctioned": ["chatgpt", "claude-web", "openai", "anthropic"], "otherwise": "unknown"},
        rules=[],
    )


def arrived(house: House, host: str) -> list[tuple[str, str]]:
    """The vendors' headers on the one request that the double of ``host`` got."""
    received = house.doubles.only(host)
    return [(name, value) for name, value in received.headers if name.lower().replace("_", "-") in NAMES]


def extra(row: dict[str, Any]) -> dict[str, str]:
    """The record's ``extra``."""
    found: dict[str, str] = json.loads(row.get("extra") or "{}")
    return found
