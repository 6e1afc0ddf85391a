"""Each source that a proxy's client can speak to, over CONNECT and in absolute form: right, wrong, missing, slowed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from e2e.identities import (
    AI,
    LDAP_PASSWORD,
    NETWORK,
    PASSWORD,
    Call,
    Issuer,
    basic,
)
from e2e.raw import Line
from e2e.support import House
from harness.issuer import claims, raw_token, rsa_key

pytestmark = pytest.mark.xdist_group("identity-sources")


CREDENTIALS: dict[str, tuple[Callable[[Issuer], str], dict[str, Any]]] = {
    "basic": (lambda _: basic("jane", PASSWORD), {"user": "jane", "team": "research", "identity_rule": "research"}),
    "ldap": (lambda _: basic("grace", LDAP_PASSWORD), {"user": "grace", "team": "finance", "identity_rule": "others"}),
    "jwt": (
        lambda issuer: f"Bearer {issuer.token(team='bridge')}",
        {"user": "ada", "team": "bridge", "identity_rule": "others"},
    ),
}


@pytest.mark.parametrize("source", CREDENTIALS)
def test_each_credential_says_who_and_stays_here(source: str, call: Call, house: House, issuer: Issuer) -> None:
    made, expected = CREDENTIALS[source]
    assert call(house, made(issuer)).status == 200
    record = house.only("response")
    assert {name: record.get(name) for name in expected} == expected and record["auth_method"] == source
    asked = record["auth_asked"].split()
    assert f"{'basic' if source == 'ldap' else source}=yes" in asked and "network=no" in asked
    got = house.doubles.only()
    assert not got.header("proxy-authorization")
    assert not any(name.lower().startswith("proxy-") for name, _ in got.headers)


def test_a_network_says_who_over_both_forms(call: Call, house: House) -> None:
    assert call(house, source=NETWORK).status == 200
    record = house.only("response")
    assert (record["team"], record["auth_method"], record["auth_strength"], record["identity_rule"]) == (
        "laboratory", "network", 1, "laboratory"
    )  # fmt: skip


def wrong_tokens(issuer: Issuer) -> dict[str, str]:
    now = int(time.time())
    body = claims(iss=issuer.url, iat=now - 5, exp=now + 600)
    return {
        "another audience": issuer.token(aud="another"),
        "expired": issuer.token(iat=now - 7200, exp=now - 3600),
        "not yet": issuer.token(iat=now + 3600, nbf=now + 3600, exp=now + 7200),
        "a foreign key": issuer.token(rsa_key("foreign"), sub="ada"),
        "a foreign key of our id": rsa_key("foreign").token(body, kid="r1"),
        "none": raw_token({"alg": "none", "typ": "JWT"}, body, b"xx"),
        "the public key as a secret": raw_token({"alg": "HS256", "kid": "r1"}, body),
        "another issuer": issuer.token(iss="https://elsewhere.example"),
        "ever": issuer.token(exp=now + 400 * 86_400),
        "nobody": issuer.token(sub=None),
    }


@pytest.mark.parametrize("kind", [
    "another audience", "expired", "not yet", "a foreign key", "a foreign key of our id", "none",
    "the public key as a secret", "another issuer", "ever", "nobody",
])  # fmt: skip
def test_a_wrong_token_is_refused_and_recorded(kind: str, house: House, issuer: Issuer) -> None:
    reply = Call("connect")(house, f"Bearer {wrong_tokens(issuer)[kind]}", source=f"127.0.1.{len(kind)}")
    assert reply.status == 407
    record = house.only()
    assert (record["kind"], record["action"], record["rule_id"]) == ("block", "block", "identity-required")
    assert record["auth_asked"].split()[0] == "jwt=wrong" and record["reason"].startswith("jwt: ")
    assert house.doubles.requests() == []


@pytest.mark.parametrize("credential", ["", "Basic !!!", "Bearer abc", "Negotiate abc"])
def test_nobody_and_nonsense(credential: str, call: Call, house: House) -> None:
    reply = call(house, credential)
    assert reply.status == 407
    schemes = [value.split()[0] for name, value in reply.headers if name.lower() == "proxy-authenticate"]
    assert schemes == ["Basic", "Bearer"]
    record = house.only()
    assert (record["action"], record["rule_id"]) == ("block", "identity-required")
    assert house.doubles.requests() == []


def test_guessing_is_slowed_told_and_recorded(call: Call, house: House) -> None:
    source, name = f"127.0.2.{len(call.form)}", f"guessed-{call.form}"
    for number in range(6):
        reply = call(house, basic(name, f"guess{number}"), source=source)
        assert reply.status == 407 and not reply.header("retry-after")
    slowed = call(house, basic(name, "guess7"), source=source)
    assert slowed.status == 407 and 1 <= int(slowed.header("retry-after")) <= 60
    rows = house.until(7, "block")
    assert [row["rule_id"] for row in rows] == ["identity-required"] * 6 + ["identity-throttled"]
    counted = [orjson.loads(row["extra"])["failures"] for row in rows[:6]]
    assert counted == ["1", "2", "3", "4", "5", "6"]
    assert call(house, basic("jane", PASSWORD), source=source).status == 200, "another name is not locked out"


def test_the_same_connection_may_try_again_with_credentials(house: House) -> None:
    parts = urlsplit(house.weir.url)
    with Line(socket.create_connection((parts.hostname or "", parts.port or 0), 20)) as line:
        for credential, status in ((basic("jane", "wrong"), 407), (basic("jane", PASSWORD), 200)):
            line.send(
                f"CONNECT {AI}:443 HTTP/1.1\r\nHost: {AI}:443\r\nProxy-Authorization: {credential}\r\n\r\n".encode()
            )
            head = line.head() if status == 200 else None
            got = head[0] if head else line.reply().status
            assert got == status
