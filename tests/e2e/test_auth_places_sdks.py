"""The same with the clients that people use: each SDK puts the virtual key where it puts keys, and notices nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import openai
import pytest
from google import genai
from google.genai import types
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from e2e.sdks import SDKS, Anthropic, Gemini, OpenAI
from e2e.support import House
from harness.canary import CANARIES
from harness.clients import trust
from harness.doubles import Doubles, Received
from weir.demo.tlsfiles import Authority
from weir.keys.virtual import PREFIX

pytestmark = pytest.mark.xdist_group("auth-places-sdks")

AZURE = "weir-test.openai.azure.com"
BEDROCK = "bedrock-runtime.us-east-1.amazonaws.com"
VERTEX = "aiplatform.googleapis.com"
ELEVENLABS = "api.elevenlabs.io"
GEMINI = "generativelanguage.googleapis.com"
SERVICES = {"azure-openai": AZURE, "google-vertex": VERTEX, "elevenlabs": ELEVENLABS}
REAL = {service: secrets.token_hex(20) for service in SERVICES}
DEEPGRAM = secrets.token_hex(20)
SAID = "The river is low."
CHAT = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SAID}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
}  # fmt: skip
GENERATED = {
    "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": SAID}]}}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8},
}
PERSONS = [{"role": "user", "content": "How high?"}]


@pytest.fixture(scope="module")
def proxy(start_module_house: Callable[..., House], shared_doubles: Doubles) -> House:
    """A proxy with a key for each of them."""
    kinds = {"openai": "openai", "anthropic": "anthropic", "google-gemini": "gemini", "aws-bedrock": "bedrock"}
    keys = {service: {"secret": f"env:{kind.upper()}_API_KEY"} for service, kind in kinds.items()}
    for service, real in REAL.items():
        CANARIES.plant(real, f"the real key of {service}")
    variables = {f"REAL_{service.upper().replace('-', '_')}": real for service, real in REAL.items()}
    given = {service: {"secret": f"env:{name}"} for service, name in zip(REAL, variables, strict=True)}
    given["azure-openai"]["hosts"] = [AZURE]
    options = [word for value in shared_doubles.resolve(BEDROCK, *SERVICES.values()) for word in ("--resolve", value)]
    return start_module_house(
        options=options, environment=variables, keys=keys | given, services__sanctioned=[*kinds, *SERVICES]
    )


@pytest.fixture
def house(proxy: House, doubles: Doubles) -> House:
    proxy.begin()
    return proxy


def answered(house: House, host: str, body: object) -> None:
    """Let the double of this host give this answer."""
    house.doubles.behave(f"body={quote(json.dumps(body), safe='')},type=application/json", host=host, times=5)


def swapped(house: House, real: str, place: str, value: str, count: int = 1) -> None:
    """The real key stood in the header or, with ``?``, the parameter ``place``, and the virtual one nowhere."""
    got = house.doubles.requests()
    assert len(got) == count
    for one in got:
        assert value.replace("KEY", real) in (one.target if place.startswith("?") else one.header(place))
        assert str((one.target, one.headers, one.body)).count(real) == 1
        assert PREFIX not in str((one.target, one.headers, one.body))
    rows = house.until(count, "response")
    assert {(row["credential"], row["auth_method"], row["team"]) for row in rows} == {
        ("virtual", "virtual_key", "finance")
    }


PLACES = {"openai": ("authorization", "Bearer KEY"), "gemini": ("x-goog-api-key", "KEY")}


@pytest.mark.parametrize("kind", SDKS, ids=lambda kind: kind.name)
def test_every_way_of_asking(kind: Any, house: House) -> None:
    sdk = kind(house.weir, house.key)

    async def both() -> list[str]:
        return [await sdk.achat("How high?"), "".join([piece async for piece in sdk.astream("How high?")])]

    said = [sdk.chat("How high?"), "".join(sdk.stream("How high?")), *asyncio.run(both())]
    assert said == ["You said: How high?"] * 4
    place, value = PLACES.get(sdk.name) or place_of(house.doubles.requests()[0])
    swapped(house, house.doubles.keys[sdk.name], place, value, count=4)


def place_of(got: Received) -> tuple[str, str]:
    """Anthropic's SDK takes a key for either header; which, this says."""
    return ("x-api-key", "KEY") if got.header("x-api-key") else ("authorization", "Bearer KEY")


