"""Limits in PostgreSQL and Redis behind the running proxy: restarts, reloads, sockets, and stores that go away."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import serve

from e2e.conftest import resolves
from e2e.raw import for_threads, open_line
from e2e.support import House
from e2e.test_budgets import chat, client
from e2e.test_websocket import HOST, Provider
from harness.processes import until
from harness.servers import Server, postgresql_server, redis_server
from harness.weir import Weir, write_policy
from weir.datadir import DataDir, write_private
from weir.demo.tlsfiles import Authority
from weir.edge.limits.limitstores import plan_for
from weir.limits.ledger import Ledger
from weir.settings import load

pytestmark = [pytest.mark.needs("pg_ctlcluster", "redis-server"), pytest.mark.xdist_group("budgets-proxy")]

BUDGETS: list[dict[str, Any]] = [
    {"scope": "key", "tokens": 1000, "per": "month", "models": ["gpt-4.1-nano"]},
    {"tokens": 50, "per": "day", "models": ["gpt-realtime"]},
    {"tokens": 10, "per": "day", "models": ["gpt-5"], "downgrade": {"gpt-5": "gpt-5-nano"}},
]


def stores() -> dict[str, Any]:
    """Where limits are counted; the addresses hold passwords, so the policy names files."""
    return {"budgets": "file:ledger.url", "rates": "file:redis.url", "timeout_ms": 500}


RATES = [{"scope": "key", "requests": 3, "models": ["gpt-4o-mini"]}]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with postgresql_server() as postgresql, redis_server() as redis:
        yield postgresql, redis


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


class Lot:
    """The proxy under test, which may be another process after a restart, and what it needs to start again."""

    def __init__(self, house: House, options: list[str]) -> None:
        self.house, self._options = house, options

    def restart(self) -> None:
        old = self.house.weir
        old.stop()
        real = {f"{kind.upper()}_API_KEY": key for kind, key in self.house.doubles.keys.items()}
        options = [*resolves(self.house.doubles, self.house.flaky), *self._options]
        self.house.weir = Weir(old.folder, old.policy, self.house.doubles, hosts=(), environment=real, options=options)

    def spent(self, model: str) -> int:
        """What is spent and held of the budgets for one model, as anybody sees it who asks the ledger."""
        plan = plan_for(load(self.house.weir.policy), DataDir(self.house.weir.data))
        assert plan is not None
        ledger = Ledger.open(plan.ledger, plan.budgets)
        try:
            return sum(one.spent + one.reserved for one in ledger.standings() if one.account.budget.models == (model,))
        finally:
            ledger.close()

    def change(self, **changes: Any) -> None:
        """Write the policy anew and wait until it is taken."""
        house = self.house
        before = len(taken(house))
        write_policy(house.weir.policy, "enforce", budgets=BUDGETS, rates=RATES, stores=stores(), **changes)
        until(lambda: len(taken(house)) > before, "the changed policy")


def taken(house: House) -> list[dict[str, Any]]:
    return [row for row in house.weir.records() if row["kind"] == "config" and row["reason"] == "policy taken"]


@pytest.fixture(scope="module")
def lot(
    start_module_house: Callable[..., House],
    servers: tuple[Server, Server],
    provider: Provider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lot]:
    authority = Authority(tmp_path_factory.mktemp("socket"))

    def prepare(folder: Path) -> dict[str, Any]:
        for name, server in zip(("ledger.url", "redis.url"), servers, strict=True):
            write_private(folder / name, server.url.encode())
        return {"stores": stores()}

    options = ["--upstream-ca", str(authority.ca_path)]
    house = start_module_house(budgets=BUDGETS, rates=RATES, prepare=prepare, options=options)
    listener = socket.create_server(("127.0.0.1", house.flaky))
    server = serve(provider, sock=listener, ssl=for_threads(authority.listener(("http/1.1",))))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = Lot(house, options)
    yield made
    server.shutdown()
    made.house.weir.stop()


@contextlib.contextmanager
def dialled(house: House, path: str) -> Iterator[ClientConnection]:
    """A socket to the provider, which greets first."""
    line = open_line(house.weir.url, HOST, house.weir.ca, threads=True)
    with connect(f"ws://{HOST}{path}", sock=line.connection, proxy=None) as link:
        json.loads(link.recv(10))
        yield link


def create(link: ClientConnection, **settings: Any) -> dict[str, Any]:
    """Ask for an answer; the event that ends it, or says that there is none."""
    link.send(json.dumps({"type": "response.create", **settings}))
    while True:
        event: dict[str, Any] = json.loads(link.recv(10))
        if event["type"] in ("response.done", "error"):
            return event


def test_turns_of_a_socket_are_asked_for_and_settled_one_by_one(lot: Lot, provider: Provider) -> None:
    lot.house.begin()
    with dialled(lot.house, "/v1/realtime?model=gpt-realtime") as link:
        assert create(link, response={"max_output_tokens": 20})["type"] == "response.done"
        until(lambda: lot.spent("gpt-realtime") == 12, "the first turn settled as the provider counted it")
        assert create(link, response={"max_output_tokens": 20})["type"] == "response.done"
        until(lambda: lot.spent("gpt-realtime") == 24, "the second turn settled")
        got = len(provider.got)
        refused = create(link, response={"max_output_tokens": 20})
        assert refused["status"] == 429 and "daily budget of the organisation" in refused["error"]["message"]
        assert len(provider.got) == got, "the refused turn went no further"
        assert create(link, response={"max_output_tokens": 2})["type"] == "response.done", "and the socket is open"
    (row,) = (one for one in lot.house.records("message") if one.get("rule_id") == "budget")
    assert (row["verdict"], row["action"], row["http_status"]) == ("block", "block", 101)
    until(lambda: lot.spent("gpt-realtime") == 36, "all of it is settled once")


@pytest.mark.parametrize(
    "message",
    [
        b'{"type": "response\\u002ecreate", "response": {"max_output_tokens": 20}}',
        b'{"type": "response.create", "response": {"max_output_tokens": 1, "max\\u005foutput_tokens": 20}}',
        b'{"type": "response.create", "generate": false, "response": {"max_output_tokens": 20}}',
        b'{"type": "input_audio_buffer.append", "audio": "AAAA"}',
        b'{"realtimeInput": {"text": "hello"}}',
    ],
)
def test_no_turn_hides_from_its_budget(lot: Lot, provider: Provider, message: bytes) -> None:
    lot.house.begin()
    with dialled(lot.house, "/v1/realtime?model=gpt-realtime") as link:
        got = len(provider.got)
        link.send(message, text=True)
        told = json.loads(link.recv(10))
    assert told["type"] == "error" and len(provider.got) == got, told


def test_a_turn_is_downgraded_in_its_own_message(lot: Lot, provider: Provider) -> None:
    with dialled(lot.house, "/v1/responses") as link:
        assert create(link, model="gpt-5", max_output_tokens=50)["type"] == "response.done"
    assert json.loads(provider.got[-1]) == {"type": "response.create", "model": "gpt-5-nano", "max_output_tokens": 50}


def test_rates_are_counted_in_redis_over_a_restart_and_budgets_keep_what_is_spent(lot: Lot) -> None:
    sdk = client(lot.house, max_retries=0)
    for model in ("gpt-4o-mini", "gpt-4o-mini", "gpt-4.1-nano"):
        chat(sdk, model, 5)
    used = until(lambda: lot.spent("gpt-4.1-nano"), "what the request used")
    lot.restart()
    assert lot.spent("gpt-4.1-nano") == used
    sdk = client(lot.house, max_retries=0)
    chat(sdk, "gpt-4o-mini", 5)
    with pytest.raises(openai.RateLimitError, match="3 requests a minute"):
        chat(sdk, "gpt-4o-mini", 5)


def test_stores_that_go_away_are_for_on_failure(lot: Lot, servers: tuple[Server, Server]) -> None:
    lot.house.begin()
    before, sdk = lot.spent("gpt-4.1-nano"), client(lot.house, max_retries=0)
    for server in servers:
        server.stop()
    with pytest.raises(openai.InternalServerError, match="cannot reach the store") as caught:
        chat(sdk, "gpt-4.1-nano", 5)
    assert caught.value.status_code == 503
    row = lot.house.only("block")
    assert row["rule_id"] == "on-failure" and "the ledger (PostgreSQL) cannot be used" in row["reason"]
    assert lot.house.weir.run("budgets", check=False).returncode == 1
    lot.change(on_failure="allow")
    lot.house.begin()
    chat(sdk, "gpt-4.1-nano", 5)
    passed = lot.house.only("response")
    assert passed["action"] == "allow" and "cannot be used" in json.loads(passed["extra"])["limits"]
    for server in servers:
        server.start()
    owed = passed["input_tokens"] + passed["output_tokens"]
    until(lambda: lot.spent("gpt-4.1-nano") == before + owed, "what passed without the store is charged")


def test_a_raised_budget_keeps_what_is_spent(lot: Lot) -> None:
    before = lot.spent("gpt-4.1-nano")
    BUDGETS[0]["tokens"] = before + 20
    lot.change()
    with pytest.raises(openai.RateLimitError, match="monthly budget of key"):
        chat(client(lot.house, max_retries=0), "gpt-4.1-nano", 50)
    BUDGETS[0]["tokens"] = before + 200
    lot.change()
    chat(client(lot.house, max_retries=0), "gpt-4.1-nano", 50)
    assert lot.spent("gpt-4.1-nano") > before
