"""A place that fails is no failure of the request: another one answers, the client sees one reply, the audit both."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

from e2e.support import House, chat_body, only_http2
from harness.clients import trust
from harness.doubles import Doubles
from harness.processes import until

pytestmark = pytest.mark.xdist_group("failover")

HELLO: Any = [{"role": "user", "content": "hello"}]
FIRST, OTHER = "api.openai.com", "eu.api.openai.com"
PATH = "/v1/chat/completions"
REFUSES, HANGS = 9443, 9444  # ports at which the first host refuses, or accepts and says nothing
SECTION: Any = {
    "on": ["connect", "reset", "timeout", 429, "5xx"],
    "to": [{"host": OTHER}],
    "timeout_ms": 3000,  # what answers at all does so by then on a busy machine, too
    "breaker": {"failures": 1000},  # no test finds a host at rest because of the one before
}
both = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
ports = pytest.mark.parametrize("port", [443, 8443], ids=["to-h2", "to-h1"])


@pytest.fixture(scope="module")
def hanging() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def shared_pair(start_module_house: Callable[..., House], shared_doubles: Doubles, hanging: int) -> House:
    """Two hosts of one service; of two keys each is good for both."""
    closed = socket.create_server(("127.0.0.1", 0))
    nobody = int(closed.getsockname()[1])
    closed.close()
    words = [f"{FIRST}:{REFUSES}:127.0.0.1:{nobody}", f"{FIRST}:{HANGS}:127.0.0.1:{hanging}"]
    words += [f"{OTHER}:{port}:127.0.0.1:{shared_doubles.tls}" for port in (REFUSES, HANGS)]
    return start_module_house(
        environment={"OPENAI_SECOND": shared_doubles.keys["openai"]},
        options=[word for one in words for word in ("--resolve", one)],
        failover={"openai": SECTION},
    )


@pytest.fixture
def pair(shared_pair: House, doubles: Doubles) -> House:
    shared_pair.begin()
    return shared_pair


def taking(house: House, *, keys: Any = None, **section: Any) -> House:
    """The proxy with another section."""
    more = {"keys": keys} if keys else {}
    house.take(failover={"openai": {**SECTION, **section}}, **more)
    return house


def ask(house: House, *, http2: bool = False, port: int = 443, key: str = "", **body: Any) -> Any:
    headers = {"authorization": f"Bearer {key or house.key}", "content-type": "application/json"}
    with house.client(http2=http2) as http:
        return http.post(f"https://{FIRST}:{port}{PATH}", content=chat_body("hello", **body), headers=headers)


def sdk(house: House, port: int = 443) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(proxy=house.weir.url, verify=trust(house.weir.ca), timeout=60, trust_env=False)
    return openai.OpenAI(api_key=house.key, http_client=http, max_retries=0, base_url=f"https://{FIRST}:{port}/v1")


def extra(house: House) -> dict[str, str]:
    said: dict[str, str] = json.loads(house.only("response")["extra"])
    return said


def hosts(house: House) -> list[str]:
    return [row.host.partition(":")[0] for row in house.doubles.requests()]


FAULTS = {"429": "status=429,header=retry-after:0", "500": "status=500", "reset": "reset"}


@pytest.fixture
def impatient(pair: House) -> Iterator[House]:
    """The same, that waits no longer than it has to for a host that says nothing; for the last one it waits."""
    yield taking(pair, timeout_ms=1000)
    taking(pair)


@both
@ports
@pytest.mark.parametrize("fault", FAULTS)
def test_another_host_answers(fault: str, port: int, http2: bool, pair: House) -> None:
    another_answers(fault, FAULTS[fault], pair, http2=http2, port=port)


@both
@ports
def test_another_host_answers_for_one_that_says_nothing(port: int, http2: bool, impatient: House) -> None:
    another_answers("timeout", "silent", impatient, http2=http2, port=port)


def another_answers(fault: str, behaviour: str, pair: House, *, http2: bool, port: int) -> None:
    pair.doubles.behave(behaviour, host=FIRST)
    reply = ask(pair, http2=http2, port=port)
    assert reply.status_code == 200, reply.text
    first, second = pair.doubles.requests()
    assert [row.host.partition(":")[0] for row in (first, second)] == [FIRST, OTHER]
    assert first.body == second.body and second.header("authorization") == f"Bearer {pair.doubles.keys['openai']}"
    said = extra(pair)
    assert said["attempts"] == "2" and said["answered_by"] == f"{OTHER} openai 200"
    assert said["attempted"].startswith(f"{FIRST} openai {fault} ")


@pytest.mark.parametrize(("port", "cause"), [(REFUSES, "connect"), (HANGS, "timeout")])
def test_a_host_that_nobody_reaches(port: int, cause: str, impatient: House) -> None:
    pair = impatient
    assert sdk(pair, port).chat.completions.create(model="gpt-5-mini", messages=HELLO).choices[0].message.content
    assert hosts(pair) == [OTHER]
    said = extra(pair)
    assert said["attempted"].startswith(f"{FIRST} openai {cause} ") and said["answered_by"] == f"{OTHER} openai 200"


@both
def test_a_stream_from_the_other_host_arrives_as_it_is_made(http2: bool, pair: House) -> None:
    pair.doubles.behave("status=500", host=FIRST)
    pair.doubles.behave("gate=tick", host=OTHER)
    headers = {"authorization": f"Bearer {pair.key}", "content-type": "application/json"}
    content = chat_body("hello", stream=True)
    with (
        pair.client(http2=http2) as http,
        http.stream("POST", f"https://{FIRST}{PATH}", content=content, headers=headers) as reply,
    ):
        lines = reply.iter_lines()
        assert next(lines).startswith("data: ")  # while the second event is still held back
        assert pair.doubles.waiting("tick") == 1
        pair.doubles.release("tick", "all")
        assert list(lines)[-2:] == ["data: [DONE]", ""]
    assert extra(pair)["attempts"] == "2"


def test_a_reply_that_breaks_off_is_not_asked_for_again(pair: House) -> None:
    pair.doubles.behave("cut=2,reset", host=FIRST)
    with pytest.raises((openai.APIError, httpx.HTTPError)):
        for _ in sdk(pair).chat.completions.create(model="gpt-5-mini", messages=HELLO, stream=True):
            pass
    assert hosts(pair) == [FIRST]
    row = pair.only("response")
    assert "closed" in row["reason"] and "attempts" not in json.loads(row["extra"] or "{}")


def test_the_last_failure_is_the_providers_own(pair: House) -> None:
    pair.doubles.behave("status=500", host=FIRST)
    pair.doubles.behave("status=503,header=x-told:by-the-last", host=OTHER)
    with pytest.raises(openai.InternalServerError) as caught:
        sdk(pair).chat.completions.create(model="gpt-5-mini", messages=HELLO)
    assert caught.value.status_code == 503 and caught.value.response.headers["x-told"] == "by-the-last"
    assert caught.value.body["type"] == "server_error"  # type: ignore[index]
    said = extra(pair)
    assert said["attempts"] == "2" and "answered_by" not in said


def test_a_clients_own_key_goes_nowhere_else(pair: House) -> None:
    pair.doubles.behave("status=500", host=FIRST)
    assert ask(pair, key=pair.doubles.keys["openai"]).status_code == 500
    assert hosts(pair) == [FIRST]


@both
@ports
def test_twenty_requests_on_one_connection(port: int, http2: bool, pair: House) -> None:
    pair.doubles.behave("status=500", host=FIRST, times=20)
    headers = {"authorization": f"Bearer {pair.key}", "content-type": "application/json"}
    with pair.client(http2=http2) as http:
        for number in range(20):
            content = chat_body(f"Number {number}.")
            reply = http.post(f"https://{FIRST}:{port}{PATH}", content=content, headers=headers)
            assert reply.status_code == 200 and f"Number {number}." in reply.text
    assert hosts(pair) == [FIRST, OTHER] * 20
    others = {row.connection for row in pair.doubles.requests(OTHER)}
    assert len(others) == (20 if http2 and port == 8443 else 1)  # as for any host, see test_keepalive


def test_another_key_at_the_same_host_and_a_limit_that_is_kept_to(pair: House) -> None:
    two = {"secrets": [{"secret": "env:OPENAI_API_KEY"}, {"secret": "env:OPENAI_SECOND", "name": "second"}]}
    taking(pair, keys={"openai": two}, to=[{"key": "second"}, {"key": "1"}])
    pair.doubles.behave("status=429,header=retry-after:60", host=FIRST)
    with pair.client(http2=True) as http:
        for _ in range(3):
            headers = {"authorization": f"Bearer {pair.key}", "content-type": "application/json"}
            assert http.post(f"https://{FIRST}{PATH}", content=chat_body("x"), headers=headers).status_code == 200
    assert [row.status for row in pair.doubles.requests()] == [429, 200, 200, 200]
    assert len({row.connection for row in pair.doubles.requests()}) == 1  # of which one stream was given up
    rows = pair.until(3, "response")
    said = json.loads(rows[0]["extra"])
    assert said["attempts"] == "2" and {row["managed_key"] for row in rows} == {said["answered_by"].split()[1]}


def test_a_host_that_fails_rests_and_is_tried_again(pair: House) -> None:
    taking(pair, breaker={"failures": 2, "rest_s": 1})
    pair.doubles.behave("status=502", host=FIRST, times=2)
    for _ in range(3):
        assert ask(pair).status_code == 200
    assert hosts(pair) == [FIRST, OTHER] * 2 + [OTHER]  # the third passes it by
    third = json.loads(pair.until(3, "response")[-1]["extra"])
    assert third["attempted"] == f"{FIRST} openai resting 0ms" and third["attempts"] == "1"

    def back() -> bool:
        assert ask(pair).status_code == 200
        return hosts(pair)[-1] == FIRST

    until(back, "the host that rested")
    assert ask(pair).status_code == 200 and hosts(pair)[-2:] == [FIRST, FIRST]
    told = [row["reason"] for row in pair.weir.records() if row["kind"] == "config" and FIRST in row["reason"]]
    rests, again = (one.split(", for ") for one in told[-2:])  # for the one caller whose requests failed
    assert (
        rests[0] == f"upstream {FIRST} rests 1 s after 2 failures (502)"
        and again[0] == f"upstream {FIRST} answers again"
    )
    assert rests[1] == again[1] and rests[1].endswith(" alone")


@pytest.mark.parametrize("port", [443, REFUSES], ids=["reset", "refused"])
def test_many_streams_of_one_connection_at_once(port: int, pair: House) -> None:
    taking(pair)
    pair.doubles.behave("reset", host=FIRST, times=1000)
    headers = {"authorization": f"Bearer {pair.key}", "content-type": "application/json"}

    async def one(http: httpx.AsyncClient, number: int) -> str:
        content = chat_body(f"Number {number}.", stream=bool(number % 2))
        reply = await http.post(f"https://{FIRST}:{port}{PATH}", content=content, headers=headers)
        return f"{reply.status_code} {f'Number {number}.' in reply.text or number % 2}"

    async def all_of_them() -> list[str]:
        context = only_http2(pair.weir.ca)
        async with httpx.AsyncClient(
            proxy=pair.weir.url, verify=context, http2=True, timeout=60.0, trust_env=False
        ) as http:
            return await asyncio.gather(*(one(http, number) for number in range(24)))

    said = asyncio.run(all_of_them())
    assert [word.split()[0] for word in said] == ["200"] * 24
    assert len(pair.doubles.requests(OTHER)) == 24
    pair.until(24, "response")


def test_nothing_of_it_has_crashed(pair: House) -> None:
    assert "crashed" not in pair.weir.process.output() and " error " not in pair.weir.process.output()
