"""Every hook of every addon fails, in every way: nothing passes by accident, and the audit names the hook.

Under ``enforce`` (``on_failure: block``, strict) a hook before forwarding refuses with 503 and the provider sees no
request; a hook after it replaces or cuts the reply, or, when the reply has passed already, records it as failed. Under
``observe`` (``allow``) the exchange goes through and is recorded as ``failed``.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.place import PASSWORD, free_port
from e2e.support import command, issue
from harness.doubles import Doubles
from harness.faultclients import Outcome, Raw, Sockets, ask, chat, socks5, websocket
from harness.faults import Faults, Hook, chain_hooks
from harness.weir import PROVIDER_HOSTS, write_policy

pytestmark = pytest.mark.xdist_group("faults-hooks")  # one worker: its proxies are shared

UPGRADES = "sockets.lab.example"
UNREACHABLE = "eu.api.openai.com"
HOOKS = chain_hooks()
issued: dict[Path, str] = {}  # a virtual key of each proxy
MAIL = "Write to jane.doe@example.com about it."

# What stands in place of "503, and nothing upstream" when the failing hook comes after forwarding.
REPLACED = {"responseheaders", "attempt_failed"}
CUT = {"response_chunk"}
# Nothing is left to hold back.
PASSED = {"response", "error", "client_disconnected", "server_disconnected", "websocket_end"}
LOGINS = {"socks5_greeting", "socks5_auth"}
NEVER_A_REQUEST = {"tls_failed_client"} | LOGINS


@pytest.fixture(scope="module")
def sockets() -> Iterator[Sockets]:
    with Sockets() as upstream:
        yield upstream


def start(base: str, doubles: Doubles, sockets: Sockets) -> Iterator[Faults]:
    artefacts = Path(os.environ["WEIR_TEST_RUN"]) / "artefacts"
    folder = Path(tempfile.mkdtemp(prefix=f"faults-{base}-", dir=artefacts))
    users = folder / "users"
    command("identity", "add", "jane", "--users", str(users), "--password-stdin", given=PASSWORD)
    other = {
        "keys": {"openai": {"secret": "env:OPENAI_API_KEY"}},
        "failover": {"openai": {"to": [{"host": UNREACHABLE}]}},
    }
    policy = write_policy(folder / "policy.yaml", base, dlp__processes=0, identity__users=str(users), **other)
    issued[folder] = issue(folder / "data")
    modes = ["--mode", "regular", "--mode", f"socks5@127.0.0.1:{free_port()}"]
    with_port = ["--resolve", f"{UPGRADES}:80:127.0.0.1:{sockets.port}", "--resolve", f"{UNREACHABLE}:443:127.0.0.1:1"]
    proxy = Faults(
        folder,
        policy,
        doubles,
        environment={f"{kind.upper()}_API_KEY": key for kind, key in doubles.keys.items()},
        options=[*modes, *with_port],
        hosts=PROVIDER_HOSTS,
    )
    yield proxy
    proxy.weir.stop()


@pytest.fixture(scope="module")
def enforcing(shared_doubles: Doubles, sockets: Sockets) -> Iterator[Faults]:
    yield from start("enforce", shared_doubles, sockets)


@pytest.fixture(scope="module")
def observing(shared_doubles: Doubles, sockets: Sockets) -> Iterator[Faults]:
    yield from start("observe", shared_doubles, sockets)


def scene(proxy: Faults, name: str) -> Outcome:
    """Traffic that reaches the hook. A hook that none of these reach fails its test: give it a scene here."""
    weir, key = proxy.weir, f"Bearer {proxy.doubles.keys['openai']}"
    match name:
        case "tls_failed_client":
            raw = Raw(weir)
            assert raw.connect() == 200
            with pytest.raises(OSError):
                raw.handshake(context=ssl.create_default_context())
            raw.close()
            return Outcome("tls", cut=True)
        case "socks5_greeting" | "socks5_auth":
            return socks5(weir, "jane", PASSWORD)
        case "websocket_start" | "websocket_message" | "websocket_end":
            status, echo = websocket(weir, UPGRADES)
            return Outcome("reply", status, echo)
        case "server_connect_error":
            return ask(weir, host=UNREACHABLE, authorization=key)
        case "error":
            return ask(weir, chat(stream=True), authorization=key, x_double="cut=2")
        case "attempt_failed":
            proxy.doubles.behave("status=500", host="api.openai.com")
            return ask(weir, authorization=f"Bearer {issued[weir.folder]}")
        case "response_chunk":
            return ask(weir, chat(MAIL, stream=True), authorization=key)
        case _:
            return ask(weir, authorization=key)


def ids(hook: Hook) -> str:
    return str(hook)


def check_refused(proxy: Faults, sockets: Sockets, hook: Hook, how: str) -> None:
    heard = len(sockets.received)
    with proxy.armed(hook.where, how):
        outcome = scene(proxy, hook.name)
        record = proxy.naming(f"{hook.where}: ")
    assert proxy.fired(), "no scene reaches this hook: give it one"
    assert record["inspection"] == "failed"
    upstream = proxy.doubles.requests()
    if hook.name in NEVER_A_REQUEST:
        assert upstream == []
    elif hook.name in ("websocket_start", "websocket_message"):
        assert sockets.received[heard:] == [] and outcome.body == b"\x03\xf0could not be inspected"  # 1008
    elif hook.name in PASSED:
        assert len(upstream) == (0 if hook.name == "websocket_end" else 1)
    elif hook.name in CUT:
        assert outcome.cut and len(upstream) == 1 and b"jane" not in outcome.body
    else:
        assert outcome.status == 503, outcome
        assert len(upstream) == (1 if hook.name in REPLACED else 0)
        assert record["action"] == "block" or record["kind"] == "error"


@pytest.mark.parametrize("hook", HOOKS, ids=ids)
@pytest.mark.parametrize("how", ["raise", "later"])
def test_enforcing_nothing_passes(enforcing: Faults, sockets: Sockets, hook: Hook, how: str) -> None:
    check_refused(enforcing, sockets, hook, how)


ONE_EACH = list({hook.name: hook for hook in HOOKS}.values())
# The task that tells of the end of weir's own connection has mostly been cancelled itself by then.
NEVER_BACK = [(hook, "hang") for hook in ONE_EACH]
NEVER_BACK += [(hook, "cancel") for hook in ONE_EACH if hook.name != "server_disconnected"]


@pytest.mark.parametrize(("hook", "how"), NEVER_BACK, ids=str)
def test_enforcing_a_hook_that_never_returns(enforcing: Faults, sockets: Sockets, hook: Hook, how: str) -> None:
    check_refused(enforcing, sockets, hook, how)


@pytest.mark.parametrize("hook", HOOKS, ids=ids)
@pytest.mark.parametrize("how", ["raise", "later"])
def test_observing_all_goes_on_and_is_recorded(observing: Faults, hook: Hook, how: str) -> None:
    proxy = observing
    with proxy.armed(hook.where, how):
        outcome = scene(proxy, hook.name)
        if hook.name == "response_chunk":  # no reply is edited while observing, and only edited ones have the hook
            assert not proxy.fired() and outcome.status == 200
            return
        record = proxy.naming(f"{hook.where}: ")
    assert proxy.fired(), "no scene reaches this hook: give it one"
    assert record["inspection"] == "failed"
    if hook.name == "server_connect":  # the address to connect to is not known: there is nothing to go on with
        assert outcome.status == 503 and proxy.doubles.requests() == []
    elif hook.name in ("server_connect_error", "attempt_failed"):  # what failed first is what the client hears of
        assert outcome.status == (502 if hook.name == "server_connect_error" else 500)
    elif hook.name in ("websocket_start", "websocket_message"):
        assert outcome.body == b"hello"
    elif hook.name in ("websocket_end", *NEVER_A_REQUEST):  # a login that nobody could check lets nobody in
        assert proxy.doubles.requests() == []
        assert outcome.cut or hook.name == "websocket_end"
    else:
        assert outcome.status == 200 and outcome.cut is (hook.name == "error"), outcome
        assert len(proxy.doubles.requests()) == 1
        assert record.get("action", "allow") == "allow"


def _last_of(rows: list[dict[str, Any]], model: str) -> dict[str, Any]:
    return next((row for row in rows if row["kind"] == "response" and row.get("request_model") == model), {})


def test_afterwards_all_is_as_before(enforcing: Faults, observing: Faults) -> None:
    """No fault has left anything behind in either proxy."""
    for proxy in (enforcing, observing):
        proxy.begin()
        key = f"Bearer {proxy.doubles.keys['openai']}"
        outcome = ask(proxy.weir, chat(model="gpt-5"), authorization=key)
        assert outcome.status == 200 and not outcome.cut
        rows = proxy.weir.until_records(lambda rows: _last_of(rows, "gpt-5"), "its response record")
        assert _last_of(rows, "gpt-5")["inspection"] == "inspected"
        assert "crashed" not in proxy.weir.process.output()
        assert "Traceback" not in proxy.weir.process.output()
