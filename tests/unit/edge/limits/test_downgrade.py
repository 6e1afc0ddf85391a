"""Another model's name in place of the first, wherever requests give it, and not a byte more."""

from __future__ import annotations

import pytest
from mitmproxy import http

from harness.rig import Rig, chat
from weir.edge.limits.downgrade import model_pointer, reroute
from weir.edge.trace import Trace
from weir.providers.replies.frames import Frames


def ready(rig: Rig, body: bytes, **more: object) -> tuple[http.HTTPFlow, Trace]:
    flow = rig.flow(body, **more)  # type: ignore[arg-type]
    return flow, rig.play(flow, "requestheaders", "request", until="providers")


def test_in_json_only_the_name_changes(rig: Rig) -> None:
    body = b'{"messages":[ ],\n "model" : "gpt-5" , "x": 1.0, "metadata": {"model": "gpt-5"}}'
    flow, trace = ready(rig, body)
    assert reroute(trace, flow, "gpt-5-mini")
    assert flow.request.content == body.replace(b'"gpt-5" ,', b'"gpt-5-mini" ,')
    assert flow.request.headers["content-length"] == str(len(flow.request.content or b""))
    assert trace.exchange is not None and trace.exchange.model == "gpt-5-mini" and trace.edited


def test_in_a_form(rig: Rig) -> None:
    parts = [b'name="model"\r\n\r\nwhisper-1', b'name="file"; filename="a.wav"\r\n\r\nRIFF\x00\xff']
    body = b"".join(b"--x\r\ncontent-disposition: form-data; %s\r\n" % part for part in parts) + b"--x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x"}
    flow, trace = ready(rig, body, path="/v1/audio/transcriptions", headers=headers)
    assert trace.exchange is not None and trace.exchange.model == "whisper-1"
    assert reroute(trace, flow, "gpt-4o-mini-transcribe")
    assert flow.request.content == body.replace(b"whisper-1", b"gpt-4o-mini-transcribe")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1beta/models/gemini-2.5-pro:generateContent?alt=json", "/v1beta/models/new:generateContent?alt=json"),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "/v1beta/models/new:streamGenerateContent"),
    ],
)
def test_in_the_path(rig: Rig, path: str, expected: str) -> None:
    body = b'{"contents": [{"parts": [{"text": "hello"}]}]}'
    flow, trace = ready(rig, body, host="generativelanguage.googleapis.com", path=path)
    assert reroute(trace, flow, "new")
    assert flow.request.path == expected and flow.request.content == body
    assert trace.exchange is not None and trace.endpoint is not None
    assert (trace.exchange.model, trace.endpoint.model) == ("new", "new")


def test_in_the_query(rig: Rig) -> None:
    path = "/v1/listen?language=en&model=nova-3&x=nova-3"
    flow, trace = ready(rig, b'{"url": "https://sound.example/a.wav"}', host="api.deepgram.com", path=path)
    assert trace.exchange is not None and trace.exchange.model == "nova-3"
    assert reroute(trace, flow, "nova-2")
    assert flow.request.path == "/v1/listen?language=en&model=nova-2&x=nova-3"


def test_a_name_is_quoted_for_its_place_in_the_path(rig: Rig) -> None:
    path = "/v1beta/models/gemini-2.5-pro:generateContent"
    flow, trace = ready(rig, b'{"contents": []}', host="generativelanguage.googleapis.com", path=path)
    assert not reroute(trace, flow, "a/b?c"), "servers differ in how they read it"
    assert flow.request.path == path and trace.exchange is not None and trace.exchange.model == "gemini-2.5-pro"


@pytest.mark.parametrize(
    "more",
    [
        {"body": b'{"messages": []}'},  # names no model
        {"body": chat(), "headers": {"authorization": "AWS4-HMAC-SHA256 Credential=x, Signature=y"}},
        {"body": b"not JSON"},
        {"body": b""},
        {"body": b"{}", "host": "generativelanguage.googleapis.com", "path": "/v1beta//models/x:generateContent"},
    ],
)
def test_what_cannot_be_changed_stays(rig: Rig, more: dict[str, object]) -> None:
    flow, trace = ready(rig, **more)  # type: ignore[arg-type]
    before = (flow.request.path, flow.request.content, trace.exchange)
    assert not reroute(trace, flow, "gpt-5-mini")
    assert (flow.request.path, flow.request.content, trace.exchange) == before and not trace.edited


@pytest.mark.parametrize(
    ("message", "pointer"),
    [
        (b'{"type": "response.create", "model": "gpt-5"}', "/model"),
        (b'{"type": "session.update", "session": {"model": "gpt-5"}}', "/session/model"),
        (b'{"type": "response.create"}', ""),
    ],
)
def test_in_a_message_of_a_socket(rig: Rig, message: bytes, pointer: str) -> None:
    _, trace = ready(rig, chat())
    found = model_pointer(Frames(), message, trace, "new")
    assert (found[0] if found else "") == pointer
    assert found is None or found[1] == message.replace(b"gpt-5", b"new")
