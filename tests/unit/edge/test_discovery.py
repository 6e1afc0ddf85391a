from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.rig import CREDENTIAL, Rig, chat
from weir.edge.discovery import Discovery
from weir.edge.trace import Trace
from weir.shadow import clients, signals

HOST = "tools.corp.example"
CALL = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "f"}}).encode()
EVENTS = {"accept": "text/event-stream"}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, services={"otherwise": "sanctioned"})


def test_a_stream_of_the_older_generation_is_known_once_its_host_is(rig: Rig) -> None:
    before = rig.play(rig.flow(b"", method="GET", host=HOST, path="/sse", headers=EVENTS), "requestheaders", "request")
    assert not before.is_ai
    rig.play(rig.flow(CALL, host=HOST, path="/messages?sessionId=1"), "requestheaders", "request")
    flow = rig.flow(b"", method="GET", host=HOST, path="/sse", headers=EVENTS)
    after = rig.play(flow, "requestheaders", "request")
    assert after.discovered and after.endpoint is not None and after.endpoint.operation == "mcp.stream"
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "hi"}]}})
    data = f"event: endpoint\ndata: /messages?sessionId=2\n\nevent: message\ndata: {message}\n\n".encode()
    trace = rig.reply(flow, data, content_type="text/event-stream")
    assert trace.reply is not None and (trace.reply.text, trace.reply.complete) == ("hi", True)


@pytest.mark.parametrize(("method", "headers"), [("GET", {"accept": "text/html"}), ("POST", EVENTS)])
def test_other_requests_to_such_a_host_are_what_they_are(rig: Rig, method: str, headers: dict[str, str]) -> None:
    rig.play(rig.flow(CALL, host=HOST, path="/messages?sessionId=1"), "requestheaders", "request")
    trace = rig.play(rig.flow(b"", method=method, host=HOST, path="/sse", headers=headers), "requestheaders", "request")
    assert not trace.is_ai


def test_hosts_of_models_are_not_servers_of_tools(rig: Rig) -> None:
    rig.play(rig.flow(chat(), host="llm.corp.example"), "requestheaders", "request")
    flow = rig.flow(b"", method="GET", host="llm.corp.example", path="/x", headers=EVENTS)
    assert not rig.play(flow, "requestheaders", "request").is_ai


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.edge.discovery._HOSTS_MAX", 2)
    found = Discovery()
    for host in ("a", "b", "c"):
        found._remember(host)
    assert list(found._servers) == ["b", "c"]


USER = {"role": "user", "content": "How high?"}


def test_what_makes_a_discovery_is_on_record(rig: Rig) -> None:
    flow = rig.flow(chat(), host="llm.corp.example", headers={"user-agent": "claude-cli/2.0.14 (external, cli)"})
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.discovered and 50 <= int(trace.extra["score"]) <= 100 and trace.extra["ai"] in ("chat", "agent")
    assert (trace.extra["client_kind"], trace.extra["client_version"]) == ("agent", "2.0.14")


def test_the_client_of_a_known_service_is_named_and_of_other_traffic_not(rig: Rig) -> None:
    sdk = {"user-agent": "OpenAI/Python 2.7.1"}
    assert rig.play(rig.flow(chat(), headers=sdk), "requestheaders", "request").extra["client_kind"] == "sdk"
    plain = rig.play(rig.flow(b"{}", host="shop.example", path="/v1/orders", headers=sdk), "requestheaders", "request")
    assert "client" not in plain.extra


@pytest.mark.parametrize(
    ("path", "asked", "replied", "kind"),
    [
        ("/ask", {"model": "house", "messages": [USER]}, {"object": "chat.completion", "choices": [{}]}, "chat"),
        ("/orders", {"model": "T-7"}, {"id": 7, "choices": ["red", "blue"]}, ""),
    ],
)  # fmt: skip
def test_a_service_that_shows_itself_in_its_reply_alone(
    rig: Rig, path: str, asked: object, replied: object, kind: str
) -> None:
    flow = rig.flow(json.dumps(asked).encode(), host="app.corp.example", path=path)
    rig.play(flow, "requestheaders", "request")
    body = json.dumps(replied).encode()
    trace = rig.reply(flow, body)
    assert flow.response is not None and flow.response.raw_content == body
    assert (trace.discovered, trace.extra.get("ai", "")) == (bool(kind), kind)
    assert not kind or rig.records[-1].inspection_reason == "recognised by its reply"


def test_weights_by_name_and_by_their_first_bytes(rig: Rig) -> None:
    def fetch(path: str, body: bytes, kind: str = "application/octet-stream", status: int = 200) -> dict[str, str]:
        flow = rig.flow(b"", method="GET", host="files.corp.example", path=path)
        rig.play(flow, "requestheaders", "request")
        size = str(len(body))
        trace = rig.reply(flow, body, content_type=kind, content_length=size, status=status)
        return {name: value for name, value in trace.extra.items() if name.startswith("download")}

    weights = b"GGUF\x03\x00\x00\x00" + bytes(9000)
    named = {"download": "m.gguf", "download_format": "gguf", "download_bytes": "9008"}
    assert fetch("/m.gguf", weights) == named
    assert fetch("/d/4711", weights) == {**named, "download": "4711"}
    assert fetch("/d/4711", b"%PDF-1.7" + bytes(9000)) == {}
    assert fetch("/m.gguf", b"<html>sign in</html>", "text/html") == {}
    assert fetch("/m.gguf", b"gone", "text/plain", 404) == {}


