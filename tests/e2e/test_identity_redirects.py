"""A provider, or who has got hold of one, sends clients elsewhere or says a key aloud: the real key stays between weir
and the hosts it is bound to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import anthropic
import httpx
import openai
import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from e2e.raw import open_line
from e2e.sdks import Anthropic, Gemini, OpenAI
from e2e.support import House, chat_body
from weir.demo.tlsfiles import Authority
from weir.keys.virtual import PREFIX

pytestmark = pytest.mark.xdist_group("identity-redirects")

CHAT = "https://api.openai.com/v1/chat/completions"
GENERATE = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
ELSEWHERE = {
    "another provider": "api.deepseek.com",
    "another sanctioned provider": "api.anthropic.com",
    "a host of nobody's": "inference.lab.example",
    "a host that is no AI service": "api.orders.example",
}


def answers(house: House, host: str, *options: str) -> None:
    """Let the host's double behave so."""
    house.doubles.behave(",".join(options), host=host, times=10)


def header(name: str, value: str) -> str:
    return f"header={name}:{quote(value, safe='')}"


def real_keys(house: House) -> list[str]:
    return list(house.doubles.keys.values())


@pytest.mark.parametrize("where", ELSEWHERE)
@pytest.mark.parametrize("status", [302, 307, 308])
def test_an_sdk_that_is_sent_elsewhere_takes_no_key_along(where: str, status: int, house: House) -> None:
    to = ELSEWHERE[where]
    answers(house, "api.openai.com", f"status={status}", header("location", f"https://{to}/v1/chat/completions"))
    with OpenAI(house.weir, house.key).client as client, contextlib.suppress(openai.APIError):
        # Whether the SDK follows, and takes what comes there for an answer, is its own affair.
        client.with_options(max_retries=0).chat.completions.create(
            model="gpt-5-mini", messages=[{"role": "user", "content": "How high?"}]
        )
    asked = house.doubles.requests()
    assert [row.host for row in asked if any(real in str(row.headers) for real in real_keys(house))] == [
        "api.openai.com"
    ]
    assert not any(PREFIX in f"{row.target}{row.headers}" for row in asked)


def test_a_key_in_a_header_of_its_own_that_the_client_takes_along(house: House) -> None:
    """httpx takes ``Authorization`` off a request to another host, and nothing else."""
    to = "https://api.deepseek.com/v1/chat/completions"
    answers(house, "generativelanguage.googleapis.com", "status=307", header("location", to))
    with house.client() as http:
        reply = http.post(
            GENERATE, content=chat_body("Hi"), headers={"x-goog-api-key": house.key}, follow_redirects=True
        )
    assert reply.status_code in (401, 403) and [row.host for row in house.doubles.requests()] == [
        "generativelanguage.googleapis.com"
    ]
    refused = next(row for row in house.until(3) if row["host"] == "api.deepseek.com")
    assert refused["kind"] == "block" and refused["rule_id"] in ("virtual-key", "unsanctioned-services")
    assert refused["key_id"].startswith("vk-")


def test_anthropics_sdk(house: House) -> None:
    answers(house, "api.anthropic.com", "status=307", header("location", CHAT))
    with Anthropic(house.weir, house.key).client as client, pytest.raises(anthropic.APIError):
        client.with_options(max_retries=0).messages.create(
            model="claude-sonnet-4-5", max_tokens=9, messages=[{"role": "user", "content": "How high?"}]
        )
    for row in house.doubles.requests():
        assert house.doubles.keys["anthropic"] not in str(row.headers) or row.host == "api.anthropic.com"
        assert PREFIX not in str(row.headers)


# Where a provider may repeat what it was sent.
TOLD = {
    "where it redirects to": lambda real: header("location", f"https://evil.example/?key={real}&alt=json"),
    "in a link": lambda real: header("link", f'<{GENERATE}?key={real}>; rel="next"'),
    "in any header": lambda real: header("x-request-url", f"/v1?key={real}"),
}


@pytest.mark.parametrize("where", TOLD)
@pytest.mark.parametrize("status", [200, 307, 400])
def test_a_real_key_that_the_provider_repeats_does_not_reach_the_client(where: str, status: int, house: House) -> None:
    real = house.doubles.keys["gemini"]
    more = [] if status == 200 else [f"status={status}"]
    answers(house, "generativelanguage.googleapis.com", *more, TOLD[where](real))
    body = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    with house.client() as http:
        reply = http.post(GENERATE, params={"key": house.key}, json=body)
    assert house.doubles.only().target.count(real) == 1
    assert real not in str(reply.headers) and reply.status_code in (status, 502)


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_a_real_key_in_the_text_of_an_error_does_not_reach_the_client(
    status: int, streamed: bool, house: House
) -> None:
    real = house.doubles.keys["openai"]
    problem = {"error": {"message": f"Incorrect API key provided: {real}.", "type": "invalid_request_error"}}
    said = f"body={quote(json.dumps(problem), safe='')}"
    answers(house, "api.openai.com", f"status={status}", said, "type=application/json")
    with house.client() as http:
        reply = http.post(
            CHAT, content=chat_body("Hi", stream=streamed), headers={"authorization": f"Bearer {house.key}"}
        )
    assert real not in reply.text
    if status != 401:  # then weir speaks in the provider's place
        assert reply.status_code == status and f"Incorrect API key provided: {house.key}." in reply.text


def test_gemini_follows_nobody(house: House) -> None:
    answers(house, "generativelanguage.googleapis.com", "status=307", header("location", CHAT))
    with pytest.raises(Exception) as raised:  # whichever the SDK makes of it
        Gemini(house.weir, house.key).chat("How high?")
    assert house.doubles.keys["gemini"] not in str(raised.value)
    assert all(row.host == "generativelanguage.googleapis.com" for row in house.doubles.requests())


@pytest.fixture
def echoing(start_house: Callable[..., House], tmp_path: Any) -> Iterator[House]:
    """A realtime interface behind port 7443 that accepts the last subprotocol offered, whatever that is."""
    authority = Authority(tmp_path)
    house = start_house("enforce", options=["--upstream-ca", str(authority.ca_path)])
    listener = socket.create_server(("127.0.0.1", house.flaky))

    def last(_: ServerConnection, offered: Any) -> Subprotocol | None:
        return Subprotocol(offered[-1]) if offered else None

    server = serve(lambda link: None, sock=listener, ssl=authority.listener(("http/1.1",)), select_subprotocol=last)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield house
    server.shutdown()


def test_a_subprotocol_with_the_key_that_the_provider_accepts(echoing: House) -> None:
    offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{echoing.key}")]
    target = "api.openai.com:7443"
    line = open_line(echoing.weir.url, target, echoing.weir.ca)
    said = ""
    try:
        with connect(
            f"ws://{target}/v1/realtime?model=gpt-realtime", sock=line.connection, proxy=None, subprotocols=offered
        ) as link:
            assert link.response
            said = str(link.response.headers)
            assert link.subprotocol == offered[1], "what the client offered"
    except (OSError, httpx.HTTPError) as problem:
        said += str(problem)
    assert echoing.doubles.keys["openai"] not in said
