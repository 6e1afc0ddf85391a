"""A request held back, the page on which a reason is stated, and what follows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import quote_plus, urlsplit

import pytest
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from harness.rig import ADDRESS, CREDENTIAL, Rig, chat
from weir.dlp.core.engine import Scan
from weir.edge.trace import Trace, trace_of
from weir.model import Action

REASON = "The customer asked us for it in writing."
BROWSER = {"accept": "text/html,*/*", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
RULES = [
    {"id": "ask-mail", "if": {"finding": "pii/EMAIL_ADDRESS"}, "then": "coach", "say": "It holds {finding}."},
    {"id": "no-credentials", "if": {"finding": "secret/*"}, "then": "redact"},
    {"id": "ask-service", "if": {"service": "deepseek*"}, "then": "coach", "say": "Why {service}?"},
]
SERVICES = {"sanctioned": ["openai"], "otherwise": "unsanctioned"}


@pytest.fixture
def asking(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig(rules=RULES, services=SERVICES)


def send(rig: Rig, text: str = f"write to {ADDRESS}", **more: str) -> Trace:
    rig.last = rig.flow(chat(text), **more)  # type: ignore[attr-defined]
    return rig.play(rig.last, "requestheaders", "request")  # type: ignore[attr-defined]


def page(
    rig: Rig,
    url: str,
    method: str = "GET",
    body: bytes = b"",
    *,
    peer: str = "10.1.2.3",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str, Trace]:
    parts = urlsplit(url)
    kind = {"content-type": "application/x-www-form-urlencoded"} if method == "POST" else {}
    host = parts.hostname or ""
    flow = rig.flow(body, host=host, path=parts.path, method=method, peer=peer, headers={**kind, **(headers or {})})
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is not None
    return flow.response.status_code, (flow.response.get_text() or ""), trace


def state(rig: Rig, url: str, reason: str = REASON, **more: object) -> tuple[int, str, Trace]:
    parts = urlsplit(url)
    headers = more.pop("headers", {"origin": f"{parts.scheme}://{parts.netloc}", "sec-fetch-site": "same-origin"})
    return page(rig, url, "POST", f"reason={quote_plus(reason)}".encode(), headers=headers, **more)  # type: ignore[arg-type]


def held(rig: Rig, **more: str) -> str:
    send(rig, **more)
    flow = rig.last  # type: ignore[attr-defined]
    assert flow.response is not None
    return str(flow.response.headers["x-weir-coach"])


def test_a_program_is_told_where_and_the_reason_lets_it_pass(asking: Rig) -> None:
    url = held(asking)
    response = asking.last.response  # type: ignore[attr-defined]
    assert response.status_code == 400 and url.startswith("https://api.openai.com/.well-known/weir/coach/")
    told = json.loads(response.content)["error"]["message"]
    assert "It holds pii/EMAIL_ADDRESS." in told and url in told
    first = asking.records[-1]
    assert (first.kind, first.verdict, first.action, first.rule_id) == ("block", "coach", "coach", "ask-mail")
    assert first.findings[0].action == "coach" and first.coach_grant and not first.coach_reason

    status, text, _ = page(asking, url)
    assert status == 200 and "It holds pii/EMAIL_ADDRESS." in text and ADDRESS not in text
    status, text, _ = state(asking, url)
    assert status == 200 and "was recorded" in text
    stated = asking.records[-1]
    assert (stated.kind, stated.rule_id, stated.coach_reason) == ("coach", "ask-mail", REASON)
    assert stated.coach_grant == first.coach_grant and stated.inspection == "inspected"

    trace = send(asking)
    assert asking.last.response is None and trace.verdict.action is Action.ALERT  # type: ignore[attr-defined]
    record = asking.records[-1]
    assert (record.kind, record.verdict, record.rule_id) == ("request", "alert", "ask-mail")
    assert (record.coach_grant, record.coach_reason) == (first.coach_grant, REASON)
    assert "a reason was stated" in record.reason


def test_redactions_still_apply_after_a_reason(asking: Rig) -> None:
    state(asking, held(asking))
    trace = send(asking, f"{ADDRESS} and {CREDENTIAL}")
    sent = (asking.last.request.raw_content or b"").decode()  # type: ignore[attr-defined]
    assert asking.last.response is None and trace.edited and trace.verdict.action is Action.REDACT  # type: ignore[attr-defined]
    assert ADDRESS in sent and CREDENTIAL not in sent


def test_only_who_stated_it_passes_and_only_there(asking: Rig) -> None:
    state(asking, held(asking))
    assert send(asking, peer="10.1.2.4").verdict.action is Action.COACH
    assert send(asking, host="api.deepseek.com").verdict.action is Action.COACH
    assert send(asking).verdict.action is Action.ALERT


def test_one_reason_covers_all_that_asks(asking: Rig) -> None:
    url = held(asking, host="api.deepseek.com")
    assert asking.records[-1].rule_id == "ask-mail"
    _, text, _ = page(asking, url)
    assert "ask-mail, ask-service" in text
    state(asking, url)
    assert send(asking, host="api.deepseek.com").verdict.action is Action.ALERT


def test_a_navigating_browser_gets_the_form_at_once(asking: Rig) -> None:
    flow = asking.flow(b"", host="chat.deepseek.com", path="/a?b=c", method="GET", headers=BROWSER)
    asking.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 403
    text, headers = flow.response.get_text() or "", flow.response.headers
    assert "<form" in text and "Why DeepSeek" in text and headers["x-weir-rule"] == "ask-service"
    assert "form-action 'self'" in headers["content-security-policy"]
    _, text, _ = state(asking, headers["x-weir-coach"])
    assert 'href="https://chat.deepseek.com/a?b=c"' in text
    flow = asking.flow(b"", host="chat.deepseek.com", path="/a?b=c", method="GET", headers=BROWSER)
    assert asking.play(flow, "requestheaders", "request").verdict.action is Action.ALERT
    assert flow.response is None


def test_a_reason_is_taken_once(asking: Rig) -> None:
    url = held(asking)
    assert state(asking, url)[0] == 200
    assert state(asking, url)[0] == 404 and page(asking, url)[0] == 404


@pytest.mark.parametrize(
    ("headers", "reason", "status"),
    [
        ({}, REASON, 403),
        ({"origin": "https://evil.example"}, REASON, 403),
        ({"origin": "null"}, REASON, 403),
        ({"sec-fetch-site": "cross-site"}, REASON, 403),
        ({"origin": "https://api.openai.com", "content-type": "text/plain"}, REASON, 422),
        ({"origin": "https://api.openai.com", "content-encoding": "gzip"}, REASON, 422),
        ({"origin": "https://api.openai.com"}, "short", 422),
        ({"origin": "https://api.openai.com"}, "x" * 501, 422),
        ({"sec-fetch-site": "same-origin"}, REASON, 200),
    ],
)
def test_what_is_taken(asking: Rig, headers: dict[str, str], reason: str, status: int) -> None:
    url = held(asking)
    assert state(asking, url, reason, headers=headers)[0] == status
    record = asking.records[-1]
    assert record.kind == "coach" and (record.coach_reason == REASON) is (status == 200)
    assert send(asking).verdict.action is (Action.ALERT if status == 200 else Action.COACH)
    if status != 200:
        assert state(asking, url)[0] == 200  # it was not used up


def test_another_machine_gets_nothing(asking: Rig) -> None:
    url = held(asking)
    for got in (page(asking, url, peer="10.6.6.6"), state(asking, url, peer="10.6.6.6")):
        assert got[0] == 404 and "It holds" not in got[1]
    assert asking.records[-1].kind == "coach" and not asking.records[-1].coach_grant


def test_what_people_paste_into_a_reason_is_struck_out(asking: Rig) -> None:
    url = held(asking)
    state(asking, url, f"Needed for {CREDENTIAL} of the customer")
    stored = asking.records[-1].coach_reason
    assert CREDENTIAL not in stored and stored.startswith("Needed for [REDACTED:")
    send(asking)
    assert asking.records[-1].coach_reason == stored and CREDENTIAL not in repr(asking.records)


def test_a_reason_that_cannot_be_checked_is_withheld(asking: Rig) -> None:
    url = held(asking)

    class Broken:
        def scan(self, segments: object, direction: str = "request", **how: object) -> Scan:
            return Scan((), False, "out of time")

    known = asking.state.snapshot
    asking.state.snapshot = replace(known, engine=Broken())  # type: ignore[arg-type]
    assert state(asking, url)[0] == 200
    assert "withheld" in asking.records[-1].coach_reason and REASON not in repr(asking.records)


@pytest.mark.parametrize("mode", ["observe", "enforce"])
@pytest.mark.parametrize("on_failure", ["allow", "block"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/.well-known/weir/coach/unknown", 404),
        ("HEAD", "/.well-known/weir/coach/unknown", 404),
        ("GET", "/.well-known/weir/", 404),
        ("GET", "/.well-known/weir/coach/?x", 404),
        ("POST", "/.well-known/weir/anything", 404),
        ("GET", "/.well-known/weir?x", 404),
        ("GET", "/%2ewell-known/weir%2fcoach/x", 404),
        ("POST", "//x/..//.WELL-known/./weir\\coach/x", 404),
        ("PUT", "/.well-known/weir/coach/unknown", 405),
    ],
)
def test_nothing_there_is_forwarded(
    make_rig: Callable[..., Rig], mode: str, on_failure: str, method: str, path: str, status: int
) -> None:
    rig = make_rig(mode=mode, on_failure=on_failure)
    flow = rig.flow(b"", path=path, method=method)
    rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == status
    assert bool(flow.response.raw_content) is (method != "HEAD")
    assert rig.records[-1].kind == "coach" and "unknown" not in repr(rig.records[-1])


def test_a_failing_page_is_not_forwarded_either(make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make_rig(on_failure="allow")

    def broken(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(rig.state.coaching, "look", broken)
    flow = rig.flow(b"", path="/.well-known/weir/coach/x", method="GET")
    rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 503


def test_observing_only_records(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(rules=RULES, mode="observe")
    trace = send(rig)
    assert rig.last.response is None and trace.verdict.action is Action.COACH  # type: ignore[attr-defined]
    record = rig.records[-1]
    assert (record.verdict, record.action, record.coach_grant) == ("coach", "allow", "")


def test_minutes_are_policys(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(rules=RULES, coach={"minutes": 5})
    assert "for 5 minutes" in page(rig, held(rig))[1]


def test_a_port_of_its_own_stands_in_the_address(asking: Rig) -> None:
    flow = asking.flow(chat(f"to {ADDRESS}"))
    flow.request.port = 8443
    asking.play(flow, "requestheaders", "request")
    assert flow.response is not None
    assert flow.response.headers["x-weir-coach"].startswith("https://api.openai.com:8443/.well-known/")


def test_a_message_of_a_socket_tells_where_and_passes_after_a_reason(
    asking: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        "weir.edge.websockets.socket.Socket.refuse", lambda self, message, rule_id: told.append(message)
    )

    def talk() -> WebSocketMessage:
        flow = asking.flow(b"", path="/v1/realtime?model=gpt-realtime", method="GET")
        flow.request.headers["connection"], flow.request.headers["upgrade"] = "upgrade", "websocket"
        asking.play(flow, "requestheaders", "request")
        flow.websocket = tflow.twebsocketflow().websocket
        assert flow.websocket
        flow.websocket.messages.clear()
        asking.play(flow, "websocket_start")
        message = WebSocketMessage(Opcode.TEXT, True, json.dumps({"text": f"write to {ADDRESS}"}).encode())
        flow.websocket.messages.append(message)
        asking.play(flow, "websocket_message")
        assert trace_of(flow)
        return message

    assert talk().dropped and "It holds pii/EMAIL_ADDRESS" in told[0]
    state(asking, next(word for word in told[0].split() if word.startswith("https://")))
    assert not talk().dropped
    record = asking.records[-1]
    assert (record.kind, record.verdict, record.coach_reason) == ("message", "alert", REASON)
