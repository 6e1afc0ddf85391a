"""Every raw credential of a request, once, without its value."""

from __future__ import annotations

import re

import pytest

from weir.keys.credentials import find
from weir.keys.raw import LISTED_MAX, SIGNED, Raw, listed, raw_credentials
from weir.keys.virtual import new_key
from weir.model import AuthPlace

KEY = b"k" * 32
BEARER = AuthPlace(header="Authorization", scheme="Bearer")
X_API_KEY = AuthPlace(header="x-api-key")
PLACES = (BEARER, X_API_KEY)
PATTERNS = ((re.compile(r"own-admin-\w+"), "admin"), (re.compile(r"own-\w+"), "project"))
FOREIGN = ((re.compile(r"theirs-\w+"), "api", "other"),)


def raws(headers: list[tuple[str, str]], query: str = "", **more: object) -> tuple[Raw, ...]:
    presented = find(headers, query, PLACES)
    return raw_credentials(headers, query, presented, PLACES, PATTERNS, FOREIGN, KEY, **more)  # type: ignore[arg-type]


def test_in_the_providers_place() -> None:
    (raw,) = raws([("authorization", "Bearer own-abc")])
    assert (raw.kind, raw.at, raw.why_not, raw.of) == ("project", (0,), "", "") and len(raw.fingerprint) == 32
    assert raw.fingerprint == raws([("X-Api-Key", "own-abc")])[0].fingerprint  # the same key, wherever it stands


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([("api-key", "own-admin-x")], ""),
        ([("x-goog-api-key", "own-admin-x")], ""),
        ([("xi-api-key", "own-admin-x")], ""),
        ([], "alt=sse&key=own-admin-x"),
        ([], "access_token=own-admin-x"),
        ([("sec-websocket-protocol", "realtime, openai-insecure-api-key.own-admin-x")], ""),
    ],
)
def test_where_this_provider_takes_none(headers: list[tuple[str, str]], query: str) -> None:
    """A key hidden in another place is as much of a credential; nothing can be put there instead."""
    first, second = raws([("authorization", "Bearer own-abc"), *headers], query)
    assert first.kind == "project" and second.kind == "admin"
    assert second.at == () and "takes no key" in second.why_not


def test_another_scheme_and_a_signature() -> None:
    (basic,) = raws([("authorization", "Basic eDp5")])
    assert basic.kind == "basic" and basic.why_not
    sigv4 = AuthPlace(header="authorization", scheme="AWS4-HMAC-SHA256")
    headers = [
        ("authorization", "AWS4-HMAC-SHA256 Credential=" + "AKIA" + "3QZ7TX5NWJ2KDLPV/d/r/s/aws4_request, Signature=1")
    ]
    (signed,) = raw_credentials(headers, "", find(headers, "", (sigv4,)), (sigv4,), (), (), KEY)
    assert (signed.kind, signed.why_not) == ("aws-long-term", SIGNED)


def test_the_same_key_in_two_places_is_one() -> None:
    (both,) = raws([("authorization", "Bearer own-abc"), ("x-api-key", "own-abc")])
    assert both.at == (0, 1) and both.why_not == ""
    (stays,) = raws([("authorization", "Bearer own-abc"), ("api-key", "own-abc")])
    assert stays.at == (0,) and stays.why_not  # replaced in one place, it would still go out in the other


def test_a_key_with_something_around_it_can_be_replaced_where_it_may_stand() -> None:
    (raw,) = raws([("authorization", 'Bearer "own-abc",')])
    assert raw.at == (0,) and raw.why_not == "" and raw.kind == raws([("authorization", "Bearer own-abc")])[0].kind


def test_virtual_keys_are_none() -> None:
    assert raws([("authorization", f"Bearer {new_key()}"), ("api-key", new_key()), ("cookie", f"a={new_key()}")]) == ()


def test_a_key_of_another_provider() -> None:
    (raw,) = raws([("authorization", "Bearer theirs-x")])
    assert (raw.kind, raw.of) == ("api", "other")
    assert listed((raw,)) == {"credential_of": "other"}


def test_sessions_of_a_web_app() -> None:
    headers = [
        ("cookie", "theme=dark; session.1=tail; session.0=head"),
        ("Cookie", "sessions=; other=1"),
        ("authorization", "Bearer eyJh.eyJpc3MiOiJ4In0.x"),
    ]
    cookies = ["session*"]
    token, cookie = raws(headers, cookies=cookies, page=True)
    assert token.kind == cookie.kind == "session" and "cookie" in cookie.why_not
    whole = raws([("cookie", "session=headtail")], cookies=cookies)
    assert whole[0].fingerprint == cookie.fingerprint  # its pieces are one
    assert raws([("cookie", "session=x")]) == ()


def test_what_is_kept_beside_the_first() -> None:
    headers = [("authorization", "Bearer own-a"), ("x-api-key", "theirs-b"), ("api-key", "own-admin-c")]
    first, second, third = raws(headers)
    assert listed((first, second, third)) == {
        "credentials": f"api:{second.fingerprint}:other admin:{third.fingerprint}",
    }
    many = raws([("x-api-key", f"own-{n}") for n in range(40)])
    told = listed(many)
    assert len(told["credentials"].split()) == LISTED_MAX and told["credentials_more"] == str(39 - LISTED_MAX)
    assert {
        raw.kind for raw in raws([*[("x-api-key", f"own-{n}") for n in range(40)], ("x-api-key", "own-admin-z")])
    } == {
        "project",
        "admin",
    }  # however many come before it


def test_no_value_anywhere() -> None:
    found = raws([("authorization", "Bearer canary-value"), ("cookie", "session=canary-value")], cookies=["session"])
    assert len(found) == 2 and "canary" not in repr(found) + str(listed(found))
