"""The machine's own faults: clocks that jump, names that nobody knows, no descriptors left, storms of signals."""

from __future__ import annotations

import contextlib
import resource
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e.raw import dial, open_line, post
from e2e.support import House, chat_body, issue
from harness.processes import PATIENCE_S, until
from harness.worldrun import SLOW, SLOW_S, UNKNOWN, made
from weir.edge.bounds.doors import OWN_FILES

pytestmark = [pytest.mark.xdist_group("faults-machine"), pytest.mark.needs("cc")]  # one worker: its proxy is shared

URL = "https://api.openai.com/v1/chat/completions"
UNKNOWN_URL, SLOW_URL = (f"https://api.openai.com:{port}/v1/chat/completions" for port in (UNKNOWN, SLOW))
DAY_S = 86_400
RUNNER = Path(__file__).parents[1] / "harness" / "worldrun.py"
BUDGET = {"scope": "key", "tokens": 300, "per": "day", "models": ["gpt-5-mini"]}
LOOKUP_S = 4.0


@pytest.fixture(scope="module")
def world(start_module_house: Callable[..., House], tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Path]:
    folder = tmp_path_factory.mktemp("clock")
    environment = {**made(folder), "WEIR_LOOKUP_S": str(LOOKUP_S)}
    house = start_module_house(
        environment=environment,
        program=[str(RUNNER)],
        budgets=[BUDGET],
        audit__durability="strict",
    )
    return house, folder / "clock"


@pytest.fixture
def house(world: tuple[House, Path]) -> Iterator[House]:
    proxy = world[0]
    proxy.doubles.reset()
    proxy.begin()
    yield proxy
    assert ask(proxy, model="gpt-4o-mini").status_code == 200, "weir goes on"
    assert "Traceback" not in proxy.weir.process.output() and "crashed" not in proxy.weir.process.output()


@pytest.fixture
def clock(world: tuple[House, Path]) -> Iterator[Callable[[int], None]]:
    def step(seconds: int) -> None:
        world[1].open("r+b", buffering=0).write(struct.pack("l", seconds))

    yield step
    step(0)


def ask(house: House, url: str = URL, *, key: str = "", model: str = "gpt-5-mini", **more: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key or house.key}", "content-type": "application/json"}
    with house.client() as http:
        return http.post(url, content=chat_body("Good day.", model=model, **more), headers=headers)


def test_a_name_that_nobody_knows(house: House) -> None:
    reply = ask(house, UNKNOWN_URL, model="gpt-4o-mini")
    assert reply.status_code == 502
    row = house.only("response")
    assert (row["reason"], row["http_status"], row["inspection"]) == ("upstream name not found", 502, "inspected")


def test_names_that_are_not_answered_for_hold_up_nobody(house: House) -> None:
    """Thirty of them at once: another client's name is looked up as ever, and each gets its error in time."""
    got: list[int] = []
    clients = [
        threading.Thread(target=lambda: got.append(ask(house, SLOW_URL, model="gpt-4o-mini").status_code))
        for _ in range(30)
    ]
    began = time.monotonic()
    for client in clients:
        client.start()
    until(lambda: len(house.records("request")) >= 8, "the first of them")
    target = f"api.openai.com:{UNKNOWN}"
    with open_line(house.weir.url, target, house.weir.ca, source="127.0.0.2") as other:
        body = chat_body("Good day.", model="gpt-4o-mini")
        other.send(post(target, "/v1/chat/completions", body, house.key))
        assert other.reply().status == 502, "it did not wait for those before it: else its time were up, too"
    for client in clients:
        client.join()
    assert got == [504] * 30 and time.monotonic() - began < 20 * SLOW_S
    rows = house.until(31, "response")
    known = next(row["exchange_id"] for row in rows if row["reason"] == "upstream name not found")
    assert {row["reason"] for row in rows if row["exchange_id"] != known} == {"timed out"}


