"""What a policy would have decided on recorded traffic."""

from __future__ import annotations

from dataclasses import replace

from harness.rig import ADDRESS
from unit.cli.test_inspecting import ANSWER, CHAT, CHATS, inspector, recorded
from weir import settings
from weir.cli.inspecting import Inspected
from weir.cli.recordings import Message
from weir.policy.decide import Policy

POLICY = """
version: 1
mode: enforce
identity: {required: true}
services: {sanctioned: [openai], otherwise: unsanctioned}
rules:
  - {id: no-addresses, if: {finding: pii/EMAIL_ADDRESS}, then: redact}
  - {id: approved-only, if: {status: unsanctioned}, then: block}
"""


def judged(host: str, target: str, sent: object, **more: object) -> tuple[str, str]:
    chosen = replace(inspector(), policy=Policy.compile(settings.loads(POLICY)))
    one = chosen.inspect(recorded(host, target, sent, ANSWER, **more))
    assert isinstance(one, Inspected)
    return one.action, one.rule


def test_findings_services_and_failures() -> None:
    mail = {**CHAT, "messages": [{"role": "user", "content": f"mail {ADDRESS}"}]}
    assert judged(*CHATS, CHAT) == ("allow", "")
    assert judged(*CHATS, mail) == ("redact", "no-addresses")
    assert judged(*CHATS, b"{no json") == ("block", "on-failure")
    assert judged("api.deepseek.com", "/chat/completions", CHAT) == ("block", "approved-only")
    assert judged("llm.corp.example", "/v1/chat/completions", CHAT) == ("block", "approved-only")


def test_the_strongest_verdict_on_the_messages_of_a_socket() -> None:
    said = (b'{"type":"input","text":"hello"}', f'{{"type":"input","text":"mail {ADDRESS}"}}'.encode(), b"{}")
    messages = tuple(Message(True, True, one) for one in said)
    target = "/v1/realtime?model=gpt-realtime"
    assert judged("api.openai.com", target, b"", method="GET", status=101, messages=messages) == (
        "redact",
        "no-addresses",
    )


def test_no_policy_no_verdict() -> None:
    one = inspector().inspect(recorded(*CHATS, CHAT, ANSWER))
    assert one is not None and (one.action, one.rule) == ("", "")
