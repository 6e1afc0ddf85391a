"""Credentials in headers and query: found everywhere, replaced only where they belong."""

from __future__ import annotations

import dataclasses
import re
from base64 import b64encode

import pytest

from weir.keys.credentials import Presented, find, fingerprint, found_again, kind_of, remove, replace
from weir.keys.virtual import PREFIX
from weir.keys.virtual import form as virtual
from weir.model import AuthPlace

BEARER = AuthPlace(header="Authorization", scheme="Bearer")
X_API_KEY = AuthPlace(header="x-api-key")
QUERY = AuthPlace(query="key")
PLACES = (BEARER, X_API_KEY, QUERY)
_BODY = PREFIX + virtual._base62(3**160, 43)
VIRTUAL = _BODY + virtual._checksum(_BODY)  # a real one, yet the same in every test worker
RAW = "-".join(["raw", "synthetic", "key"])
REAL = "-".join(["real", "synthetic", "key"])


def one(headers: list[tuple[str, str]], query: str = "") -> Presented:
    (found,) = find(headers, query, PLACES)
    return found


@pytest.mark.parametrize(
    ("headers", "query", "place", "value"),
    [
        ([("Authorization", f"Bearer {RAW}")], "", BEARER, RAW),
        ([("AUTHORIZATION", f"bearer \t {RAW}  ")], "", BEARER, RAW),
        ([("X-API-Key", RAW)], "", X_API_KEY, RAW),
        ([("x-api-key", f"  {RAW} ")], "", X_API_KEY, RAW),
        ([], f"key={RAW}", QUERY, RAW),
        ([], f"alt=sse&%6Bey={RAW.replace('-', '%2D')}&x=1", QUERY, RAW),
    ],
)
def test_declared_places(headers: list[tuple[str, str]], query: str, place: AuthPlace, value: str) -> None:
    found = one(headers, query)
    assert found.declared
    assert not found.virtual
    assert found.value == value
    assert (found.place.header.lower(), found.place.scheme, found.place.query) == (
        place.header.lower(),
        place.scheme,
        place.query,
    )


@pytest.mark.parametrize(
    ("value", "scheme", "shown"),
    [
        (RAW, "", RAW),
        (f"Token {RAW}", "Token", RAW),
        (f"{RAW} trailer", "", f"{RAW} trailer"),
        (f"{VIRTUAL} trailer", "", f"{VIRTUAL} trailer"),
        ("AWS4-HMAC-SHA256 Credential=a/b, Signature=c", "AWS4-HMAC-SHA256", "Credential=a/b, Signature=c"),
    ],
)
def test_another_form_in_a_declared_header_is_seen_but_not_declared(value: str, scheme: str, shown: str) -> None:
    found = one([("authorization", value)])
    assert (found.declared, found.place.scheme, found.value) == (False, scheme, shown)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([("accept", "*/*"), ("user-agent", "x/1"), ("cookie", "a=b")], "alt=sse&key=&x"),
        ([("authorization", "  "), ("x-api-key", "")], ""),
        ([("authorization", "")], "&&="),
    ],
)
def test_nothing_to_find(headers: list[tuple[str, str]], query: str) -> None:
    assert find(headers, query, PLACES) == []


BASIC = b64encode(f"user:{VIRTUAL}".encode()).decode()


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([("api-key", VIRTUAL)], ""),
        ([("Cookie", f"a=b; token={VIRTUAL}; c=d")], ""),
        ([("Sec-WebSocket-Protocol", f"realtime, openai-insecure-api-key.{VIRTUAL}")], ""),
        ([("Referer", f"https://x.example/?k={VIRTUAL}")], ""),
        ([("Authorization", VIRTUAL)], ""),
        ([("Authorization", f"Token {VIRTUAL}")], ""),
        ([("Authorization", f"Basic {BASIC}")], ""),
        ([("Authorization", f"basic {BASIC.rstrip('=')}")], ""),
        ([("X-Forwarded-Authorization", f"Basic {BASIC}")], ""),
        ([], f"api_key={VIRTUAL}"),
        ([], f"api_key={VIRTUAL.replace('-', '%2d')}"),
        ([], VIRTUAL),
    ],
)
def test_a_virtual_key_in_the_wrong_place_is_found_and_can_be_taken_out(
    headers: list[tuple[str, str]], query: str
) -> None:
    found = one(headers, query)
    assert found.virtual
    assert not found.declared
    with pytest.raises(ValueError, match="only replaced in a place"):
        replace(headers, query, found, REAL)
    left, rest = remove([("accept", "*/*"), *headers], f"a=1&{query}" if query else "", _later(found, headers))
    assert (left, rest) == ([("accept", "*/*")], "a=1" if query else "")


