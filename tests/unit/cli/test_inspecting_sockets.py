"""A recorded WebSocket is one line: what all of its messages were."""

from __future__ import annotations

import json

from harness.rig import ADDRESS
from unit.cli.test_inspecting import inspector, recorded
from weir.cli.inspecting import Inspected
from weir.cli.recordings import Message
from weir.model import Inspection


def socket(host: str, target: str, *messages: tuple[bool, object]) -> Inspected:
    said = tuple(
        Message(mine, not isinstance(what, bytes), what if isinstance(what, bytes) else json.dumps(what).encode())
        for mine, what in messages
    )
    one = inspector().inspect(recorded(host, target, b"", b"", method="GET", status=101, messages=said))
    assert one is not None
    return one


def test_usage_of_all_turns_adds_up() -> None:
    done = {
        "type": "response.done",
        "response": {"status": "completed", "usage": {"input_tokens": 10, "output_tokens": 2}},
    }
    one = socket(
        "api.openai.com",
        "/v1/realtime?model=gpt-realtime",
        (True, {"type": "response.create"}),
        (False, done),
        (False, done),
    )
    assert (one.usage.source, one.usage.input_tokens, one.usage.output_tokens) == ("reported", 20, 4)
    assert (one.messages, one.stream, one.operation, one.dialect) == (3, True, "realtime", "frames")


def test_findings_of_both_sides() -> None:
    one = socket(
        "copilot.microsoft.com",
        "/c/api/chat?api-version=2",
        (True, {"event": "send", "content": [{"type": "text", "text": f"mail {ADDRESS}"}]}),
        (False, {"event": "appendText", "text": f"to {ADDRESS}"}),
        (False, {"event": "done"}),
    )
    assert (one.service, one.dialect) == ("ms-copilot", "copilot_frames")
    assert (one.findings, one.reply_findings) == ({"pii/EMAIL_ADDRESS": 2}, {"pii/EMAIL_ADDRESS": 1})
    assert one.usage.source == "estimated" and one.usage.input_tokens > 0


def test_a_message_of_bytes_is_not_inspected() -> None:
    one = socket("api.openai.com", "/v1/realtime", (True, b"\x00\x01"), (False, b"\x00"))
    assert one.inspection is Inspection.UNPARSED