def test_tables_are_read_before_the_first_request() -> None:
    signals._tables.cache_clear()
    clients._table.cache_clear()
    Discovery()
    assert signals._tables.cache_info().currsize == clients._table.cache_info().currsize == 1


def ask(rig: Rig, body: bytes, path: str = "/v1/chat/completions", method: str = "POST", **headers: str) -> Trace:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    flow = rig.flow(body, host="app.corp.example", path=path, method=method, headers=named)
    return rig.play(flow, "requestheaders", "request")


LAST = json.dumps({"messages": [{"content": "y" * 20_000, "role": "user"}], "model": "house"}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + chat(),
        b"\n" * 20_000 + chat(),
        *(chat().decode().encode(code) for code in ("utf-16", "utf-16-le", "utf-32")),
        LAST,
        json.dumps({"pad": "x" * 20_000, "messages": [USER], "model": "house"}).encode(),
    ],
    ids=["mark", "blank", "utf-16", "utf-16-le", "utf-32", "who and what at the end", "padded"],
)
def test_what_servers_read_is_recognised_however_it_is_written(tmp_path: Path, body: bytes) -> None:
    rig = Rig(tmp_path, services={"otherwise": "tolerated"}, limits={"peek_bytes_max": 4096})
    assert ask(rig, body).discovered


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat%2Fcompletions", "/v1/chat%25252Fcompletions", "/v1/./chat/x/../completions", "/v1/chat/completions/.",
        "/v1/chat;a=b/completions;c", "/" + "a" * 3000 + "/v1/chat/completions", "//v1//Chat//completions//?x",
    ],
)  # fmt: skip
def test_a_path_is_what_servers_take_it_for(rig: Rig, path: str) -> None:
    assert ask(rig, chat(), path).discovered


def test_another_method_hides_nothing(rig: Rig) -> None:
    assert ask(rig, chat(), method="PUT").discovered


ODD = json.dumps({"object": "chat.completion", "choices": [{"message": {"role": "assistant"}}]}).encode()
ASKED = json.dumps({"model": "house", "messages": [USER]}).encode()


def answer_oddly(rig: Rig) -> None:
    flow = rig.flow(ASKED, host="app.corp.example", path="/rooms/17/ask")
    assert not rig.play(flow, "requestheaders", "request").is_ai
    assert rig.reply(flow, ODD).discovered


def test_what_its_reply_has_shown_is_known_the_next_time(rig: Rig) -> None:
    answer_oddly(rig)
    leak = json.dumps({"say": ["anything", "with " + CREDENTIAL]}).encode()
    trace = ask(rig, leak, "/rooms/18/ask")
    assert trace.discovered and trace.extra["ai"] == "chat" and trace.extra["known_by"] == "an earlier reply"
    assert (trace.inspection, trace.verdict.rule_id) == ("inspected", "no-credentials")
    assert not ask(rig, leak, "/rooms/18/close").is_ai and not ask(rig, leak, "/rooms/18/ask", "GET").is_ai


@pytest.mark.parametrize("other", [{"jsonrpc": "2.0", "method": "close"}, {"query": "{ level }"}])
def test_where_bodies_say_what_is_asked_one_answer_says_nothing_of_the_next(rig: Rig, other: object) -> None:
    answer_oddly(rig)
    assert not ask(rig, json.dumps(other).encode(), "/rooms/18/ask").is_ai
    flow = rig.flow(json.dumps(other).encode(), host="app.corp.example", path="/rpc")
    rig.play(flow, "requestheaders", "request")
    rig.reply(flow, ODD, openai_version="2020-10-01")
    assert not ask(rig, b"{}", "/rpc").is_ai


def test_one_reply_makes_nothing_fail_that_nobody_can_read(rig: Rig) -> None:
    answer_oddly(rig)
    form = {"content_type": "application/x-www-form-urlencoded"}
    trace = ask(rig, b"room=18&say=hello", "/rooms/18/ask", **form)
    assert (trace.inspection, trace.verdict.action.word) == ("partial", "allow")
    leaks = ask(rig, f"room=18&say={CREDENTIAL}".encode(), "/rooms/18/ask", **form)
    assert leaks.verdict.rule_id == "no-credentials"


A2A = {"role": "ROLE_USER", "messageId": "m1"}


@pytest.mark.parametrize(("text", "rule"), [("How high?", ""), ("It is " + CREDENTIAL, "no-credentials")])
@pytest.mark.parametrize("rpc", [True, False])
def test_agents_that_no_format_is_known_of_are_read_as_texts(rig: Rig, rpc: bool, text: str, rule: str) -> None:
    said = {"message": {**A2A, "parts": [{"text": text}]}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": said} if rpc else said
    path = "/agents/gauge" if rpc else "/message:send"
    trace = ask(rig, json.dumps(body).encode(), path, a2a_version="1.0", content_type="application/a2a+json")
    assert trace.extra["ai"] == "a2a" and trace.inspection == "inspected"
    assert trace.verdict.rule_id == rule and (rule or trace.verdict.action.word == "allow")


def test_hosts_in_use_are_not_pushed_out_by_made_up_ones(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.edge.discovery._HOSTS_MAX", 2)
    for host in ("app", "made-up-1", "app", "made-up-2"):
        rig.play(rig.flow(chat(), host=f"{host}.corp.example"), "requestheaders", "request")
    assert list(rig.state.found) == ["app.corp.example", "made-up-2.corp.example"]
