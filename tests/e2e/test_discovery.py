"""AI that no catalogue lists, clients that let nobody look, what is new, and what a person is told instead."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from e2e.conftest import resolves
from e2e.raw import dial, secure
from e2e.support import House
from harness.browser import chromium
from harness.clients import trust
from harness.doubles import Doubles
from harness.processes import until
from harness.weir import Weir

pytestmark = pytest.mark.xdist_group("discovery")

STOCK = "api.stock.example"  # in no catalogue
RULES = [
    {"id": "not-this-one", "if": {"service": "deepseek-web"}, "then": "block", "say": "{service} is not approved."},
    {"id": "say-why", "if": {"service": "deepseek"}, "then": "coach", "say": "What is {service} needed for?"},
    {"id": "somebody-looks", "if": {"category": "discovered"}, "then": "alert"},
]
REASON = "The customer asked us in writing, see the ticket."


@pytest.fixture(scope="module")
def looking(start_module_house: Callable[..., House]) -> Iterator[House]:
    found = start_module_house(
        key=False,
        rules=RULES,
        discover={"decrypt": "always", "pinned": {"after": 2}},
        services={
            "sanctioned": ["openai", "chatgpt", "notebooklm"],
            "alternatives": {"category:assistant": ["chatgpt", "notebooklm"]},
            "otherwise": "unsanctioned",
        },
    )
    first = found.weir
    yield found
    if found.weir is not first:
        found.weir.stop()


@pytest.fixture
def house(looking: House, doubles: Doubles) -> House:
    looking.begin()
    return looking


USER = [{"role": "user", "content": "How high is it?"}]
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "level", "arguments": {}}}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
EITHER = {"accept": "application/json, text/event-stream"}
A2A = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage",
       "params": {"message": {"role": "ROLE_USER", "messageId": "m1", "parts": [{"text": "How high?"}]}}}  # fmt: skip
Asked = tuple[str, str, Any, dict[str, str]]

AI: dict[str, Asked] = {
    "a model": ("POST", "/v1/chat/completions", {"model": "house", "messages": USER}, {}),
    "mcp until 2025": ("POST", "/mcp", INITIALIZE, {**EITHER, "mcp-protocol-version": "2025-11-25"}),
    "mcp of 2026": (
        "POST", "/mcp", CALL,
        {**EITHER, "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "level"},
    ),
    "a2a": ("POST", "/agents/gauge", A2A, {"a2a-version": "1.0", "content-type": "application/a2a+json"}),
    "ollama": ("POST", "/api/chat", {"model": "llama3.2", "messages": USER, "stream": False}, {}),
    "an sdk": (
        "POST", "/gateway/v1/chat/completions", {"model": "house", "messages": USER},
        {"user-agent": "AsyncOpenAI/Python 2.7.1", "x-stainless-lang": "python", "x-stainless-os": "Linux"},
    ),
}  # fmt: skip
NOT_AI: dict[str, Asked] = {
    "an order": ("POST", "/v1/orders", {"model": "T-7", "messages": ["as agreed"], "stream": "north"}, {}),
    "graphql": ("POST", "/graphql", {"query": "query Q($prompt: String) { level }", "variables": {"prompt": "x"}}, {}),
    "people chatting": ("POST", "/api/v4/posts", {"channel_id": "c1", "message": "How high?", "role": "user"}, {}),
    "a cms": ("POST", "/wp-json/wp/v2/posts", {"title": "AI", "content": "a chat about models", "status": "draft"}, {}),
    "json-rpc": ("POST", "/rpc", {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}, {}),
    "another sdk": (
        "POST", "/v1/employees", {"name": "Ada"},
        {"user-agent": "Finch/Python 1.0.0", "x-stainless-lang": "python", "x-stainless-os": "Linux"},
    ),
}  # fmt: skip


def play(http: httpx.Client, asked: Asked) -> None:
    method, path, body, headers = asked
    http.request(
        method,
        f"https://{STOCK}{path}",
        content=json.dumps(body),
        headers={"content-type": "application/json", **headers},
    )


def test_ai_on_an_unknown_host_is_found_and_nothing_else_is(house: House) -> None:
    with house.client() as http:
        for asked in (*AI.values(), *NOT_AI.values()):
            play(http, asked)
    rows = house.until(len(AI) + len(NOT_AI), "response", "block")
    extras = dict(zip([*AI, *NOT_AI], (json.loads(row.get("extra") or "{}") for row in rows), strict=True))
    assert [name for name, extra in extras.items() if extra.get("discovered")] == list(AI)
    assert {name: extras[name]["ai"] for name in AI} == {
        "a model": "chat", "mcp until 2025": "mcp", "mcp of 2026": "mcp", "a2a": "a2a",
        "ollama": "chat", "an sdk": "chat"
    }  # fmt: skip
    assert all(50 <= int(extras[name]["score"]) <= 100 for name in AI)
    sdk = extras["an sdk"]
    assert (sdk["client_kind"], sdk["client_version"]) == ("sdk", "2.7.1") and "openai" in sdk["client"].lower()
    assert {row["rule_id"] for row in rows[: len(AI)]} == {"somebody-looks"}
    assert {row.get("service") for row in rows[len(AI) :]} == {None}
    (news,) = [row for row in house.weir.records() if row["kind"] == "first_seen" and row["service"] == STOCK]
    assert json.loads(news["extra"])["discovered"] == "true"


def test_weights_that_come_in_are_named_with_their_size(house: House) -> None:
    with house.client() as http:
        reply = http.get(f"https://{STOCK}/files/llama-3.2-3b.Q4_K_M.gguf", headers={"accept-encoding": "identity"})
    extra = json.loads(house.only("response")["extra"])
    assert (extra["download"], extra["download_format"]) == ("llama-3.2-3b.Q4_K_M.gguf", "gguf")
    assert int(extra["download_bytes"]) == len(reply.content) > 0


def turn_down(house: House, host: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        secure(dial(house.weir.url, f"{host}:443"), host, trust(house.doubles.ca))


def test_a_client_that_pins_is_left_alone_at_a_host_that_is_only_looked_at(house: House) -> None:
    host = "www.news.example"
    for _ in range(2):
        turn_down(house, host)
    rows = house.until(2, "error")
    assert [(row["inspection"], json.loads(row["extra"])["tries"]) for row in rows] == [
        ("pinned", "1"),
        ("pinned", "2"),
    ]
    with secure(dial(house.weir.url, f"{host}:443"), host, trust(house.doubles.ca)) as line:
        line.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 200")
    last = house.only("meter")
    assert (last["inspection"], last["host"], last["action"]) == ("pinned", host, "allow") and last["resp_bytes"] > 0
    assert last["inspection_reason"].startswith("pinned:")
    house.begin()
    with house.client() as other:  # of the same address, with another TLS library's offer or trust
        other.get(f"https://{host}:8443/")
    assert house.until(1, "response") or house.only("meter")


def test_pinning_opens_no_way_round_for_ai_services(house: House) -> None:
    """`on_failure: block` holds: whoever turns the certificate down at an AI service goes on being asked for trust."""
    for _ in range(4):
        turn_down(house, "api.openai.com")
    rows = house.until(4, "error")
    assert {(row["inspection"], row["service"], row["service_status"]) for row in rows} == {
        ("pinned", "openai", "sanctioned")
    }
    assert house.doubles.requests() == [] and not house.records("meter")
    with house.client() as http:  # one that has learnt to trust gets through at once
        assert http.get("https://api.openai.com/v1/models").status_code in (200, 401)


def test_a_service_is_new_once_even_over_a_restart(house: House) -> None:
    def news() -> list[dict[str, Any]]:
        return [row for row in house.weir.records() if row["kind"] == "first_seen" and row["service"] == "anthropic"]

    def use() -> None:
        house.begin()
        with house.client() as http:
            for _ in range(2):
                http.get("https://api.anthropic.com/v1/models")
        house.until(2, "response", "block")

    use()
    (first,) = until(news, "the news")
    assert (first["host"], first["service_status"]) == ("api.anthropic.com", "unsanctioned")
    old = house.weir
    old.stop()
    options = resolves(house.doubles, house.flaky)
    house.weir = Weir(old.folder, old.policy, house.doubles, hosts=(), options=options)
    use()
    with house.client() as http:  # what is noted is noted in order
        http.get("https://generativelanguage.googleapis.com/v1beta/models")
    until(
        lambda: [
            row for row in house.weir.records() if row.get("service") == "google-gemini" and row["kind"] == "first_seen"
        ],
        "the next news",
    )
    assert news() == [first]


@pytest.mark.needs("chromium")
@pytest.mark.needs("chromedriver")
def test_a_person_is_told_what_to_use_instead(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("chromium")  # short: a socket in it has a name
    host = "chat.deepseek.com"
    with secure(dial(house.weir.url, f"{host}:443"), host, trust(house.weir.ca)) as line:
        (leaf := folder / "leaf.pem").write_text(ssl.DER_cert_to_PEM_cert(line.getpeercert(binary_form=True) or b""))
    house.begin()
    with chromium(folder, proxy=house.weir.url, authorities=[leaf]) as browser:  # weir's leaves share a key
        browser.open("https://chat.deepseek.com/")
        text = browser.run("return document.body.innerText")
        assert "DeepSeek Chat is not approved." in text and "Approved for this: ChatGPT or " in text
        links = browser.run("return [...document.querySelectorAll('.instead a')].map(a => a.href)")
        assert links[0] == "https://chatgpt.com/" and len(links) == 2
        assert browser.run("return document.querySelectorAll('form').length") == 0
        (artefact := house.weir.folder / "blocked.png").write_bytes(browser.picture())
        assert artefact.stat().st_size > 5_000

        browser.open("https://api.deepseek.com/docs?x=1")
        assert "What is DeepSeek API needed for?" in browser.run("return document.body.innerText")
        assert "Approved for this: OpenAI API." in browser.run("return document.body.innerText")
        (house.weir.folder / "asked.png").write_bytes(browser.picture())
        assert house.doubles.requests() == []
        browser.run("document.querySelector('#reason').value = arguments[0]", REASON)
        browser.driver.find_element("css selector", "button").click()
        until(lambda: "was recorded" in browser.run("return document.body.innerText"), "the reason taken")
        browser.driver.find_element("css selector", "a.go").click()
        until(lambda: any(got.target == "/docs?x=1" for got in house.doubles.requests()), "the page asked for")
    (stated,) = [row for row in house.records("coach") if row.get("coach_reason")]
    assert stated["coach_reason"] == REASON
