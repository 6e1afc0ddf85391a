"""What several end-to-end tests need: the shared proxy with its records since the test began, the SDKs side by side."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import secrets
import ssl
import string
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from harness.canary import CANARIES
from harness.clients import trust
from harness.doubles import Doubles
from harness.processes import PATIENCE_S, until
from harness.weir import Weir, write_policy
from weir.cli import main
from weir.settings import load

__all__ = [
    "ADDRESS",
    "STAND_IN",
    "House",
    "Stored",
    "access_key",
    "chat_body",
    "command",
    "issue",
    "only_http2",
    "tokens",
]

type Stored = Callable[[str, Any, list[tuple[Any, ...]]], None]  # see the fixture `stored`
ADDRESS = "jane.doe@example.org"
STAND_IN = "<EMAIL_ADDRESS_1>"


def access_key() -> str:
    """A made-up AWS access key id, planted: what detectors must take for a real one."""
    letters = string.ascii_uppercase + "234567"
    return CANARIES.plant("AKIA" + "".join(secrets.choice(letters) for _ in range(16)), "an AWS access key id")


class _OnlyHttp2(ssl.SSLContext):
    def set_alpn_protocols(self, _: Iterable[str]) -> None:
        super().set_alpn_protocols(["h2"])


def only_http2(ca: Path) -> ssl.SSLContext:
    """A client context that offers nothing but HTTP/2: weir gives others what it knows the upstream to speak."""
    context = _OnlyHttp2(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca)
    return context


def command(*arguments: str, given: str = "", check: bool = True) -> str:
    """Run a weir command in this process, for a process of its own takes most of a second; its stdout.

    AssertionError with what it said when it fails, unless ``check`` is false.
    """
    out, said, stdin = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = main(arguments)
    finally:
        sys.stdin = stdin
    assert code == 0 or not check, out.getvalue() + said.getvalue()
    return out.getvalue().strip()


def issue(data: Path, *options: str) -> str:
    """Issue a virtual key into a data directory, before its proxy starts or later; the key, planted."""
    made = command("keys", "create", "--app", "e2e", "--team", "finance", *options, "--data", str(data))
    return CANARIES.plant(made, "a virtual key")


def tokens(text: str) -> int:
    """How many tokens the doubles count."""
    return -(-len(text) // 4)


def chat_body(text: str, **more: Any) -> bytes:
    """A chat completions request as JSON."""
    return json.dumps({"model": "gpt-5-mini", "messages": [{"role": "user", "content": text}], **more}).encode()


@dataclass
class House:
    """A proxy shared by many tests, and what it recorded since this one began."""

    weir: Weir
    doubles: Doubles
    key: str = field(repr=False)  # a virtual key of team finance, app e2e
    flaky: int = 0  # a port on loopback behind :7443 of every host; nobody listens there unless a test does
    before: frozenset[str] = frozenset()

    def client(self, *, http2: bool = False) -> httpx.Client:
        """A plain client through the proxy that speaks one protocol only, whatever weir remembers of the upstream."""
        context = only_http2(self.weir.ca) if http2 else trust(self.weir.ca)
        return httpx.Client(proxy=self.weir.url, verify=context, http2=http2, timeout=PATIENCE_S, trust_env=False)

    def leave(self, url: str, body: bytes, *, http2: bool = False, when: Callable[[], object]) -> None:
        """Post ``body`` and hang up as soon as ``when`` returns; an answer until then is an AssertionError."""

        async def asking() -> None:
            context = only_http2(self.weir.ca) if http2 else trust(self.weir.ca)
            async with httpx.AsyncClient(
                proxy=self.weir.url, verify=context, http2=http2, timeout=PATIENCE_S, trust_env=False
            ) as http:
                headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
                asked = asyncio.create_task(http.post(url, content=body, headers=headers))
                await asyncio.to_thread(when)
                assert not asked.done(), "it was answered"
                asked.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asked

        asyncio.run(asking())

    def begin(self) -> None:
        """Forget the records so far."""
        self.before = frozenset(row["exchange_id"] for row in self.weir.records())

    def take(self, base: str = "enforce", **changes: Any) -> None:
        """Let the proxy take another policy whole; nothing of the one before stays."""
        self.change(lambda path: write_policy(path, base, **{"dlp__processes": 0, **changes}))

    def change(self, write: Callable[[Path], object]) -> None:
        """Let the proxy take the policy that ``write`` makes of its file."""

        def taken() -> list[str]:
            rows = self.weir.records()
            return [row["policy_hash"] for row in rows if row["kind"] == "config" and row["reason"] == "policy taken"]

        before = len(taken())
        write(self.weir.policy)
        wanted = load(self.weir.policy).hash
        self.weir.reload()  # it may have seen the changed file by itself: then it is taken twice, one after the other
        until(lambda: wanted in taken()[before:], "the policy taken")
        self.begin()

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        """The records of exchanges that began since, of these kinds; without kinds all but weir's own events."""
        own = ("config", "first_seen")
        rows = [row for row in self.weir.records() if row["exchange_id"] not in self.before]
        return [row for row in rows if (row["kind"] in kinds if kinds else row["kind"] not in own)]

    def until(self, count: int, *kinds: str) -> list[dict[str, Any]]:
        """Wait for that many records of these kinds; AssertionError when there are fewer, or more."""
        rows = until(
            lambda: rows if len(rows := self.records(*kinds)) >= count else None, f"{count} records of {kinds}"
        )
        assert len(rows) == count, [(row["kind"], row.get("host"), row.get("reason")) for row in rows]
        return rows

    def only(self, *kinds: str) -> dict[str, Any]:
        """The one record of these kinds."""
        return self.until(1, *kinds)[0]