def _later(found: Presented, headers: list[tuple[str, str]]) -> list[Presented]:
    return [Presented(found.place, found.value, found.index + 1, declared=False, virtual=True)]


@pytest.mark.parametrize("damage", [PREFIX, VIRTUAL[:-1], VIRTUAL + "x", f"{VIRTUAL}, Bearer {RAW}", f"a{VIRTUAL}"])
def test_a_damaged_virtual_key_still_counts_as_one(damage: str) -> None:
    found = one([("authorization", f"Bearer {damage}")])
    assert found.declared
    assert found.virtual
    assert found.value == damage


def test_all_are_found_in_order() -> None:
    headers = [("authorization", f"Bearer {RAW}"), ("authorization", f"Bearer {VIRTUAL}"), ("x-api-key", VIRTUAL)]
    found = find(headers, f"key={RAW}&key={VIRTUAL}&x={VIRTUAL}", PLACES)
    assert [(p.index, p.declared, p.virtual) for p in found] == [
        (0, True, False),
        (1, True, True),
        (2, True, True),
        (0, True, False),
        (1, True, True),
        (2, False, True),
    ]


def test_replace_in_a_header_keeps_all_else() -> None:
    headers = [("Accept", VIRTUAL[:3]), ("AUTHORIZATION", f"bearer  {VIRTUAL} "), ("accept", "b")]
    found = find(headers, "a=1&a=1", PLACES)[0]
    changed, query = replace(headers, "a=1&a=1", found, REAL)
    assert changed == [("Accept", VIRTUAL[:3]), ("AUTHORIZATION", f"bearer  {REAL} "), ("accept", "b")]
    assert query == "a=1&a=1"
    assert headers[1][1] == f"bearer  {VIRTUAL} "


def test_replace_in_the_query_keeps_all_else() -> None:
    query = f"alt=sse&%6Bey={VIRTUAL}&b=%20+&&c"
    found = one([], query)
    assert replace([], query, found, "a b&c=d/é") == ([], "alt=sse&%6Bey=a%20b%26c%3Dd%2F%C3%A9&b=%20+&&c")


def test_replace_refuses_headers_the_key_was_not_found_in() -> None:
    found = one([("x-api-key", VIRTUAL)])
    with pytest.raises(ValueError, match="not the ones"):
        replace([("x-api-key", "changed")], "", found, REAL)


def test_values_are_not_printed() -> None:
    assert VIRTUAL not in repr(find([("x-api-key", VIRTUAL)], "", PLACES))


PATTERNS = [
    (re.compile(r"sk-proj-[\w-]{20,}"), "project"),
    (re.compile(r"sk-admin-[\w-]{20,}"), "admin"),
    (re.compile(r"sk-[\w-]{20,}"), "personal"),
]


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        (("sk", "proj", "x" * 20), "project"),
        (("sk", "admin", "x" * 20), "admin"),
        (("sk", "x" * 20), "personal"),
        (("sk", "x" * 20 + " "), "unknown"),
        (("weir", "sk", "damaged"), "virtual"),
        (("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.",), "jwt"),
        (("",), "unknown"),
    ],
)
def test_kinds(parts: tuple[str, ...], kind: str) -> None:
    assert kind_of("-".join(parts), PATTERNS) == kind


def test_fingerprints_are_keyed_and_stable() -> None:
    mark = fingerprint(b"k" * 32, RAW)
    assert re.fullmatch(r"[0-9a-f]{32}", mark)
    assert mark == fingerprint(b"k" * 32, RAW)
    assert mark != fingerprint(b"l" * 32, RAW)
    assert mark != fingerprint(b"k" * 32, REAL)
    assert fingerprint(b"k", "\udcff")


PROTOCOL = "Sec-WebSocket-Protocol"
DOTTED = AuthPlace(subprotocol="acme-key.")
WORD = AuthPlace(subprotocol="token")


