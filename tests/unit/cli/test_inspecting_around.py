"""What stands around the bodies of a recorded exchange: targets, charsets, times, and names that are secrets."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from harness.rig import ADDRESS, CREDENTIAL
from unit.cli.test_inspecting import ANSWER, CHAT, CHATS, inspector, recorded
from weir.cli.inspecting_around import moment, texts_of_target, unseen_reply
from weir.model import Inspection
from weir.providers.services.registry import Registry

HOST, PATH = CHATS


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("POST", PATH, ""),
        ("POST", f"{PATH}?note=two+words", "two words"),
        ("POST", f"{PATH}?a=%2541KIA1234", "%41KIA1234\nAKIA1234"),
        ("POST", "/v1//chat/completions", "/v1//chat/completions"),
        ("BREW-c0ffee1234", PATH, "BREW-c0ffee1234"),
    ],
)
def test_a_target_is_read_as_servers_may_read_it(method: str, target: str, expected: str) -> None:
    found = texts_of_target(method, target, PATH, None)
    assert "\n".join(segment.text for segment in found).split() == expected.split()


def test_a_providers_own_key_in_its_place_is_no_finding_and_elsewhere_it_is() -> None:
    provider = Registry.load().by_id("google-gemini")
    key = "AIza" + "SyA1bC2dE3fG4hI5jK6lM7nO8pQ9rS0tU1v"
    assert provider is not None
    assert not texts_of_target("POST", f"/x?key={key}", "/x", provider)
    assert texts_of_target("POST", f"/x?note={key}", "/x", provider)


@pytest.mark.parametrize(("kind", "read"), [("utf-8", "inspected"), ('"utf-16"', "unparsed"), ("latin1", "unparsed")])
def test_a_body_in_another_encoding_is_not_read(kind: str, read: str) -> None:
    headers = (("Content-Type", f"application/json; charset={kind}"),)
    line = inspector().inspect(replace(recorded(*CHATS, CHAT, ANSWER), headers=headers))
    assert line is not None and line.inspection == read


@pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf, -1.0, 1e300])
def test_a_time_that_is_none_is_the_epoch(at: float) -> None:
    assert moment(at).year == 1970
    line = inspector().inspect(recorded(*CHATS, CHAT, ANSWER, at=at))
    assert line is not None and line.at == "1970-01-01T00:00:00.000Z"


def test_a_secret_in_the_query_is_found() -> None:
    line = inspector().inspect(recorded(HOST, f"{PATH}?note={CREDENTIAL}", CHAT, ANSWER))
    assert line is not None and line.findings and CREDENTIAL not in repr(line)


def test_one_in_the_address_of_a_socket_too() -> None:
    one = replace(recorded(HOST, f"/v1/realtime?model=gpt-realtime&x={CREDENTIAL}", b"", b""), messages=())
    line = inspector().inspect(replace(one, method="GET"))
    assert line is not None and line.findings and CREDENTIAL not in repr(line)


@pytest.mark.parametrize("text", [CREDENTIAL, ADDRESS])
def test_names_that_hold_what_was_found_are_not_shown(text: str) -> None:
    tool = {"type": "function", "function": {"name": text}}
    call = {"id": "c", "function": {"name": text, "arguments": "{}"}}
    answer: dict[str, Any] = {**ANSWER, "model": text, "choices": [{"message": {"tool_calls": [call]}}]}
    line = inspector().inspect(recorded(*CHATS, {**CHAT, "model": text, "tools": [tool]}, answer))
    assert line is not None and text not in repr(line)
    assert line.tools == line.calls == ("[hidden]",) and line.findings


def test_a_host_is_shown_unless_it_is_a_secret() -> None:
    sent = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    shown = inspector().inspect(recorded("192.0.2.7", PATH, sent, ANSWER))
    hidden = inspector().inspect(recorded(f"{CREDENTIAL}.example", PATH, sent, ANSWER))
    assert shown is not None and shown.host == "192.0.2.7"
    assert hidden is not None and CREDENTIAL not in repr(hidden)


def test_a_picture_is_partial() -> None:
    assert unseen_reply("Image/PNG; q=1") == "reply is image" and not unseen_reply("text/event-stream")
    line = inspector().inspect(recorded(*CHATS, CHAT, b"no text", reply_headers=(("content-type", "image/png"),)))
    assert line is not None and line.inspection is not Inspection.INSPECTED