@pytest.mark.parametrize("step", [3 * DAY_S, -1800], ids=["forward", "back"])
def test_a_clock_that_jumps_under_traffic(house: House, clock: Callable[[int], None], step: int) -> None:
    """Nothing that waits or is under way is touched; what is about dates follows the date."""
    key = issue(house.weir.data, "--expires", "1d")
    until(lambda: ask(house, key=key, model="gpt-4o-mini").status_code == 200, "the new key")
    house.begin()
    house.doubles.behave("gate=tick")
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    content = chat_body("Good day.", model="gpt-4o-mini", stream=True)
    with house.client() as http:
        with http.stream("POST", URL, content=content, headers=headers) as reply:
            chunks = reply.iter_raw()
            next(chunks)
            clock(step)
            house.doubles.release("tick", "all")
            assert b"[DONE]" in b"".join(chunks)
        again = http.post(URL, content=chat_body("Good day.", model="gpt-4o-mini"), headers=headers)
    assert again.status_code == (401 if step > 0 else 200), "the key has expired, or has not"
    assert ask(house, model="gpt-4o-mini").status_code == 200
    rows = house.until(3 if step < 0 else 2, "response")
    assert rows[0]["http_status"] == 200 and rows[0]["usage_source"] == "reported"
    clock(0)
    said = [line for line in house.weir.run("audit", "verify", check=False).stdout.splitlines() if "seq " in line]
    assert all(": clock: " in line for line in said), "it tells of the clock, and of nothing else"


def test_a_day_that_is_spent_is_spent_whatever_the_clock_does_within_it(
    house: House, clock: Callable[[int], None]
) -> None:
    until(lambda: ask(house, max_tokens=60).status_code == 429, "the day spent")
    for seconds in (1, -1, 0):
        clock(seconds)
        assert ask(house, max_tokens=60).status_code == 429
    clock(2 * DAY_S)
    reply = ask(house, max_tokens=60)
    assert reply.status_code == 200, reply.text + str(house.records()[-1])
    clock(0)
    assert ask(house, max_tokens=60).status_code == 429, "that day again, as it was left"


def wanted_s(pid: int) -> float:
    """Seconds that the thread of the loop has run, or could have had it had a processor."""
    ran, waited, _ = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()
    return (int(ran) + int(waited)) / 1e9


@pytest.fixture
def few_files(house: House) -> Iterator[int]:
    pid = house.weir.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    allowed = 160
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (allowed, before[1]))
    yield allowed
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_as_many_clients_as_there_are_descriptors(house: House, few_files: int) -> None:
    """Who is too many is turned away at the door, so that those inside have what they need."""
    with contextlib.ExitStack() as stack:
        lines = []
        for _ in range(few_files):
            line = stack.enter_context(socket.create_connection((house.weir.host, house.weir.port), timeout=PATIENCE_S))
            lines.append(line)
            line.setblocking(False)
        left = set(lines)
        inside = (few_files - OWN_FILES) // 2

        def turned_away() -> bool:
            for line in list(left):
                with contextlib.suppress(BlockingIOError):
                    if line.recv(1) == b"":
                        left.discard(line)
            return len(left) <= inside

        until(turned_away, "all but those there is room for turned away")

        def rests() -> bool:  # who spins runs or waits for its turn all the time, however busy the machine is
            before, at = wanted_s(house.weir.process.pid), time.monotonic()
            time.sleep(0.5)  # what passes in the meantime is the test
            return wanted_s(house.weir.process.pid) - before < 0.5 * (time.monotonic() - at)

        until(rests, "it does not spin")
    row = until(lambda: house.records("block"), "a record of those turned away")[0]
    assert (row["action"], row["reason"], row["rule_id"]) == ("block", "connections over the limit", "limit")
    until(lambda: _fine(house), "room again")


def _fine(house: House) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return ask(house, model="gpt-4o-mini").status_code == 200
    return False


def test_a_storm_of_hangups(house: House) -> None:
    before = len([row for row in house.weir.records() if row["kind"] == "config"])
    codes = []
    for number in range(50):
        house.weir.process.signal(signal.SIGHUP)
        if number % 10 == 0:
            codes.append(ask(house, model="gpt-4o-mini").status_code)
    assert codes == [200] * 5
    until(lambda: len([row for row in house.weir.records() if row["kind"] == "config"]) > before, "the policy taken")
    house.until(5, "response")


def test_a_storm_of_terms_is_one(world: tuple[House, Path]) -> None:
    """Last: what runs ends in peace, and nobody else comes in."""
    house = world[0]
    house.doubles.reset()
    house.begin()
    house.doubles.behave("hold=answer")
    got: list[int] = []
    client = threading.Thread(target=lambda: got.append(ask(house, model="gpt-4o-mini").status_code))
    client.start()
    until(lambda: house.doubles.waiting("answer"), "a request under way")
    for _ in range(50):
        house.weir.process.signal(signal.SIGTERM)
    until(lambda: "draining" in house.weir.process.output(), "the drain")
    house.doubles.release("answer", "all")
    client.join(PATIENCE_S)
    assert got == [200] and house.weir.process.wait() == 0
    assert house.only("response")["http_status"] == 200
    with pytest.raises(OSError):
        dial(house.weir.url, "api.openai.com:443")