def test_anthropic_with_its_key_header(house: House) -> None:
    given = Anthropic(house.weir, house.key)
    with given.client as client:
        done = client.messages.create(
            model=given.model,
            max_tokens=50,
            messages=[{"role": "user", "content": "How high?"}],
            extra_headers={"X-Api-Key": house.key, "Authorization": ""},
        )
    assert done.content[0].text == "You said: How high?"
    swapped(house, house.doubles.keys["anthropic"], "x-api-key", "KEY")


@pytest.mark.parametrize("how", ["api_key", "azure_ad_token"])
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_azure_openai(how: str, asynchronous: bool, house: House) -> None:
    answered(house, AZURE, CHAT)
    given: Any = {how: house.key, "azure_endpoint": f"https://{AZURE}", "api_version": "2024-10-21"}
    http = OpenAI(house.weir, house.key).http()

    async def ask() -> Any:
        async with openai.AsyncAzureOpenAI(**given, http_client=openai.DefaultAsyncHttpxClient(**http)) as client:
            return await client.chat.completions.create(model="gpt-5-mini", messages=PERSONS)  # type: ignore[arg-type]

    if asynchronous:
        done = asyncio.run(ask())
    else:
        with openai.AzureOpenAI(**given, http_client=openai.DefaultHttpxClient(**http)) as client:
            done = client.chat.completions.create(model="gpt-5-mini", messages=PERSONS)  # type: ignore[arg-type]
    assert done.choices[0].message.content == SAID
    place = ("api-key", "KEY") if how == "api_key" else ("authorization", "Bearer KEY")
    swapped(house, REAL["azure-openai"], *place)


def test_vertex_with_an_api_key(house: House) -> None:
    answered(house, VERTEX, GENERATED)
    arguments = OpenAI(house.weir, house.key).http()
    arguments.pop("timeout")
    options = types.HttpOptions(client_args=arguments, timeout=30_000)
    client = genai.Client(vertexai=True, api_key=house.key, http_options=options)
    assert client.models.generate_content(model="gemini-2.5-flash", contents="How high?").text == SAID
    swapped(house, REAL["google-vertex"], "x-goog-api-key", "KEY")


def test_gemini_with_the_key_in_the_query_as_older_clients_send_it(house: House) -> None:
    path = f"/v1beta/models/{Gemini.model}:generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": "How high?"}]}]}
    with house.client() as http:
        reply = http.post(f"https://{GEMINI}{path}", params={"key": house.key, "alt": "json"}, json=body)
    assert reply.status_code == 200
    swapped(house, house.doubles.keys["gemini"], "?key", "?key=KEY&alt=json")


def test_gemini_gets_an_api_key_where_it_takes_one(house: House) -> None:
    """Behind `Bearer` it takes tokens alone: a key there would be turned away, and rest for everybody."""
    body = {"contents": [{"role": "user", "parts": [{"text": "How high?"}]}]}
    bearer = {"authorization": f"Bearer {house.key}"}
    with house.client() as http:
        reply = http.post(f"https://{GEMINI}/v1beta/models/{Gemini.model}:generateContent", json=body, headers=bearer)
    assert reply.status_code == 200, reply.text
    swapped(house, house.doubles.keys["gemini"], "x-goog-api-key", "KEY")
    assert house.doubles.only().header("authorization") == ""


def test_elevenlabs(house: House) -> None:
    answered(house, ELEVENLABS, {"audio": ""})
    with house.client() as http:
        url = f"https://{ELEVENLABS}/v1/text-to-speech/voice1"
        reply = http.post(url, json={"text": "How high?", "model_id": "m"}, headers={"xi-api-key": house.key})
    assert reply.status_code == 200, reply.text
    swapped(house, REAL["elevenlabs"], "xi-api-key", "KEY")


