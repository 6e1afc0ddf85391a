from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.rig import Rig, chat
from weir.edge.discovery import Discovery

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
