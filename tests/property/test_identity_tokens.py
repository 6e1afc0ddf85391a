"""Whatever is sent as a token, a key set or a header: an answer, never an error, and never a caller."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.issuer import ISSUER, NOW, b64, claims, ec_key, jwks, raw_token
from weir.identity.claims import principal_of
from weir.identity.jwks import JwksError, KeyStore, parse_jwks
from weir.identity.tokens import IssuerRules, Tokens, parse_bearer

STORE = KeyStore(3600, 86_400)
STORE.took(parse_jwks(jwks(ec_key())), 0.0)
TOKENS = Tokens([IssuerRules(ISSUER, ("weir",), STORE)])
GOOD = ec_key().token(claims())

SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=8), one, max_size=3)
)
HEADERS = st.fixed_dictionaries({}, optional={"alg": st.sampled_from(["ES256", "none", "HS256"]) | JSON, "kid": JSON,
                                              "crit": JSON, "b64": JSON, "jwk": JSON})  # fmt: skip
CLAIMS = st.fixed_dictionaries({}, optional=dict.fromkeys(("iss", "aud", "exp", "iat", "nbf", "sub"), JSON))

MEMBERS = st.sampled_from(["kty", "crv", "n", "e", "x", "y", "kid", "alg", "use", "key_ops"])
KEY_SETS = st.fixed_dictionaries({"keys": st.lists(st.dictionaries(MEMBERS, JSON), max_size=4)})


@given(HEADERS, CLAIMS, st.binary(min_size=2, max_size=80))
@settings(max_examples=150, deadline=None)
def test_no_made_up_token_passes(header: dict[str, Any], body: dict[str, Any], signature: bytes) -> None:
    checked = TOKENS.check(raw_token(header, {**claims(), **body}, signature), NOW, 1.0)
    assert checked.principal is None and checked.why


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: f"{b64(data)}.{b64(data)}.{b64(data)}"))
@settings(max_examples=100, deadline=None)
def test_any_text_is_answered(token: str) -> None:
    assert TOKENS.check(token, NOW, 1.0).principal is None
    parse_bearer(token)
    parse_bearer("Bearer " + token)


@given(st.integers(0, len(GOOD) - 1), st.sampled_from("AZaz09-_."))
@settings(max_examples=150, deadline=None)
def test_a_changed_character_spoils_a_token_or_changes_nothing(place: int, letter: str) -> None:
    changed = GOOD[:place] + letter + GOOD[place + 1 :]
    checked = Tokens([IssuerRules(ISSUER, ("weir",), STORE)]).check(changed, NOW, 1.0)
    # The last letter of a part may hold bits that mean nothing; then the bytes are the same.
    assert checked.principal is None or checked.principal.user == "ada"
    if checked.principal:
        assert place == GOOD.rindex(GOOD[-1]) or changed == GOOD or place >= len(GOOD) - 1


@given(JSON | KEY_SETS)
@settings(max_examples=150, deadline=None)
def test_any_key_set_is_read_or_refused(document: object) -> None:
    with contextlib.suppress(JwksError):
        parse_jwks(orjson.dumps(document))


@given(
    st.dictionaries(st.sampled_from(["sub", "dept", "roles"]), JSON), st.dictionaries(st.text(max_size=5), st.text())
)
@settings(max_examples=100, deadline=None)
def test_any_claims_give_a_printable_principal_or_none(given_claims: dict[str, Any], teams: dict[str, str]) -> None:
    found = principal_of(given_claims, {"user": "sub", "team": "dept", "groups": "roles"}, teams, {})
    if found is not None:
        assert found.user and found.user.isprintable() and len(found.user) <= 256
        assert all(group and group.isprintable() for group in found.groups)
        assert not teams or not found.team or found.team in teams.values()