def test_bedrock_with_a_bearer_key(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from boto3.session import Session
    from botocore.config import Config

    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", house.key)
    client = Session(region_name="us-east-1").client(
        "bedrock-runtime", config=Config(proxies={"https": house.weir.url}), verify=str(house.weir.ca)
    )
    asked = [{"role": "user", "content": [{"text": "How high?"}]}]
    done = client.converse(modelId="anthropic.claude-sonnet-4-5-20250929-v1:0", messages=asked)
    assert done["output"]["message"]["content"][0]["text"] == "You said: How high?"
    swapped(house, house.doubles.keys["bedrock"], "authorization", "Bearer KEY")


class Listening:
    """A provider's WebSocket that takes the first subprotocol and repeats what it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __call__(self, link: ServerConnection) -> None:
        assert link.request
        self.asked.append((link.request.path, dict(link.request.headers.raw_items())))
        with contextlib.suppress(ConnectionClosed):
            for message in link:
                link.send(message)


@pytest.fixture(scope="module")
def sockets(
    start_module_house: Callable[..., House], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[House, Listening]]:
    """A proxy with such a provider behind port 9443 of two hosts."""
    authority, provider = Authority(tmp_path_factory.mktemp("sockets")), Listening()
    listener = socket.create_server(("127.0.0.1", 0))
    hosts = ("api.openai.com", "api.deepgram.com")
    options = [w for host in hosts for w in ("--resolve", f"{host}:9443:127.0.0.1:{listener.getsockname()[1]}")]
    house = start_module_house(
        options=["--upstream-ca", str(authority.ca_path), *options],
        environment={"DEEPGRAM": CANARIES.plant(DEEPGRAM, "the real key of deepgram")},
        keys={"openai": {"secret": "env:OPENAI_API_KEY"}, "deepgram": {"secret": "env:DEEPGRAM"}},
        services__sanctioned=["openai", "deepgram"],
        on_failure="allow",
    )

    def first(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return offered[0] if offered else None

    server = serve(provider, sock=listener, ssl=authority.listener(("http/1.1",)), select_subprotocol=first)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield house, provider
    server.shutdown()


BROWSER = "Sec-WebSocket-Protocol"  # which sets no headers
WAYS = {
    "openai-subprotocol": ("api.openai.com", ["realtime", "openai-insecure-api-key.KEY"], BROWSER),
    "openai-header": ("api.openai.com", {"Authorization": "Bearer KEY"}, "Authorization"),
    "deepgram-subprotocol": ("api.deepgram.com", ["token", "KEY"], BROWSER),
    "deepgram-bearer-subprotocol": ("api.deepgram.com", ["bearer", "KEY"], BROWSER),
    "deepgram-header": ("api.deepgram.com", {"Authorization": "Token KEY"}, "Authorization"),
}


async def one_message(house: House, address: str, said: str, options: dict[str, Any]) -> tuple[str | bytes, str]:
    """The answer to one message, and the headers of the handshake's reply.

    In one thread: the client with threads reads and writes one TLS connection from two, which lost a request once.
    """
    context, proxy = trust(house.weir.ca), house.weir.url
    async with asyncio.timeout(20), connect(address, ssl=context, proxy=proxy, **options) as link:
        await link.send(said)
        return await link.recv(), str(link.response and link.response.headers)


@pytest.mark.parametrize("way", WAYS)
def test_over_a_websocket(way: str, sockets: tuple[House, Listening]) -> None:
    house, provider = sockets
    provider.asked.clear()
    house.begin()
    host, given, place = WAYS[way]
    with_key = json.loads(json.dumps(given).replace("KEY", house.key))
    options: dict[str, Any] = {"additional_headers" if isinstance(given, dict) else "subprotocols": with_key}
    path = "/v1/realtime?model=gpt-realtime" if "openai" in host else "/v1/listen?model=nova-3"
    said = json.dumps({"type": "session.update", "session": {}})
    heard, answered = asyncio.run(one_message(house, f"wss://{host}:9443{path}", said, options))
    assert heard == said and house.key not in answered
    ((asked, headers),) = provider.asked
    real = house.doubles.keys["openai"] if "openai" in host else DEEPGRAM
    everything = f"{asked}{headers}"
    assert PREFIX not in everything and everything.count(real) == 1
    expected = ", ".join(given) if isinstance(given, list) else given[place]
    assert headers[place] == expected.replace("KEY", real)
    record = house.only("response")
    assert (record["credential"], record["auth_method"], record["http_status"]) == ("virtual", "virtual_key", 101)


def test_a_key_of_one_service_in_the_place_of_another(house: House) -> None:
    with house.client() as http:
        for place in ("api-key", "xi-api-key", "x-goog-api-key", "x-api-key"):
            reply = http.post(
                "https://api.openai.com/v1/chat/completions",
                json={"model": "gpt-5-mini", "messages": PERSONS},
                headers={place: house.key},
            )
            assert reply.status_code == 401 and house.key not in reply.text, place
    assert house.doubles.requests() == []
    assert [row["rule_id"] for row in house.until(4)] == ["virtual-key"] * 4
