"""Which double answers for which host, and the keys."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from weir.demo.hosts import DOUBLES, HOSTS, failure, keys_for, kind_of


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        ("api.openai.com", "openai"),
        ("API.OpenAI.com:443", "openai"),
        ("generativelanguage.googleapis.com", "gemini"),
        ("claude.ai", "chat_app"),
        ("bedrock-runtime.us-east-1.amazonaws.com", "bedrock"),
        ("api.groq.com", "groq"),
        ("inference.lab.example", "compatible"),
        ("api.whatever.example", "json_api"),
        ("anything.example:8443", "site"),
        ("mine.example", "openai"),
    ],
)
def test_kind_of(host: str, kind: str) -> None:
    assert kind_of(host, {"mine.example": "openai"}) == kind


def test_every_host_has_a_double() -> None:
    assert set(HOSTS.values()) <= set(DOUBLES)


def test_keys_are_private_new_each_time_and_in_the_providers_formats(tmp_path: Path) -> None:
    first = json.loads(keys_for(tmp_path, {}).read_text())
    path = keys_for(tmp_path, {"openai": "given"})
    second = json.loads(path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert second["openai"] == "given"
    assert first["anthropic"] != second["anthropic"]
    assert re.fullmatch(r"sk-proj-\w{74}T3BlbkFJ\w{74}", first["openai"])
    assert re.fullmatch(r"sk-ant-api03-\w{93}AA", first["anthropic"])
    assert re.fullmatch(r"AIza\w{35}", first["gemini"])


@pytest.mark.parametrize("kind", sorted(DOUBLES))
def test_failure_has_the_kind_s_shape(kind: str) -> None:
    reply = failure(kind, 503, "down")
    assert reply.status == 503
    assert "down" in json.dumps(json.loads(reply.body))
