"""Two workers behind one address: they share load, policy and budgets, and neither's end is felt beyond its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.fleetload import URL, Load, ask, exchanges
from e2e.raw import dial
from e2e.support import House, chat_body, only_http2
from harness.doubles import Doubles
from harness.h2client import dial_h2
from harness.processes import PATIENCE_S, until
from weir.audit.ingester.cuts import CUT
from weir.audit.spool.chain import verify_chain

pytestmark = pytest.mark.xdist_group("fleet")

BUDGET = {"tokens": 400, "per": "month", "models": ["gpt-4.1-nano"]}


@pytest.fixture(scope="module")
def fleet(start_module_house: Callable[..., House]) -> House:
    return start_module_house(
        options=["--workers", "2", "--drain-s", "20", "--health", "127.0.0.1:0"], budgets=[BUDGET]
    )


@pytest.fixture
def house(fleet: House, doubles: Doubles) -> House:
    fleet.begin()
    return fleet


def told(house: House) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((house.weir.data / "run" / "weir.json").read_text())
    return found


def workers(house: House) -> dict[int, int]:
    """Process by seat."""
    return {one["number"]: one["pid"] for one in told(house)["workers"]}


def test_connections_and_a_changed_policy_reach_both(house: House) -> None:
    def one(_: int) -> int:
        with house.client() as http:
            return ask(http, house).status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(one, range(24))) == {200}
    rows = house.until(24, "response")
    boots = Counter(row["boot_id"] for row in rows)
    assert len(boots) == 2 and min(boots.values()) >= 2, boots  # by chance 1 in 300,000 is below
    house.weir.policy.write_text(house.weir.policy.read_text() + "\n# changed\nlimits: {drain_s: 19}\n")
    house.weir.reload()
    taken = house.weir.until_records(
        lambda rows: len({row["boot_id"] for row in rows if row.get("reason") == "policy taken"}) == 2, "both took it"
    )
    hashes = {row["policy_hash"] for row in taken if row.get("reason") == "policy taken"}
    until(lambda: {told(house)["policy_hash"]} == hashes, "weir.json to say so")
    assert told(house)["pid"] == house.weir.process.pid and len(workers(house)) == 2


def test_one_budget_is_never_overspent_by_two_workers(house: House) -> None:
    def one(_: int) -> tuple[int, int]:
        with house.client() as http:
            reply = ask(http, house, model="gpt-4.1-nano", max_tokens=12)
        return reply.status_code, reply.json()["usage"]["total_tokens"] if reply.status_code == 200 else 0

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(one, range(60)))
    codes, used = Counter(code for code, _ in answers), sum(spent for _, spent in answers)
    assert set(codes) == {200, 429} and used <= BUDGET["tokens"], (codes, used)
    rows = until(lambda: rows if len(rows := house.records("response", "block")) == 60 else None, "a record of each")
    assert len({row["boot_id"] for row in rows if row["kind"] == "response"}) == 2

    def spent() -> int:
        budgets = json.loads(house.weir.run("budgets", "--policy", str(house.weir.policy), "--format", "json").stdout)
        return next(int(one["spent"]) for one in budgets["budgets"] if one["unit"] == "tokens")

    assert spent() == used


class Open:
    """A stream that has begun and is held open by the double; which worker has it shows in the records."""

    def __init__(self, house: House, number: int, *, http2: bool = False) -> None:
        self._http2 = http2
        self.name, self.error, self.said = f"stream{number}/1", "", b""
        self._begun = threading.Event()
        house.doubles.behave("gate=end")
        self._thread = threading.Thread(target=self._read, args=(house,), daemon=True)
        self._thread.start()
        assert self._begun.wait(PATIENCE_S)

    def _read(self, house: House) -> None:
        headers = {"authorization": f"Bearer {house.key}", "user-agent": self.name}
        body = chat_body("How high?", stream=True)
        try:
            with (
                house.client(http2=self._http2) as http,
                http.stream("POST", URL, content=body, headers=headers) as reply,
            ):
                for chunk in reply.iter_raw():
                    self.said += chunk
                    self._begun.set()
        except httpx.HTTPError as error:
            self.error = type(error).__name__
            self._begun.set()

    def join(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


def test_a_killed_worker_is_replaced_and_what_it_had_open_is_recorded_as_cut(house: House) -> None:
    before = workers(house)
    streams = [Open(house, number) for number in range(8)]
    rows = house.until(8, "request")
    boot = {row["user_agent"]: row["boot_id"] for row in rows}
    exchange = {row["user_agent"]: row["exchange_id"] for row in rows}
    doomed = {one.name for one in streams if boot[one.name] == boot[streams[0].name]}
    assert 0 < len(doomed) < 8
    victim = _process_of(house, boot[streams[0].name])
    os.kill(victim, signal.SIGKILL)
    cut = until(lambda: found if len(found := _cut(house)) >= len(doomed) else None, "what was open recorded as cut")
    assert {row["exchange_id"] for row in cut} == {exchange[name] for name in doomed}
    assert {(row["user_agent"], row["host"], row["team"]) for row in cut} == {
        (name, "api.openai.com", "finance") for name in doomed
    }
    house.doubles.release("end", "all")
    for one in streams:
        one.join()
        assert bool(one.error) == (one.name in doomed), (one.name, one.error)
        assert one.name in doomed or one.said.endswith(b"data: [DONE]\n\n")
    now = until(lambda: new if (new := workers(house)) != before else None, "another in its place")
    assert victim not in now.values() and len(set(now.values()) & set(before.values())) == 1

    def whys() -> str:  # each is written beside what goes on, so after weir.json says it
        return "\n".join(row["reason"] for row in house.records("config") if "worker" in row.get("reason", ""))

    until(lambda: "was killed by SIGKILL" in whys() and "is replaced" in whys(), "a record of its end and of the other")
    kinds = house.weir.sql(
        "select kind, finish_reason from exchanges where ended is not null and list_contains(?, user_agent)",
        [sorted(boot)],
        rows=8,
    )
    assert Counter(kinds) == {("response", CUT): len(doomed), ("response", "stop"): 8 - len(doomed)}


def test_a_rolling_restart_refuses_and_resets_nothing(house: House) -> None:
    before, counted = workers(house), exchanges(house)
    seen = [counted]
    with Load(house, http2_clients=2) as load:
        asking = threading.Thread(target=house.weir.run, args=("restart", "--timeout-s", "90"))
        asking.start()
        while asking.is_alive():
            seen.append(exchanges(house))
            asking.join(0.3)
        after = sum(load.answers.values())
        until(lambda: sum(load.answers.values()) > after + 10, "load on the new ones")
    assert load.errors == [] and set(load.answers) == {200}
    assert set(load.versions) == {"HTTP/1.1", "HTTP/2"} and min(load.versions.values()) > 10
    assert seen == sorted(seen), "what is counted never falls"
    assert not set(before.values()) & set(workers(house).values())
    total = sum(load.answers.values())
    rows = until(lambda: rows if len(rows := house.records("response")) >= total else None, "every reply on record")
    assert len(rows) == total and len({row["boot_id"] for row in rows}) >= 3
    assert {row["http_status"] for row in rows} == {200}
    until(lambda: exchanges(house) >= counted + total, "the numbers of those that are gone, too")
    assert exchanges(house) == counted + total, "each once"


def test_an_http2_client_is_told_to_go_and_loses_nothing(house: House) -> None:
    headers = [
        (":method", "POST"), (":scheme", "https"), (":authority", "api.openai.com"), (":path", "/v1/chat/completions"),
        ("authorization", f"Bearer {house.key}"), ("content-type", "application/json"), ("user-agent", "told/1"),
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        lines = []
        for _ in range(4):
            plain = dial(house.weir.url, "api.openai.com:443")
            lines.append(stack.enter_context(dial_h2(plain, "api.openai.com", only_http2(house.weir.ca))))
        assert [one.ask(headers, chat_body("How high?")).status for one in lines] == [200] * 4
        gated = [Open(house, number, http2=True) for number in range(3)]
        asking = threading.Thread(target=house.weir.run, args=("restart", "--timeout-s", "90"))
        asking.start()
        with ThreadPoolExecutor(4) as pool:
            told = [pool.submit(one.farewell, 80) for one in lines]
            wait(told, timeout=80, return_when=FIRST_COMPLETED)  # those of the first worker, while streams go on
            assert not any(one.error for one in gated)
            house.doubles.release("end", "all")
            assert [one.result() for one in told] == [(1, 0)] * 4
        for one in gated:
            one.join()
            assert not one.error and one.said.endswith(b"data: [DONE]\n\n")
        asking.join(90)
        assert not asking.is_alive()
    house.until(7, "response")


def test_a_connection_to_a_dead_worker_waits_for_another(house: House) -> None:
    before = workers(house)
    with Load(house, clients=2, keep=1) as load:
        os.kill(before[1], signal.SIGKILL)
        count = sum(load.answers.values())
        until(lambda: sum(load.answers.values()) > count + 30, "answers after it", seconds=60)
    # Those that it was at work on are lost; whoever came after is not.
    assert len(load.errors) <= 2 and not any("Refused" in error for error in load.errors), load.errors
    until(lambda: len(workers(house)) == 2 and workers(house) != before, "another in its place")


def test_the_end_is_everybodys(house: House) -> None:
    pids = [house.weir.process.pid, *workers(house).values()]
    assert house.weir.stop(60) == 0
    assert not any(_alive(pid) for pid in pids)
    assert verify_chain(house.weir.data / "spool") == []
    assert list((house.weir.data / "run").glob("w*-*.json")) == [] == list(house.weir.data.glob("limits-owed*"))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _process_of(house: House, boot: str) -> int:
    """The worker that writes the chain of this boot: it has the file open."""
    for pid in workers(house).values():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                target = str(link.readlink())
                if boot in target and target.endswith(".jsonl"):
                    return pid
    raise AssertionError(f"nobody writes {boot}")


def _cut(house: House) -> list[dict[str, Any]]:
    return [row for row in house.records("response") if row.get("finish_reason") == CUT]
