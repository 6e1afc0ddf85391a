"""How a reply is looked at, by policy, by kind of content, and by what can be read of it."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.layers import REPLY
from harness.rig import ADDRESS, CREDENTIAL, POLICY, Rig, chat
from weir.dlp.core.engine import Scan
from weir.dlp.replies.listen import Listener
from weir.dlp.replies.reply import Guard
from weir.edge.replies import ReplyLook, case_of_reply, decide_reply, read_reply, verdict_of_reply
from weir.edge.trace import Trace
from weir.model import Action, Inspection, Verdict
from weir.policy.replies import ReplyPolicy

BLOCK = {"id": "no-keys-back", "if": {"finding": "secret/*", "direction": "response"}, "then": "block"}
STRIKE = {"id": "keys-struck-out", "if": {"finding": "secret/*", "direction": "response"}, "then": "redact"}
ALERT = {"id": "keys-seen", "if": {"finding": "secret/*", "direction": "response"}, "then": "alert"}
NO_MEDIA = {"id": "no-media", "if": {"inspection": "partial", "direction": "response"}, "then": "block"}


def replied(rig: Rig, body: bytes, text: str = "hello", **headers: str) -> Trace:
    flow = rig.flow(chat(text))
    rig.play(flow, "requestheaders", "request")
    return rig.reply(flow, body, **headers)


def said(text: str) -> bytes:
    return REPLY.replace(b"Hi.", json.dumps(text)[1:-1].encode())


@pytest.mark.parametrize(
    ("mode", "rules", "kind", "acting"),
    [
        ("enforce", [], Listener, False),
        ("enforce", [ALERT], Listener, False),
        ("enforce", [STRIKE], Guard, True),
        ("enforce", [BLOCK], Guard, True),
        ("observe", [BLOCK], Listener, False),
        ("enforce", [{"id": "r", "if": {"finding": "secret/*"}, "then": "block"}], Listener, False),
    ],
)
def test_who_looks(
    make_rig: Callable[..., Rig], mode: str, rules: list[dict[str, Any]], kind: type, acting: bool
) -> None:
    look = replied(make_rig(mode=mode, rules=rules, usage={"ask": False}), REPLY).look
    assert look is not None and isinstance(look.watch, kind) and look.acting is acting
    assert look.holds is acting, "a reply in JSON waits for what policy says"


def test_what_is_found_is_in_the_record(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(rules=[ALERT])
    trace = replied(rig, said(f"use {CREDENTIAL} now"))
    assert trace.look is not None
    (finding,) = trace.look.findings
    assert (finding.detector, finding.direction, finding.start, finding.end) == (
        "secret/aws-access-key-id", "response", 4, 24,
    )  # fmt: skip
    record = rig.records[-1]
    assert (record.verdict, record.action, record.rule_id) == ("alert", "alert", "keys-seen")
    (row,) = record.findings
    assert (row.direction, row.action, row.rule_id, row.span_start) == ("response", "alert", "keys-seen", 4)
    assert CREDENTIAL not in repr(record) + repr(trace.look)


def test_observed_is_what_would_have_been(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(mode="observe", rules=[BLOCK])
    body = said(f"use {CREDENTIAL} now")
    trace = replied(rig, body)
    assert trace.look is not None and not trace.look.refused
    record = rig.records[-1]
    assert (record.verdict, record.action, record.rule_id) == ("block", "allow", "no-keys-back")
    assert record.findings[0].action == "allow"


def test_the_stronger_verdict_names_the_exchange(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(rules=[*POLICY["rules"], ALERT])
    replied(rig, said(f"use {CREDENTIAL}"), f"write to {ADDRESS}", content_encoding="")
    record = rig.records[-1]
    assert (record.verdict, record.rule_id) == ("pseudonymise", "no-addresses")
    assert "keys-seen: secret/aws-access-key-id" in record.reason
    assert json.loads(record.extra)["rules"] == "no-addresses keys-seen"


def test_combined_verdicts(rig: Rig) -> None:
    trace = replied(rig, REPLY)
    assert trace.look is not None
    weak, strong = Verdict(Action.ALERT, "a", "because a", rules=("a",)), Verdict(Action.BLOCK, "b", "", rules=("b",))
    trace.verdict, trace.look.verdict = weak, strong
    both = verdict_of_reply(trace)
    assert (both.action, both.rule_id, both.reason, both.rules) == (Action.BLOCK, "b", "because a", ("b", "a"))
    trace.verdict, trace.look.verdict = strong, weak
    assert verdict_of_reply(trace).rule_id == "b"
    trace.look.verdict = Verdict()
    assert verdict_of_reply(trace) is strong
    trace.look = None
    assert verdict_of_reply(trace) is strong


def test_texts_that_are_still_coming_in_do_not_fill_the_cache(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(rules=[STRIKE])
    replied(rig, REPLY)
    known = len(rig.state.snapshot.engine._cache)
    trace = replied(rig, said(f"use {CREDENTIAL} now"))
    assert trace.look is not None and isinstance(trace.look.watch, Guard) and trace.look.findings
    assert len(rig.state.snapshot.engine._cache) == known


@pytest.mark.parametrize("kind", ["audio/mpeg", "image/png", "application/octet-stream"])
def test_media_are_partial_and_policy_decides(make_rig: Callable[..., Rig], kind: str) -> None:
    rig = make_rig(rules=[NO_MEDIA, STRIKE])
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    trace = rig.reply(flow, b"\x00\x01", content_type=kind)
    assert trace.look is not None and trace.look.refused and trace.look.verdict.rule_id == "no-media"
    assert flow.response is not None and flow.response.status_code == 403
    other = replied(make_rig(rules=[STRIKE]), b"\x00\x01", content_type=kind)
    assert other.look is not None and not other.look.refused and other.look.inspection is Inspection.PARTIAL


def test_services_without_a_dialect_are_looked_at_too(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(rules=[ALERT])
    for kind, body in (
        ("text/event-stream", f'data: {{"v":"{CREDENTIAL[:9]}"}}\n\ndata: {{"v":"{CREDENTIAL[9:]} "}}\n\n'.encode()),
        ("application/json", json.dumps({"a": [CREDENTIAL]}).encode()),
        ("text/plain", f"use {CREDENTIAL}".encode()),
    ):
        flow = rig.flow(b"{}", path="/v1/nobody/knows")
        rig.play(flow, "requestheaders", "request", until="shadow")
        trace = rig.reply(flow, body, content_type=kind)
        assert trace.look is not None and [f.detector for f in trace.look.findings] == ["secret/aws-access-key-id"]
        assert trace.reply is None and flow.response is not None and flow.response.raw_content == body


@pytest.mark.parametrize("kind", ["text/html", "text/css", "application/javascript", "font/woff2"])
def test_pages_are_not(rig: Rig, kind: str) -> None:
    flow = rig.flow(b"{}", path="/v1/nobody/knows")
    rig.play(flow, "requestheaders", "request", until="shadow")
    trace = rig.reply(flow, b"x", content_type=kind)
    assert trace.pipe is None and trace.look is not None and trace.look.watch is None


def test_other_hosts_have_no_look(rig: Rig) -> None:
    flow = rig.flow(b"{}", host="shop.example", path="/cart")
    rig.play(flow, "requestheaders", "request")
    assert rig.reply(flow, b"{}").look is None


@pytest.mark.parametrize(("on_failure", "action"), [("block", Action.BLOCK), ("allow", Action.ALLOW)])
def test_what_was_not_looked_at(make_rig: Callable[..., Rig], on_failure: str, action: Action) -> None:
    rig = make_rig(rules=[STRIKE], on_failure=on_failure)
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    trace.forwarded_ns = 1
    flow.response = None
    look = trace.look = ReplyLook(ReplyPolicy.of(trace.snapshot.policy), acting=True)
    look.watch = Guard(lambda text: ((), ""), lambda found: (), _shapes(), strict=on_failure == "block")
    look.watch.unread("event over the limit")
    decide_reply(trace)
    assert (look.verdict.action, look.inspection, look.reason) == (action, Inspection.FAILED, "event over the limit")
    assert look.verdict.rule_id == ("on-failure" if action else "")
    look.acting = False
    decide_reply(trace)
    assert look.verdict.action is Action.ALLOW


def _shapes() -> Any:
    from weir.dlp.replies.replytail import Shapes

    return Shapes()


def test_a_case_about_a_reply(rig: Rig) -> None:
    trace = replied(rig, said(f"use {CREDENTIAL}"))
    assert trace.look is not None
    case = case_of_reply(trace, trace.look)
    assert (case.direction, case.model, len(case.findings)) == ("response", "gpt-5-mini", 1)
    assert trace.look.policy.decide(case).action is Action.ALLOW


def test_restoring_comes_after_the_scan(make_rig: Callable[..., Rig]) -> None:
    rules = [*POLICY["rules"], {"id": "x", "if": {"finding": "pii/*", "direction": "response"}, "then": "redact"}]
    rig = make_rig(rules=rules)
    flow = rig.flow(chat(f"to {ADDRESS}"))
    rig.play(flow, "requestheaders", "request")
    trace = rig.reply(flow, gzip.compress(said("To <EMAIL_ADDRESS_1>, not bob@example.org.")), content_encoding="gzip")
    assert flow.response is not None
    text = json.loads(flow.response.raw_content or b"")["choices"][0]["message"]["content"]
    assert text == f"To {ADDRESS}, not [REDACTED:EMAIL_ADDRESS]."
    assert trace.look is not None and len(trace.look.findings) == 1


def test_what_waits_follows_what_is_acted_on(make_rig: Callable[..., Rig]) -> None:
    for finding, words, groups in (("secret/*", 0, False), ("pii/EMAIL_ADDRESS", 1, True), ("*", 1, True)):
        rules = [{"id": "x", "if": {"finding": finding, "direction": "response"}, "then": "redact"}]
        look = replied(make_rig(rules=rules), REPLY).look
        assert look is not None and isinstance(look.watch, Guard)
        assert look.watch._shapes.words >= words and look.watch._shapes.groups is groups


def test_nothing_is_read_before_there_is_a_reply(rig: Rig) -> None:
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders", "request")
    read_reply(trace, flow)
    assert trace.look is None and trace.pipe is None


def test_a_busy_machine_ends_no_reply(make_rig: Callable[..., Rig]) -> None:
    """On the loop a scan has little time by the clock; where that ran out, as much of the processor's own."""
    look = ReplyLook(ReplyPolicy.of(make_rig().state.snapshot.policy), acting=True)
    clocks: list[Callable[[], float]] = []

    class Busy:
        def is_known_clean(self, text: str) -> bool:
            return False

        def scan(
            self, segments: object, direction: str, *, clock: Callable[[], float] = time.monotonic, **_: Any
        ) -> Scan:
            clocks.append(clock)
            return Scan((), clock is time.thread_time, "", 0, 0, clock is time.monotonic)

    assert look.scan(Busy(), "x") == ((), "")  # type: ignore[arg-type]
    assert clocks == [time.monotonic, time.thread_time]
    look.until = time.monotonic() + 5  # in a worker, which has all the time that policy gives
    assert look.scan(Busy(), "x") == ((), "dlp: ")  # type: ignore[arg-type]
