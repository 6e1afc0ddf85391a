"""Fifty requests or twenty streams on one client connection: one that is not found again would hang the sixth."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from e2e.support import ADDRESS, House, chat_body, only_http2
from harness.clients import client
from harness.processes import until

COUNT = 50
PATH = "/v1/chat/completions"
both = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
ports = pytest.mark.parametrize("port", [443, 8443], ids=["to-h2", "to-h1"])
kinds = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])


def count_of(*, streamed: bool) -> int:
    """Fifty, and of streams as many as it takes for a connection that is not found again to have shown."""
    return 20 if streamed else COUNT


@pytest.fixture(scope="module")
def sparing(start_module_house: Callable[..., House]) -> House:
    return start_module_house(destinations={"except": ["127.0.0.0/8"]})


@pytest.fixture
def spared(sparing: House) -> House:
    """A proxy that goes to loopback addresses for whoever names one."""
    sparing.doubles.reset()
    sparing.begin()
    return sparing


def body(number: int, *, streamed: bool) -> bytes:
    """A request whose reply tells its number; every other one has something to be pseudonymised."""
    who = f" Ask {ADDRESS}." if number % 2 else ""
    return chat_body(f"Number {number}.{who}", **({"stream": True} if streamed else {}))


@both
@ports
@kinds
def test_requests_with_resolve(streamed: bool, port: int, http2: bool, house: House) -> None:
    headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
    count = count_of(streamed=streamed)
    with house.client(http2=http2) as http:
        for number in range(count):
            content = body(number, streamed=streamed)
            reply = http.post(f"https://api.openai.com:{port}{PATH}", content=content, headers=headers)
            assert reply.status_code == 200
            assert streamed or f"Number {number}." in reply.text
    got = house.doubles.requests()
    assert len(got) == count
    assert {row["protocol"] for row in house.until(count, "response")} == {"HTTP/2.0" if http2 else "HTTP/1.1"}
    # mitmproxy gives each request of an HTTP/2 client an HTTP/1 connection of its own, see the next test.
    wanted = count if http2 and port == 8443 else 1
    assert len({row.connection for row in got}) == wanted


def test_a_host_without_http2_is_remembered_so_that_connections_are_used_again(house: House) -> None:
    address = f"https://eu.api.openai.com:8443{PATH}"
    headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
    for expected in ("HTTP/2", "HTTP/1.1"):
        with client(house.weir.url, house.weir.ca, http2=True) as http:  # offers both
            replies = [http.post(address, content=body(n, streamed=True), headers=headers) for n in range(9)]
        assert [reply.http_version for reply in replies] == [expected] * 9
    assert len({row.connection for row in house.doubles.requests()}) == 9 + 1


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
@ports
@kinds
def test_requests_without_resolve(streamed: bool, port: int, protocol: str, spared: House, tmp_path: Path) -> None:
    """curl CONNECTs to an address and port; only the SNI and the Host header name the provider."""
    house, count = spared, count_of(streamed=streamed)
    to = house.doubles.tls if port == 443 else house.doubles.tls_h1
    answers = tmp_path / "answers"
    sent = tmp_path / "body.json"
    sent.write_bytes(body(1, streamed=streamed))
    config = tmp_path / "curl"  # the key is in nobody's process list
    config.write_text(f'header = "Authorization: Bearer {house.key}"\nheader = "Content-Type: application/json"\n')
    command = ["curl", "-sS", "-K", str(config), "-x", house.weir.url, "--cacert", str(house.weir.ca), protocol]
    command += ["--connect-to", f"api.openai.com:443:127.0.0.1:{to}", "--data-binary", f"@{sent}", "-o", str(answers)]
    command += ["-w", "%{http_code} %{num_connects} %{http_version}\\n", "-m", "30"]
    done = subprocess.run(
        [*command, f"https://api.openai.com{PATH}?n=[1-{count}]"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")[:count]
    assert [line.split()[0] for line in lines] == ["200"] * count
    (version,) = {line.split()[2] for line in lines}
    assert version == "1.1" or protocol == "--http2"
    assert version == "2" or protocol == "--http1.1" or port == 8443
    alone = version == "2" and port == 8443
    assert sum(int(line.split()[1]) for line in lines) == 1, "curl was to keep its connection"
    got = house.doubles.requests()
    assert len({row.connection for row in got}) == (count if alone else 1) and len(got) == count
    assert all(ADDRESS.encode() not in row.body for row in got)
    records = house.until(count, "response")
    assert {(row["host"], row["service"], row["action"]) for row in records} == {
        ("api.openai.com", "openai", "pseudonymise")
    }


@ports
def test_fifty_streams_at_once_on_one_connection(port: int, house: House) -> None:
    """By one thread: httpcore takes the number of a stream and sends its head without a lock."""
    headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
    house.doubles.behave("gate=all", times=COUNT)

    async def all_of_them() -> list[httpx.Response]:
        context = only_http2(house.weir.ca)
        async with httpx.AsyncClient(
            proxy=house.weir.url, verify=context, http2=True, timeout=60, trust_env=False
        ) as http:
            url = f"https://api.openai.com:{port}{PATH}"
            asked = [
                asyncio.create_task(http.post(url, content=body(number, streamed=True), headers=headers))
                for number in range(COUNT)
            ]
            try:
                await asyncio.to_thread(
                    until,
                    lambda: house.doubles.waiting("all") == COUNT or any(task.done() for task in asked),
                    "all of them at the gate",
                )
                assert [task.result().text for task in asked if task.done()] == [], "answered before its time"
            finally:
                await asyncio.to_thread(house.doubles.release, "all", "all")
            return await asyncio.gather(*asked)

    replies = asyncio.run(all_of_them())
    assert all(reply.text.endswith("data: [DONE]\n\n") for reply in replies)
    assert len(house.until(COUNT, "response")) == COUNT
