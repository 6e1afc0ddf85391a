"""Attacks on keys: more than one credential in a request, and providers that say the company's key aloud."""

from __future__ import annotations

import gzip
import json
import re
from urllib.parse import quote

import pytest

from e2e.attacks import RAW, nothing_left, request, send, sent
from e2e.support import House, chat_body, command, issue
from harness.canary import CANARIES
from weir.keys.virtual import new_key

CHAT = "https://api.openai.com/v1/chat/completions"
MODELS = "https://api.openai.com/v1/models"
MESSAGES = "https://api.anthropic.com/v1/messages"
GENERATE = "/v1beta/models/gemini-2.5-flash:generateContent"
CLAUDE = json.dumps(
    {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
).encode()
CHAT_PATH = "/v1/chat/completions"
BESIDE = {
    "Anthropic's other header": ("api.anthropic.com", "/v1/messages", ["x-api-key: {v}", "authorization: Bearer {r}"]),
    "and the other way": ("api.anthropic.com", "/v1/messages", ["authorization: Bearer {v}", "x-api-key: {r}"]),
    "a second line": ("api.openai.com", CHAT_PATH, ["authorization: Bearer {v}", "Authorization: {r}"]),
    "a first line": (
        "api.openai.com",
        "/v1/chat/completions",
        ["Authorization: Bearer {r}", "Authorization: Bearer {v}"],
    ),
    "a parameter": ("generativelanguage.googleapis.com", GENERATE + "?key={r}", ["x-goog-api-key: {v}"]),
}


@pytest.mark.parametrize("where", BESIDE)
def test_a_raw_key_beside_a_virtual_one(where: str, house: House) -> None:
    host, path, lines = BESIDE[where]
    filled = [line.format(v=house.key, r=RAW) for line in lines]
    reply = send(house, request(*filled, path=path.format(r=RAW), host=host, body=CLAUDE), target=f"{host}:443")
    assert reply.status == 401
    record = nothing_left(house, house.key, reply, "virtual-key")
    assert record["key_id"].startswith("vk-") and record["api_key_fp"]


def test_two_good_virtual_keys_of_two_owners(house: House) -> None:
    other = issue(house.weir.data, "--user", "ben")
    for first, second in ((house.key, other), (other, house.key)):
        house.begin()
        reply = send(house, request(f"Authorization: Bearer {first}", f"Authorization: Bearer {second}"))
        assert reply.status == 401
        record = nothing_left(house, first, reply, "virtual-key")
        ids = json.loads(record["extra"])["virtual_keys"].split()
        assert record["key_id"] == ids[0] and len(set(ids)) == 2


def test_a_key_beside_one_that_nobody_issued_is_named(house: House) -> None:
    guessed = CANARIES.plant(new_key(), "a virtual key nobody issued")
    reply = send(house, request(f"Authorization: Bearer {guessed}", f"Authorization: Bearer {house.key}"))
    assert nothing_left(house, house.key, reply, "virtual-key")["key_id"].startswith("vk-")


def test_one_key_in_both_places_is_one(house: House) -> None:
    data = ("--data", str(house.weir.data))
    old = issue(house.weir.data, "--user", "cid")
    key_id = json.loads(command("keys", "list", "--format", "json", *data))[-1]["id"]
    new = CANARIES.plant(command("keys", "rotate", key_id, *data), "a virtual key")
    with house.client() as http:
        for one, two in ((old, old), (new, new), (old, new)):
            reply = http.post(
                MESSAGES,
                content=CLAUDE,
                headers={"x-api-key": one, "authorization": f"Bearer {two}", "anthropic-version": "2023-06-01"},
            )
            assert reply.status_code == 200, reply.text


KINDS = ["application/json", "text/html", "application/xml", "text/plain", "application/octet-stream", "image/png"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("url", [CHAT, MODELS])
def test_an_error_that_quotes_the_key(kind: str, status: int, url: str, house: House) -> None:
    real = house.doubles.keys["openai"]
    said = json.dumps({"error": {"message": f"Incorrect API key provided: {real}."}})
    house.doubles.behave(f"status={status},type={kind},body={quote(said, safe='')}", host="api.openai.com")
    with house.client() as http:
        method = "GET" if url == MODELS else "POST"
        content = None if url == MODELS else chat_body("Hi")
        reply = http.request(method, url, content=content, headers={"authorization": f"Bearer {house.key}"})
    assert real not in reply.text
    assert reply.status_code == (503 if status == 401 else status)


@pytest.mark.parametrize("query", ["model=gpt-5-mini&model=gpt-realtime", "model=gpt-realtime&model=gpt-5-mini"])
def test_a_socket_that_names_two_models(query: str, house: House) -> None:
    """Which of the two counts is for the provider to say, so no key that is good for one of them goes there."""
    key = issue(house.weir.data, "--models", "gpt-5-mini")
    lines = (
        *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
        *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", f"Authorization: Bearer {key}"),
    )
    reply = send(house, request(*lines, path=f"/v1/realtime?{query}", method="GET", body=b""))
    assert reply.status == 401
    nothing_left(house, key, reply, "virtual-key")


VERSION = "anthropic-version: 2023-06-01"
OPENAI_LINES = ("X-Note: a", "Authorization: Bearer {v}", "X-Tail: b")
CODED = {
    "before the key": ("api.openai.com", CHAT_PATH, ("Content-Encoding: gzip", *OPENAI_LINES)),
    "right before it": ("api.openai.com", CHAT_PATH, (OPENAI_LINES[0], "Content-Encoding: gzip", *OPENAI_LINES[1:])),
    "after it": ("api.openai.com", CHAT_PATH, (*OPENAI_LINES, "Content-Encoding: gzip")),
    "twice, around it": (
        "api.openai.com",
        CHAT_PATH,
        ("Content-Encoding: gzip", *OPENAI_LINES, "content-encoding: gzip"),
    ),
    "for Anthropic": (
        "api.anthropic.com",
        "/v1/messages",
        ("Content-Encoding: gzip", "x-api-key: {v}", "X-Note: a", VERSION),
    ),
}


@pytest.mark.parametrize("where", CODED)
def test_the_key_goes_where_it_stood_though_lines_before_it_went(where: str, house: House) -> None:
    """A body that policy changes goes up plain, so the line that named its coding goes, and all behind it move up."""
    host, path, lines = CODED[where]
    real = house.doubles.keys["openai" if "openai" in host else "anthropic"]
    address = "jane.doe@example.org"
    body = gzip.compress(CLAUDE.replace(b"Hi", f"Write to {address}.".encode()))
    body = gzip.compress(body) if "twice" in where else body
    filled = [line.format(v=house.key) for line in (*lines, "Content-Type: application/json")]
    reply = send(house, request(*filled, path=path, host=host, body=body), target=f"{host}:443")
    assert reply.status == 200, reply
    got = house.doubles.only()
    name, value = ("x-api-key", real) if "anthropic" in host else ("authorization", f"Bearer {real}")
    assert got.header(name) == value and got.header("x-note") == "a"
    assert [one.lower() for one, text in got.headers if real in text] == [name], "nowhere else"
    assert not got.header("content-encoding") and got.header("content-length") == str(len(got.body))
    told = json.loads(got.body)["messages"][0]["content"]
    assert re.fullmatch(r"Write to <EMAIL_ADDRESS_\w+>\.", told) and address not in got.body.decode()
    assert house.key not in sent(house) and sent(house).count(real) == 1
    assert house.only("response")["action"] == "pseudonymise"