@pytest.mark.parametrize(
    ("value", "place", "key"),
    [
        (f"realtime, acme-key.{RAW}, beta.v1", DOTTED, RAW),
        (f"acme-key.{VIRTUAL}", DOTTED, VIRTUAL),
        (f"token, {RAW}", WORD, RAW),
        (f"token,{VIRTUAL}", WORD, VIRTUAL),
    ],
)
def test_a_key_among_the_subprotocols_of_a_websocket(value: str, place: AuthPlace, key: str) -> None:
    (found,) = find([(PROTOCOL, value)], "", (BEARER, DOTTED, WORD))
    assert (found.place, found.value, found.declared, found.virtual) == (place, key, True, key == VIRTUAL)
    lines, _ = replace([(PROTOCOL, value)], "", found, REAL)
    assert lines == [(PROTOCOL, value.replace(key, REAL))]


@pytest.mark.parametrize("value", ["realtime", "acme-key.", "token", "realtime, token", f"other.{RAW}"])
def test_subprotocols_without_a_key(value: str) -> None:
    assert find([(PROTOCOL, value)], "", (DOTTED, WORD)) == []


@pytest.mark.parametrize("key", [VIRTUAL, RAW])
def test_more_subprotocols_than_anybody_offers_are_one_credential(key: str) -> None:
    (found,) = find([("Sec-WebSocket-Protocol", "a," * 101 + f"acme-key.{key}")], "", (DOTTED, WORD))
    assert not found.declared and found.virtual is (key == VIRTUAL)


def test_a_virtual_key_elsewhere_among_the_subprotocols() -> None:
    found = find([(PROTOCOL, f"acme-key.{RAW}, {VIRTUAL}")], "", (DOTTED,))
    assert [(p.value, p.declared, p.virtual) for p in found] == [(RAW, True, False), (VIRTUAL, False, True)]
    (alone,) = find([(PROTOCOL, f"x.{VIRTUAL}")], "", (BEARER,))
    assert not alone.declared and alone.virtual


@pytest.mark.parametrize("path", [f"/v1/{VIRTUAL}/x", f"/v1/x;key={VIRTUAL}", f"/v1/weir%2Dsk%2D{VIRTUAL[8:]}"])
def test_a_virtual_key_in_the_path(path: str) -> None:
    (found,) = find([], "", PLACES, path)
    assert (found.value, found.declared, found.virtual) == (VIRTUAL, False, True)
    assert remove([("a", "b")], "c=d", [found]) == ([("a", "b")], "c=d")
    with pytest.raises(ValueError, match="only replaced"):
        replace([], "", found, REAL)


def test_a_virtual_key_in_a_headers_name_or_in_capitals() -> None:
    assert [one.virtual for one in find([(f"x-{VIRTUAL.lower()}", "1")], "", PLACES)] == [True]
    assert one([("authorization", f"Bearer {VIRTUAL.upper()}")]).virtual


@pytest.mark.parametrize("declared", [True, False])
def test_a_client_that_can_only_sign_has_the_virtual_key_for_its_access_key(declared: bool) -> None:
    key = PREFIX + "a" * 49
    signature = f"AWS4-HMAC-SHA256 Credential={key}/20260101/r/bedrock/aws4_request, SignedHeaders=host, Signature=00"
    places = [AuthPlace(header="Authorization", scheme="AWS4-HMAC-SHA256")] if declared else [BEARER]
    (found,) = find([("Authorization", signature)], "", places)
    assert (found.value, found.virtual, found.declared) == (key, True, declared)
    (own,) = find([("Authorization", signature.replace(key, "AKIDEXAMPLE"))], "", places)
    assert not own.virtual and own.value.startswith("Credential=AKIDEXAMPLE/"), "the rest of a signature is kept"


def test_a_tab_becomes_a_space() -> None:
    lines = [("AUTHORIZATION", f"bearer\t{VIRTUAL}\t")]
    assert replace(lines, "", one(lines), REAL)[0] == [("AUTHORIZATION", f"bearer {REAL} ")]


def test_what_moved_is_found_again_with_its_mark() -> None:
    headers = [("content-encoding", "gzip"), ("authorization", f"Bearer {RAW}"), ("x-api-key", VIRTUAL)]
    first, second = find(headers, "key=other", PLACES)[:2]
    marked = (dataclasses.replace(first, replace=True), second)
    again = found_again(marked, headers[1:], "alt=sse&key=other", PLACES)
    assert [(one.value, one.index, one.replace) for one in again] == [
        (RAW, 0, True),
        (VIRTUAL, 1, False),
        ("other", 1, False),
    ]
    lines, query = remove(headers[1:], "alt=sse&key=other", again)
    assert (lines, query) == ([], "alt=sse")
