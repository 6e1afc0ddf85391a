"""One verdict, carried out in `enforce` and recorded in `observe`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from mitmproxy import http

from harness.rig import ADDRESS, CREDENTIAL, Rig, chat
from weir.model import Action
from weir.policy.addon import INLINE_BYTES_MAX

SENSITIVE = f"{CREDENTIAL} of {ADDRESS}"


def test_a_block_is_said_in_the_providers_words(rig: Rig) -> None:
    flow = rig.flow(chat(SENSITIVE))
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.verdict.action is Action.BLOCK and trace.acted and not trace.edited
    assert flow.response is not None and flow.response.status_code == 400
    error = json.loads(flow.response.content or b"")["error"]
    assert "It holds a secret/" in error["message"] and CREDENTIAL not in str(error)
    record = rig.records[-1]
    assert (record.kind, record.verdict, record.action, record.rule_id) == ("block", "block", "block", "no-credentials")


def test_observing_changes_nothing(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(mode="observe")
    body = chat(SENSITIVE)
    flow = rig.flow(body)
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is None and flow.request.raw_content == body
    assert trace.verdict.action is Action.BLOCK and not trace.acted
    record = rig.records[-1]
    assert (record.kind, record.verdict, record.action) == ("request", "block", "allow")
    assert {row.action for row in record.findings} == {"allow"}


@pytest.mark.parametrize("padding", [0, 2 * INLINE_BYTES_MAX])
def test_texts_are_replaced_and_all_else_stays(rig: Rig, padding: int) -> None:
    body = b'{ "model":"gpt-5-mini", "n" : 1e0,"messages":[{"role":"user","content":"to %s %s"}]}' % (
        ADDRESS.encode(), b"la " * (padding // 3),
    )  # fmt: skip
    flow = rig.flow(body)
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.edited and trace.verdict.action is Action.PSEUDONYMISE
    assert flow.request.raw_content == body.replace(ADDRESS.encode(), b"<EMAIL_ADDRESS_1>")
    assert flow.request.headers["content-length"] == str(len(flow.request.raw_content))


def test_clean_requests_keep_their_bytes(rig: Rig) -> None:
    body = b' {"messages" : [{"content":"w\\u0065ir","role":"user"}],"model":"gpt-5-mini"}\n'
    flow = rig.flow(body)
    trace = rig.play(flow, "requestheaders", "request")
    assert (trace.verdict.action, trace.edited, flow.response) == (Action.ALLOW, False, None)
    assert flow.request.raw_content == body


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({"accept": "text/html,*/*", "sec-fetch-mode": "navigate"}, "text/html"),
        ({"accept": "*/*"}, "application/problem+json"),
    ],
)
def test_an_unsanctioned_service_is_refused(rig: Rig, headers: dict[str, str], kind: str) -> None:
    flow = rig.flow(b"", host="chat.deepseek.com", path="/", method="GET", headers=headers)
    rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 403
    assert flow.response.headers["content-type"].startswith(kind)
    assert "is not approved" in (flow.response.get_text() or "")
    assert flow.response.headers["x-weir-rule"] == "approved-only"


def test_two_names_are_refused(rig: Rig) -> None:
    flow = rig.flow(chat(), headers={"host": "evil.example"})
    rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and rig.records[-1].rule_id == "host-mismatch"


def test_an_edit_that_fails_is_not_sent(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = rig.flow(chat(f"to {ADDRESS}"))
    trace = rig.play(flow, "requestheaders")

    def broken(*_: object) -> bytes:
        raise KeyError(ADDRESS)

    monkeypatch.setattr(type(trace.dialect), "replace", broken)
    rig.play(flow, "request")
    assert flow.response is not None and flow.response.status_code == 503
    assert trace.failed == "policy.request: KeyError" and ADDRESS not in repr(rig.records)


def test_what_is_answered_already_is_not_decided_again(rig: Rig) -> None:
    flow = rig.flow(chat(SENSITIVE))
    trace = rig.play(flow, "requestheaders", "request", until="dlp")
    flow.response = http.Response.make(407)
    rig.addon("policy").request(flow)
    assert trace.findings and trace.verdict.action is Action.ALLOW and flow.response.status_code == 407
