"""WebSockets to AI hosts: every message is read, scanned and decided on before the other side gets it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from openai import OpenAI
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import ServerConnection, serve

from e2e.raw import for_threads, open_line
from e2e.support import ADDRESS, STAND_IN, House, access_key
from harness.canary import CANARIES
from harness.clients import trust
from weir.demo.tlsfiles import Authority

pytestmark = pytest.mark.xdist_group("websocket")

SAID = "How high is the river?"
HOST = "api.openai.com:7443"
PATH = "/v1/realtime?model=gpt-realtime"


class Provider:
    """A realtime interface that repeats what it is told, a delta a piece, and remembers all it got."""

    def __init__(self) -> None:
        self.got: list[str | bytes] = []
        self.size = 3  # characters of a delta
        self.closed: list[int] = []

    def __call__(self, link: ServerConnection) -> None:
        link.send(json.dumps({"type": "session.created", "event_id": "e0", "session": {"model": "gpt-realtime"}}))
        heard = ""
        with contextlib.suppress(ConnectionClosed):
            for message in link:
                self.got.append(message)
                heard = self._answer(link, message, heard)
        self.closed.append(link.close_code or 0)

    def _answer(self, link: ServerConnection, message: str | bytes, heard: str) -> str:
        try:
            said: Any = json.loads(message)
        except ValueError:
            link.send(message)
            return heard
        if said.get("type") == "conversation.item.create":
            return str(said["item"]["content"][0]["text"])
        if said.get("type") == "response.create":
            for text in self._turn(heard):
                link.send(json.dumps(text))
        return heard

    def _turn(self, heard: str) -> Iterator[dict[str, Any]]:
        place = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
        for start in range(0, len(heard), self.size):
            yield {"type": "response.output_text.delta", **place, "delta": heard[start : start + self.size]}
        yield {"type": "response.output_text.done", **place, "text": heard}
        usage = {"input_tokens": 7, "output_tokens": 5, "total_tokens": 12}
        yield {
            "type": "response.done",
            "response": {"id": "resp_1", "status": "completed", "output": [], "usage": usage},
        }


@pytest.fixture
def provider() -> Provider:
    """What the socket leads to."""
    return Provider()


@pytest.fixture(scope="module")
def houses(
    start_module_house: Callable[..., House], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., House]]:
    """A proxy a policy, with a provider behind :7443; the tests of one policy share it."""
    authority = Authority(tmp_path_factory.mktemp("provider"))
    made: dict[str, House] = {}
    now: list[Provider] = []
    running = []

    def begin(provider: Provider, base: str, **changes: Any) -> House:
        now[:] = [provider]
        name = json.dumps([base, changes])
        if name not in made:
            made[name] = start_module_house(
                base, key=False, options=["--upstream-ca", str(authority.ca_path)], **changes
            )
            listener = socket.create_server(("127.0.0.1", made[name].flaky))
            server = serve(lambda link: now[0](link), sock=listener, ssl=for_threads(authority.listener(("http/1.1",))))
            running.append(server)
            threading.Thread(target=server.serve_forever, daemon=True).start()
        made[name].begin()
        return made[name]

    yield begin
    for server in running:
        server.shutdown()


@pytest.fixture
def start(houses: Callable[..., House], provider: Provider) -> Callable[..., House]:
    """The proxy of a policy, which leads to this test's provider."""
    return partial(houses, provider)


@contextlib.contextmanager
def dialled(house: House) -> Iterator[ClientConnection]:
    """A socket to the provider, opened by a client that knows of nothing."""
    line = open_line(house.weir.url, HOST, house.weir.ca, threads=True)
    with connect(f"ws://{HOST}{PATH}", sock=line.connection, proxy=None) as link:
        json.loads(link.recv(10))
        yield link


def item(text: str) -> str:
    """The event by which a client says something."""
    content = [{"type": "input_text", "text": text}]
    return json.dumps(
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}
    )


def turn(link: ClientConnection, text: str) -> list[dict[str, Any]]:
    """Say something and take everything up to the end of the reply."""
    link.send(item(text))
    link.send(json.dumps({"type": "response.create"}))
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != "response.done":
        events.append(json.loads(link.recv(10)))
    return events


def spoken(events: list[dict[str, Any]]) -> str:
    """The reply as its deltas tell it."""
    return "".join(event["delta"] for event in events if event["type"].endswith(".delta"))


def test_clean_messages_pass_as_they_are_and_are_accounted_for(start: Callable[..., House], provider: Provider) -> None:
    house = start("enforce")
    with dialled(house) as link:
        assert spoken(turn(link, SAID)) == SAID and spoken(turn(link, SAID)) == SAID
        ping = link.ping()
        assert ping.wait(60)
    assert provider.got == [item(SAID), json.dumps({"type": "response.create"})] * 2
    record = house.only("response")
    assert (record["inspection"], record["operation"], record["http_status"]) == ("inspected", "realtime", 101)
    assert (record["input_tokens"], record["output_tokens"], record["usage_source"]) == (14, 10, "reported")
    assert record["request_model"] == "gpt-realtime" and json.loads(record["extra"])["messages"] != "0"


def test_a_secret_ends_the_socket_before_it_leaves(start: Callable[..., House], provider: Provider) -> None:
    house = start("enforce")
    key = access_key()
    with dialled(house) as link:
        turn(link, SAID)
        link.send(item(f"deploy with {key}"))
        error = json.loads(link.recv(10))
        assert error["type"] == "error" and "secret/aws" in error["error"]["message"]
        with pytest.raises(ConnectionClosed) as caught:
            link.recv(10)
    assert caught.value.rcvd and caught.value.rcvd.code == 1008
    assert not any(key in str(message) for message in provider.got)
    message = house.only("message")
    assert message["action"] == "block" and message["findings"][0]["direction"] == "request"
    assert house.only("response")["action"] == "block"


