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
