"""A token is tried as an operator would: against the issuer itself."""

from __future__ import annotations

import time
from collections.abc import Iterator

import orjson
import pytest

from harness.issuer import claims, jwks, rsa_key
from harness.issuer_site import Site
from weir.identity.trying import TryError, issuer_of, try_token
from weir.sections_identity import Issuer


@pytest.fixture
def site() -> Iterator[Site]:
    one = Site()
    document = {"issuer": one.url, "jwks_uri": f"{one.url}/keys"}
    one.pages = {
        "/.well-known/openid-configuration": (200, orjson.dumps(document), {}),
        "/keys": (200, jwks(rsa_key()), {}),
    }
    yield one
    one.close()


def test_a_good_token_names_its_caller_and_a_bad_one_says_why(site: Site) -> None:
    now = int(time.time())
    good = claims(iss=site.url, iat=now, exp=now + 600, email="ada@example.com")
    rules = Issuer.model_validate({"issuer": site.url, "audience": "weir", "claims": {"user": "email"}})
    assert try_token(rules, rsa_key().token(good)).user == "ada@example.com"
    with pytest.raises(TryError, match="expired"):
        try_token(rules, rsa_key().token(good | {"iat": now - 900, "exp": now - 300}))
    site.pages = {}
    with pytest.raises(TryError, match=r"cannot be had: 127\.0\.0\.1: answered 404"):
        try_token(rules, rsa_key().token(good))


def test_a_token_that_names_nobody_is_told_by_the_names_of_its_claims(site: Site) -> None:
    now = int(time.time())
    token = rsa_key().token(claims(iss=site.url, iat=now, exp=now + 600, email="ada@example.com", tid="7"))
    given = {"issuer": site.url, "audience": "weir", "claims": {"user": "upn"}}
    with pytest.raises(TryError) as raised:
        try_token(Issuer.model_validate(given), token)
    said = str(raised.value)
    assert "policy lets in: user from upn is not there, or is no text; its claims are aud, email, exp, iat" in said
    assert "ada" not in said
    with pytest.raises(TryError, match="require wants another value of tid; its claims are aud"):
        try_token(Issuer.model_validate(given | {"claims": {"user": "email"}, "require": {"tid": "8"}}), token)


def test_the_issuer_is_the_one_that_the_token_names(site: Site) -> None:
    issuers = [Issuer.model_validate({"issuer": url, "audience": "weir"}) for url in ("https://a.example", site.url)]
    token = rsa_key().token(claims(iss=site.url))
    assert issuer_of(token, issuers) is issuers[1]
    for other in (token, "no token"):
        with pytest.raises(TryError, match="no issuer that the policy names"):
            issuer_of(other, issuers[:1])