@pytest.mark.parametrize("pieces", [2, 5])
def test_a_key_cut_over_messages_is_found(pieces: int, start: Callable[..., House], provider: Provider) -> None:
    house = start("enforce")
    key = access_key()
    size = 20 // pieces
    first, *others = (key[at : at + size] for at in range(0, 20, size))
    with dialled(house) as link:
        link.send(item(f"here is the first piece {first}"))
        for piece in others:
            link.send(item(piece))
        assert json.loads(link.recv(10))["type"] == "error"
    assert not any(others[-1] in str(message) for message in provider.got)
    assert house.only("message")["action"] == "block"


@pytest.mark.parametrize("size", [1, 5, 100])
def test_pseudonyms_go_out_and_come_back_as_they_were(
    start: Callable[..., House], provider: Provider, size: int
) -> None:
    house = start("enforce")
    provider.size = size
    address = CANARIES.plant(f"ws{size}.{ADDRESS}", "an e-mail address")
    with dialled(house) as link:
        events = turn(link, f"write to {address} today")
    assert spoken(events) == f"write to {address} today"
    assert [e["text"] for e in events if e["type"] == "response.output_text.done"] == [f"write to {address} today"]
    assert STAND_IN in str(provider.got[0]) and address not in str(provider.got)
    assert house.only("message")["action"] == "pseudonymise"


def test_bytes_are_unparsed_and_policy_decides(start: Callable[..., House], provider: Provider) -> None:
    house = start("enforce")
    with dialled(house) as link:
        link.send(bytes(range(256)) * 8)
        assert json.loads(link.recv(10))["type"] == "error"
    assert provider.got == []
    record = house.only("response")
    assert (record["inspection"], record["rule_id"]) == ("unparsed", "on-failure")


def test_observing_lets_everything_pass_and_says_what_it_saw(start: Callable[..., House], provider: Provider) -> None:
    house = start("observe")
    key = access_key()
    with dialled(house) as link:
        link.send(bytes(range(256)) * 8)
        assert link.recv(10) == bytes(range(256)) * 8
        assert spoken(turn(link, key)) == key
    assert item(key) in provider.got
    records = house.until(1, "response")
    assert records[0]["inspection"] == "unparsed" and records[0]["action"] == "allow"
    assert {row["verdict"] for row in house.records("message")} == {"alert", "block"}


def test_a_large_message_is_scanned_and_too_large_a_one_ends_the_socket(
    start: Callable[..., House], provider: Provider
) -> None:
    house = start("enforce", limits={"body_bytes_max": "256 KiB"})
    provider.size = 4000
    text = "The river is high. " * 5000
    with dialled(house) as link:
        assert spoken(turn(link, text)) == text
        link.send(item(text * 4))
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                link.recv(10)
    assert caught.value.rcvd and caught.value.rcvd.code == 1009
    assert len(provider.got) == 2 and house.only("response")["inspection"] == "failed"


def test_the_sdk_talks_through_it(start: Callable[..., House], provider: Provider) -> None:
    house = start("enforce")
    address = CANARIES.plant(f"sdk.{ADDRESS}", "an e-mail address")
    client = OpenAI(api_key="unused", base_url=f"https://{HOST}/v1")
    options = {"proxy": house.weir.url, "ssl": trust(house.weir.ca)}
    with client.realtime.connect(model="gpt-realtime", websocket_connection_options=options) as link:
        link.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"mail {address}"}]}
        )
        link.response.create()
        said = ""
        for event in link:
            said += getattr(event, "delta", "")
            if event.type == "response.done":
                break
    assert said == f"mail {address}" and address not in str(provider.got)
    assert house.only("response")["input_tokens"] == 7


RULES = [
    {"id": "no-keys-back", "if": {"finding": "secret/*", "direction": "response"}, "then": "redact"},
    {"id": "no-ids-back", "if": {"finding": "pii/US_SSN", "direction": "response"}, "then": "block"},
]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_secret_of_the_reply_is_taken_out_however_it_is_cut(
    start: Callable[..., House], provider: Provider, size: int
) -> None:
    house = start("enforce", rules=RULES)
    provider.size = size
    key = access_key()
    with dialled(house) as link:
        events = turn(link, f"use {key} for it")
    assert spoken(events) == "use [REDACTED:aws-access-key-id] for it"
    assert key[:8] not in str(events) and events[-1]["type"] == "response.done"
    found = house.only("response")["findings"]
    assert {row["direction"] for row in found} == {"response"} and house.only("response")["action"] == "redact"


def test_a_reply_that_is_blocked_ends_the_socket(start: Callable[..., House], provider: Provider) -> None:
    house = start("enforce", rules=RULES)
    number = CANARIES.plant("078-05-1" + "127", "a social security number")
    with dialled(house) as link:
        link.send(item(f"her ssn is {number} as she said"))
        link.send(json.dumps({"type": "response.create"}))
        events: list[dict[str, Any]] = []
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                events.append(json.loads(link.recv(10)))
    assert caught.value.rcvd and caught.value.rcvd.code == 1008
    assert events[-1]["type"] == "error" and number not in spoken([e for e in events if "delta" in e])
    assert house.only("response")["rule_id"] == "no-ids-back"
