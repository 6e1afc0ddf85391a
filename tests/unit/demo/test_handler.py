"""What a double answers, and how, under each behaviour."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import brotli
import pytest

from weir.demo.behave import Rule
from weir.demo.handler import Doubles
from weir.demo.wire import Connection, Gone, Headers, Request

CHAT = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hi"}]}


class Wire:
    """A responder that notes what it is told."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.writes: list[bytes] = []
        self.how = ""

    @property
    def body(self) -> bytes:
        return b"".join(self.writes)

    async def start(self, status: int, headers: Headers) -> None:
        self.status, self.headers = status, dict(headers)

    async def send(self, data: bytes) -> None:
        self.writes.append(data)

    async def end(self) -> None:
        self.how = "ended"

    async def cut(self, *, reset: bool = False) -> None:
        self.how = "reset" if reset else "cut"
        raise Gone("cut on purpose")


def doubles(*rules: Rule) -> Doubles:
    return Doubles(keys={"openai": "the-key"}, rules=list(rules))


def request(behaviour: str = "", value: dict[str, Any] | None = None, **headers: str) -> Request:
    given = {"authorization": "Bearer the-key", "x-double": behaviour, **headers}
    pairs = [(name.replace("_", "-").encode(), text.encode()) for name, text in given.items() if text]
    body = bytearray(json.dumps({**CHAT, **(value or {})}).encode())
    return Request(Connection(1), "2", "POST", "/v1/chat/completions", "api.openai.com", pairs, body, True)


async def play(one: Request, whole: Doubles | None = None) -> Wire:
    wire, played = Wire(), whole or doubles()
    played.opened(one)
    try:
        await played.answer(one, wire)
    except Gone:
        played.lost(one)
    return wire


def run(one: Request, whole: Doubles | None = None) -> Wire:
    return asyncio.run(asyncio.wait_for(play(one, whole), 60))


def test_the_plain_reply_and_its_record() -> None:
    whole = doubles()
    wire = run(request(), whole)
    assert (wire.status, wire.how) == (200, "ended")
    assert int(wire.headers[b"content-length"]) == len(wire.body)
    row = whole.log.requests()[0]
    assert row["kind"] == "openai"
    assert row["reply"] | {"headers": [], "sent": ""} == {
        "status": 200,
        "headers": [],
        "sent": "",
        "sent_bytes": len(wire.body),
        "events": 1,
        "ended": True,
        "lost": False,
    }


def test_a_key_of_one_provider_is_none_of_another() -> None:
    assert run(request(authorization="Bearer wrong")).status == 401
    one = request()
    one.authority = "api.anthropic.com"
    assert run(one).status == 401  # no key is configured for it: nothing is accepted, not even an empty one


def test_plain_replies_are_coded_as_accepted_and_streams_are_not() -> None:
    plain = run(request(accept_encoding="gzip, br"))
    assert plain.headers[b"content-encoding"] == b"br"
    assert json.loads(brotli.decompress(plain.body))["object"] == "chat.completion"
    streamed = run(request(accept_encoding="gzip, br", value={"stream": True}))
    assert b"content-encoding" not in streamed.headers
    forced = run(request("encoding=br", {"stream": True}))
    assert brotli.decompress(forced.body) == streamed.body


@pytest.mark.parametrize(
    ("behaviour", "stream", "how", "events"),
    [
        ("cut=2", True, "cut", 2),
        ("cut=2,reset", True, "reset", 2),
        ("cut=0", True, "cut", 0),
        ("reset", True, "reset", 0),
        ("cut=10", False, "cut", 1),
    ],
)
def test_breaking_off(behaviour: str, stream: bool, how: str, events: int) -> None:
    whole = doubles()
    wire = run(request(behaviour, {"stream": stream}), whole)
    row = whole.log.requests()[0]["reply"]
    assert (wire.how, row["events"], row["ended"], row["lost"]) == (how, events, False, True)
    assert wire.body.count(b"\n\n") == (events if stream else 0)
    if not stream:
        assert len(wire.body) == 10 < int(wire.headers[b"content-length"])


