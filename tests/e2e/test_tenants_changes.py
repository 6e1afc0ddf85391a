"""A policy that begins or ceases to restrict a tenant, while connections are open that know nothing of it."""

from __future__ import annotations

import json
import secrets

import pytest

from e2e.raw import Line, dial, open_line, secure
from e2e.support import House
from e2e.tenanthouse import Start, started
from harness.canary import CANARIES
from harness.clients import trust
from harness.doubles import Doubles

pytestmark = pytest.mark.xdist_group("tenants")

HOST = "accounts.google.com"
ONE, BOTH = {"chatgpt": ["550e8400-e29b-41d4-a716-446655440000"]}, "tenants:\n  google: [example.com]\n"


def changed(house: House, old: str, new: str) -> None:
    """Put one text of the policy in the place of another, and wait until that holds."""
    text = house.weir.policy.read_text()
    assert old in text
    house.weir.policy.write_text(text.replace(old, new))
    house.weir.reload()
    house.weir.until_records(lambda rows: any(row.get("reason") == "policy taken" for row in rows), "the new policy")


def asked(line: Line, path: str, body: bytes = b"") -> int:
    line.send(f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    return line.reply().status


def test_an_undecrypted_connection_does_not_outlive_the_change(start_house: Start, doubles: Doubles) -> None:
    """A browser keeps one for hours: it would stay signed in to whatever it likes."""
    house = started(start_house, doubles, "enforce", ONE)
    context = trust(doubles.ca)  # nobody decrypts it
    context.set_alpn_protocols(["http/1.1"])
    with Line(secure(dial(house.weir.url, f"{HOST}:8443"), HOST, context)) as line:
        assert asked(line, "/before") == 200
        changed(house, "tenants:\n", BOTH)
        with pytest.raises((EOFError, OSError)):
            asked(line, "/after")
    with open_line(house.weir.url, f"{HOST}:8443", house.weir.ca) as line:
        assert asked(line, "/again") == 200
    arrived = [(row.target, row.header("X-GoogApps-Allowed-Domains")) for row in doubles.requests(HOST)]
    assert arrived == [("/before", ""), ("/again", "example.com")]
    assert house.until(1, "meter")[0]["inspection_reason"].startswith("ended: the policy now restricts")


def test_a_connection_decrypted_for_the_header_alone_is_never_read(start_house: Start, doubles: Doubles) -> None:
    house = started(start_house, doubles, "enforce", {"google": ["example.com"], **ONE})
    password = CANARIES.plant("Heron-" + secrets.token_hex(12), "a password on a sign-in page")
    body = json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": password}]}).encode()
    with open_line(house.weir.url, f"{HOST}:8443", house.weir.ca) as line:
        assert asked(line, "/before", body) == 200
        changed(house, "  google:\n  - example.com\n", "")
        assert asked(line, "/after", body) == 200
    rows = house.until(2, "response")
    assert all("bodies are not read" in row["inspection_reason"] for row in rows)
    assert not any("signals" in (row.get("extra") or "") for row in rows)
