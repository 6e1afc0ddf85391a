"""Developers who want more than their budget, and upstreams that break: whatever is tried, the books agree after it.

After each test the ledger holds nothing any more, and what is spent of the widest budget is what the audit has as cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest

from e2e.books import balanced, books, standings
from e2e.raw import open_line
from e2e.support import House, issue, only_http2
from harness.clients import trust
from harness.processes import PATIENCE_S, until
from harness.weir import write_policy

pytestmark = pytest.mark.xdist_group("budgets-attacks")

CHAT = "https://api.openai.com/v1/chat/completions"
WIDE = {"usd": 1000, "per": "month", "unpriced": "allow"}
BUDGETS: list[dict[str, Any]] = [
    WIDE,
    {"scope": "key", "tokens": 60, "per": "month", "models": ["gpt-4.1-nano"]},
    {"scope": "key", "tokens": 2000, "per": "month", "models": ["gpt-4.1-mini"]},
    {"scope": "key", "tokens": 40, "per": "month", "models": ["text-embedding-3-small"]},
    {"scope": "team", "tokens": 200, "per": "day", "models": ["gpt-4o"]},
    {"scope": "key", "tokens": 50, "per": "day", "models": ["gpt-5"], "downgrade": {"gpt-5": "gpt-5-nano"}},
]
RATES = [{"scope": "key", "streams": 1, "models": ["gpt-5"]}]


@pytest.fixture(scope="module")
def attacked(start_module_house: Callable[..., House]) -> House:
    return start_module_house(budgets=BUDGETS, rates=RATES)


@pytest.fixture
def house(attacked: House) -> Iterator[House]:
    attacked.doubles.reset()
    attacked.begin()
    yield attacked
    balanced(attacked)


def body(model: str, most: int | None = 5, **more: Any) -> dict[str, Any]:
    bound = {} if most is None else {"max_completion_tokens": most}
    return {"model": model, "messages": [{"role": "user", "content": "How high is the river?"}], **bound, **more}


def auth(house: House, key: str = "") -> dict[str, str]:
    return {"authorization": f"Bearer {key or house.key}"}


@pytest.mark.parametrize("http2", [False, True])
def test_a_crowd_gets_no_more_than_there_is(house: House, http2: bool) -> None:
    key = issue(house.weir.data, "--team", "crowd")
    verify = only_http2(house.weir.ca) if http2 else trust(house.weir.ca)

    async def all_at_once() -> list[int]:
        async with httpx.AsyncClient(proxy=house.weir.url, verify=verify, http2=http2, timeout=60) as http:
            asked = [http.post(CHAT, json=body("gpt-4.1-nano", 30), headers=auth(house, key)) for _ in range(24)]
            return [one.status_code for one in await asyncio.gather(*asked)]

    codes = asyncio.run(all_at_once())
    assert set(codes) == {200, 429} and codes.count(200) <= 3


@pytest.mark.parametrize(
    "more",
    [
        {"max_tokens": 100_000},  # beside a small bound
        {"n": 500},
        {"n": "500"},
        {"max_completion_tokens": "100000"},
        {"max_completion_tokens": 10**30},
        {"max_completion_tokens": -1},
        {"max_completion_tokens": None},
    ],
)
def test_tricks_with_the_bound(house: House, more: dict[str, Any]) -> None:
    with house.client() as http:
        got = http.post(CHAT, json=body("gpt-4.1-mini", 5) | more, headers=auth(house))
    assert got.status_code == 429 and got.headers["x-weir-rule"] == "budget"
    assert house.doubles.requests() == []


@pytest.mark.parametrize(
    ("method", "path", "model"),
    [
        ("POST", "/v1/chat/completions?model=gpt-4o-mini", "gpt-4.1-nano"),
        ("POST", "//v1/%63hat/completions/", "gpt-4.1-nano"),
        ("POST", "/v1/responses/../chat/completions", "gpt-4.1-nano"),
        ("POST", "/v1/chat/completions;count_tokens", "gpt-4.1-nano"),
        ("post", "/v1/chat/completions", "gpt-4.1-nano"),
        ("QUERY", "/v1/chat/completions", "gpt-4.1-nano"),
        ("POST", "/v1/chat/completions", "GPT-4.1-Nano"),
        ("POST", "/v1/chat/completions", " gpt-4.1-nano "),
    ],
)
def test_tricks_with_names(house: House, method: str, path: str, model: str) -> None:
    content = json.dumps(body(model, 500)).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: application/json\r\n"
    head += f"Authorization: Bearer {house.key}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    with open_line(house.weir.url, "api.openai.com:443", house.weir.ca) as line:
        line.send(head.encode() + content)
        got = line.connection.recv(65_536)
    assert got.split(b" ")[1] in (b"400", b"403", b"429"), got[:300]
    assert house.doubles.requests() == []


def test_what_weir_cannot_count_is_not_free(house: House) -> None:
    asked = {"model": "text-embedding-3-small", "input": [list(range(30))]}
    with house.client() as http:
        codes = [
            http.post("https://api.openai.com/v1/embeddings", json=asked, headers=auth(house)).status_code
            for _ in range(4)
        ]
    assert codes[0] == 200 and codes[-1] == 429


@pytest.mark.parametrize("behaviour", ["status=500", "status=429", "status=400", "reset", "cut=10"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_that_breaks_leaves_nothing_held(house: House, behaviour: str, stream: bool) -> None:
    house.doubles.behave(behaviour, times=1)
    with house.client() as http:
        try:
            got = http.post(CHAT, json=body("gpt-5-mini", 50, stream=stream), headers=auth(house))
            assert got.status_code in (200, 400, 429, 500, 502)
        except httpx.RemoteProtocolError:
            assert behaviour == "cut=10"


@pytest.mark.parametrize("http2", [False, True])
def test_who_hangs_up_before_the_reply_pays_for_the_prompt(house: House, http2: bool) -> None:
    house.doubles.behave("hold=hang-up", times=1)
    there = partial(until, lambda: house.doubles.waiting("hang-up"), "the request at its provider")
    house.leave(CHAT, json.dumps(body("gpt-5-mini", 50)).encode(), http2=http2, when=there)
    row = until(lambda: next((one for one in house.records("error", "response")), None), "its record")
    house.doubles.release("hang-up", "all")
    assert row["usage_source"] == "estimated" and row["input_tokens"] > 0 and row["output_tokens"] == 0
    assert row["cost_nano"] > 0


def test_who_hangs_up_in_a_stream_pays_for_what_came(house: House) -> None:
    house.doubles.behave("gate=mid", times=1)
    with (
        house.client() as http,
        http.stream("POST", CHAT, json=body("gpt-5-mini", 500, stream=True), headers=auth(house)) as got,
    ):
        next(got.iter_raw())
    house.doubles.release("mid", "all")
    row = until(lambda: next((one for one in house.records("error", "response")), None), "its record")
    assert row["usage_source"] == "estimated" and row["cost_nano"] > 0


def test_usage_cannot_be_switched_off(house: House) -> None:
    with house.client() as http:
        for option in (None, {"include_usage": False}, {"include_usage": None}):
            asked = body("gpt-5-mini", 50, stream=True, stream_options=option)
            assert http.post(CHAT, json=asked, headers=auth(house)).status_code in (200, 400)
    rows = house.until(3, "response")
    assert {row["usage_source"] for row in rows if row["http_status"] == 200} == {"reported"}


def test_a_downgraded_stream_leaves_its_place(house: House) -> None:
    key = issue(house.weir.data, "--team", "streams")
    with house.client() as http:
        for _ in range(3):
            got = http.post(CHAT, json=body("gpt-5", 100, stream=True), headers=auth(house, key))
            assert got.status_code == 200 and got.headers["x-weir-downgraded"] == "gpt-5 -> gpt-5-nano"
            until(lambda: books(house)[0] == 0, "the stream to leave")


def test_headers_of_others_prove_nothing(house: House) -> None:
    fakes = {"x-weir-downgraded": "a -> b", "x-weir-budget-warning": "none", "x-weir-rule": "budget"}
    house.doubles.behave("header=x-weir-budget-warning:all%20is%20well", times=1)
    with house.client() as http:
        got = http.post(CHAT, json=body("gpt-5-mini"), headers=auth(house) | fakes)
    assert got.status_code == 200 and not [name for name in got.headers if name.startswith("x-weir-b")]


def test_the_same_request_again_is_paid_again(house: House) -> None:
    headers = auth(house) | {"idempotency-key": "once"}
    with house.client() as http:
        for _ in range(2):
            assert http.post(CHAT, json=body("gpt-5-mini"), headers=headers).status_code == 200
    assert len({row["exchange_id"] for row in house.until(2, "response")}) == 2


def test_two_budgets_at_once(house: House) -> None:
    key = issue(house.weir.data, "--team", "both")
    with house.client() as http:
        asked, headers = body("gpt-4o", 20), auth(house, key)
        codes = [http.post(CHAT, json=asked, headers=headers).status_code for _ in range(20)]
    assert codes[0] == 200 and codes[-1] == 429
    assert sum(one.spent for one in standings(house) if one.account.name == "both") <= 200


def test_a_killed_connection_in_the_crowd(house: House) -> None:
    content = json.dumps(body("gpt-5-mini", 50)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nAuthorization: Bearer {house.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"

    def cut(after: int) -> None:
        with open_line(house.weir.url, "api.openai.com:443", house.weir.ca) as line:
            line.send((head.encode() + content)[:after])
            line.connection.shutdown(socket.SHUT_RDWR)

    whole = len(head) + len(content)
    threads = [threading.Thread(target=cut, args=(after,)) for after in (40, len(head), whole - 1, whole, whole, whole)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)


def test_a_model_of_two_names_is_the_dearer_ones_affair(house: House) -> None:
    content = b'{"model": "gpt-5-mini", "model": "gpt-4.1-nano", "messages": []}'
    with house.client() as http:
        got = http.post(CHAT, content=content, headers=auth(house) | {"content-type": "application/json"})
    assert got.status_code in (403, 429) and house.doubles.requests() == []


def test_a_policy_that_changes_in_the_middle_keeps_the_books(house: House) -> None:
    house.doubles.behave("hold=changed", times=3)
    with house.client() as http, ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(http.post, CHAT, json=body("gpt-5-mini", 50), headers=auth(house)) for _ in range(3)]
        until(lambda: house.doubles.waiting("changed") == 3, "three requests at their provider")
        for budgets in (None, [{**WIDE, "usd": 0.001}], BUDGETS):
            change(house, budgets)
        house.doubles.release("changed", "all")
        assert [one.result().status_code for one in asked] == [200] * 3


def test_observing_counts_what_it_lets_pass(house: House) -> None:
    change(house, [{**WIDE, "usd": 0.001}], mode="observe")
    with house.client() as http:
        for asked in (body("gpt-5-mini", 100_000), body("model-of-nobody"), body("gpt-5-mini", stream=True)):
            assert http.post(CHAT, json=asked, headers=auth(house)).status_code == 200
    rows = house.until(3, "response")
    assert rows[0]["verdict"] == "block" and {row["action"] for row in rows} == {"allow"}
    change(house, BUDGETS)


def test_a_store_that_is_locked_in_the_middle_gets_all_of_it_later(house: House) -> None:
    for behaviour in ("hold=locked,status=500", "hold=locked"):
        house.doubles.behave(behaviour, times=1)
    with house.client() as http, ThreadPoolExecutor(3) as pool:

        def ask() -> int:
            return http.post(CHAT, json=body("gpt-5-mini", 50), headers=auth(house)).status_code

        asked = [pool.submit(ask) for _ in range(2)]
        until(lambda: house.doubles.waiting("locked") == 2, "two requests at their provider")
        with contextlib.closing(sqlite3.connect(house.weir.data / "limits.db", isolation_level=None)) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            assert pool.submit(ask).result() == 503, "no room can be asked for"
            house.doubles.release("locked", "all")
            assert sorted(one.result() for one in asked) == [200, 500]
            house.until(2, "response")
            time.sleep(2.5)  # longer than the store is waited for: now it is owed
            lock.execute("ROLLBACK")


def test_a_batch_is_no_way_round(house: House) -> None:
    request = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body("gpt-4.1-nano", 5)}
    lines = "\n".join(json.dumps({**request, "custom_id": str(number)}) for number in range(50)).encode()
    with house.client() as http:
        got = http.post(
            "https://api.openai.com/v1/files",
            data={"purpose": "batch"},
            files={"file": ("requests.jsonl", lines, "application/jsonl")},
            headers={"authorization": f"Bearer {house.doubles.keys['openai']}"},
        )
    assert got.status_code == 429 and got.headers["x-weir-rule"] == "budget", got.text
    assert house.doubles.requests() == []


def change(house: House, budgets: list[dict[str, Any]] | None, **more: Any) -> None:
    """Write the policy with other budgets and wait until it is taken."""
    taken = count(house)
    write_policy(house.weir.policy, "enforce", budgets=budgets, rates=RATES, dlp__processes=0, **more)
    until(lambda: count(house) > taken, "the changed policy")


def count(house: House) -> int:
    return sum(row["kind"] == "config" and row["reason"] == "policy taken" for row in house.weir.records())