def test_cut_beyond_the_end_ends_properly() -> None:
    assert run(request("cut=99999", {"stream": True})).how == "ended"


@pytest.mark.parametrize(
    ("behaviour", "status", "text"),
    [
        ("status=503", 503, b"server_error"),
        ("body=%7Bbroken,type=application/json", 200, b"{broken"),
        ("say=enough", 200, b"enough"),
        ("echo", 200, json.dumps(CHAT).encode()),
        ("fly=1", 400, b"no behaviour is called"),
    ],
)
def test_other_replies(behaviour: str, status: int, text: bytes) -> None:
    wire = run(request(behaviour))
    assert wire.status == status
    assert text in wire.body


def test_headers_and_framing() -> None:
    wire = run(request("chunked,close,header=alt-svc:h3,type=x/y"))
    assert b"content-length" not in wire.headers
    assert wire.headers[b"connection"] == b"close"
    assert wire.headers[b"alt-svc"] == b"h3"
    assert wire.headers[b"content-type"] == b"x/y"
    split = run(request("split=7", {"stream": True}))
    assert {len(part) for part in split.writes} <= set(range(1, 8))


def test_rules_and_model_names_set_behaviour_too_and_the_header_wins() -> None:
    whole = doubles(Rule({"status": "500"}, host="api.openai.com"))
    assert [run(request(), whole).status for _ in range(2)] == [500, 200]
    assert run(request(value={"model": "gpt-5#status=529"})).status == 529
    assert run(request("status=501", {"model": "gpt-5#status=529"})).status == 501


def test_a_gate_holds_every_event_but_the_first() -> None:
    async def scene() -> None:
        whole, wire = doubles(), Wire()
        one = request("gate=g,hold=h", {"stream": True})
        whole.opened(one)
        task = asyncio.create_task(whole.answer(one, wire))
        await waiting(whole, "h")
        assert wire.status == 0
        await whole.gates.release("h")
        await waiting(whole, "g")
        assert (wire.status, len(wire.writes)) == (200, 1)
        await whole.gates.release("g")
        await waiting(whole, "g", writes=(wire, 2))
        await whole.gates.release("g", None)
        await task
        assert wire.how == "ended"

    asyncio.run(asyncio.wait_for(scene(), 60))


async def waiting(whole: Doubles, gate: str, writes: tuple[Wire, int] | None = None) -> None:
    for _ in range(1000):
        if whole.gates.waiting.get(gate) and (writes is None or len(writes[0].writes) == writes[1]):
            return
        await asyncio.sleep(0)
    raise AssertionError(f"nobody waits at gate {gate}")


def test_a_double_that_breaks_resets_and_keeps_quiet_about_content(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(" ".join(("secret", "words")))  # print_tb shows source lines

    monkeypatch.setattr("weir.demo.handler.encoder", broken)
    assert run(request()).how == "reset"
    said = capsys.readouterr().err
    assert "RuntimeError" in said
    assert "secret words" not in said


def test_keys_are_not_in_the_repr() -> None:
    assert "the-key" not in repr(doubles())


def test_a_conversation_is_noted_message_by_message() -> None:
    one = request()
    one.method, one.target, one.body = "GET", "/v1/responses", bytearray()
    whole = doubles()
    whole.opened(one)
    talk = whole.talk(one)
    assert talk is not None and talk.opened() == []
    asked = json.dumps({"type": "response.create", "model": "m", "input": "hi"})
    said = talk.heard(asked)
    entry = whole.log.of(one)
    assert (entry.status, entry.events, one.body.decode()) == (101, len(said), asked + "\n")
    assert entry.sent.decode().splitlines() == said


def test_a_conversation_may_be_refused() -> None:
    one = request()
    one.method, one.target = "GET", "/v1/responses"
    for rule in (Rule({"no_socket": ""}), Rule({"status": "500"})):
        assert doubles(rule).talk(one) is None
    assert doubles().talk(request("no_such_behaviour")) is None
