"""Cloudflare Gateway: what its objects come to."""

from __future__ import annotations

import json

import pytest
from tests.harness.logs.reading import lines

AT = {"Datetime": "2026-11-16T10:00:00Z"}


@pytest.mark.parametrize(
    ("record", "host", "action"),
    [
        ({"QueryName": "Claude.AI.", "ResolverDecision": "allowedOnNoPolicyMatch"}, "claude.ai", "allowed"),
        ({"QueryName": "claude.ai", "ResolverDecision": "blockedByQueryName"}, "claude.ai", "blocked"),
        ({"HTTPHost": "claude.ai:443", "URL": "https://x.example/", "Action": "block"}, "claude.ai", "blocked"),
        ({"HTTPHost": "", "URL": "https://claude.ai/chat", "Action": "isolate"}, "claude.ai", "allowed"),
        ({"SNI": "claude.ai", "DestinationIP": "9.9.9.9", "Action": "forward"}, "claude.ai", "allowed"),
        ({"SNI": "", "DestinationIP": "9.9.9.9", "Action": "l4_drop"}, "9.9.9.9", "blocked"),
    ],
)
def test_host_and_action(record: dict[str, str], host: str, action: str) -> None:
    (use,) = lines("cloudflare", json.dumps(AT | record)).uses
    assert (use.host, use.action, use.first) == (host, action, 1_794_823_200_000_000)


def test_sessions_count_bytes_and_name_who() -> None:
    record = {"SNI": "claude.ai", "SessionStartTime": 1_794_823_200_000_000_000, "BytesSent": 7, "BytesReceived": 9}
    record |= {
        "Email": "ada@corp.example",
        "DeviceName": "LAP-1",
        "SourceIP": "192.0.2.1",
        "SourceInternalIP": "10.0.0.1",
    }
    (use,) = lines("cloudflare", json.dumps(record)).uses
    assert (use.user, use.device, use.source) == ("ada@corp.example", "LAP-1", "10.0.0.1")
    assert (use.bytes_up, use.bytes_down, use.first) == (7, 9, 1_794_823_200_000_000)


def test_control_characters_in_json_become_blanks() -> None:
    (use,) = lines("cloudflare", json.dumps(AT | {"QueryName": "claude.ai", "Email": "a\x1b[31mb\x9b"})).uses
    assert use.user == "a [31mb"


def test_what_is_no_object_is_bad() -> None:
    got = lines("cloudflare", "[1]", "{", "7", json.dumps(AT), json.dumps(AT | {"QueryName": "claude.ai"}))
    assert (got.requests, sum(got.bad.values())) == (1, 4)
