"""Tokens: the good ones pass, and every known trick does not. Nothing of a token is in what is said of it."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.issuer import ISSUER, NOW, b64, claims, ec_key, ed_key, jwks, raw_token, rsa_key
from weir.identity.jwks import KeyStore, parse_jwks
from weir.identity.tokens import TOKEN_MAX, IssuerRules, Tokens, parse_bearer

ALL = ("ES256", "RS256", "PS256", "EdDSA")


def issuer(**more: Any) -> IssuerRules:
    store = KeyStore(3600, 86_400)
    store.took(parse_jwks(jwks(rsa_key(), ec_key(), ed_key())), 0.0)
    return IssuerRules(issuer=ISSUER, audience=("weir", "weir-2"), store=store, **({"algorithms": ALL} | more))


def said(token: str, rules: IssuerRules | None = None) -> str:
    """Why a token is refused; "" when it passes."""
    checked = Tokens([rules or issuer()]).check(token, NOW, 1.0)
    assert (checked.principal is None) == bool(checked.why)
    assert not any(part in checked.why for part in token.split(".") if len(part) > 3)
    return checked.why


@pytest.mark.parametrize("key", [rsa_key(), ec_key(), ed_key(), rsa_key("r1", 2048, "PS256")], ids=lambda key: key.alg)
def test_a_good_token_names_its_caller(key: Any) -> None:
    rules = issuer(claims={"user": "sub", "team": "dept"})
    if key.alg == "PS256":
        rules.store.took(parse_jwks(jwks(key)), 0.0)
    tokens = Tokens([rules])
    found, why = tokens.check(key.token(claims(dept="finance", aud=["other", "weir-2"])), NOW, 1.0)
    assert found and (found.user, found.team, found.method, found.strength, why) == ("ada", "finance", "jwt", 3, "")


PUBLIC_PEM = rsa_key().private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def confused(alg: str, secret: bytes) -> str:
    """A token signed with HMAC by a text that everybody knows."""
    signed = f"{b64(orjson.dumps({'alg': alg, 'kid': 'r1'}))}.{b64(orjson.dumps(claims()))}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def altered(token: str, **more: Any) -> str:
    head, _, tail = token.split(".")
    return f"{head}.{b64(orjson.dumps(claims(**more)))}.{tail}"


FOREIGN = rsa_key("foreign")
GOOD = rsa_key().token(claims())
EVIL_URL = "https://evil.example/keys"
ATTACKS: dict[str, tuple[str, str]] = {
    "none": (raw_token({"alg": "none", "kid": "r1"}, claims()), "algorithm"),
    "None": (raw_token({"alg": "None"}, claims()), "algorithm"),
    "no signature": (GOOD.rpartition(".")[0] + ".", "malformed"),
    "no alg": (raw_token({"kid": "r1"}, claims()), "algorithm"),
    "alg list": (raw_token({"alg": ["RS256"], "kid": "r1"}, claims()), "algorithm"),
    "hmac with the public key": (confused("HS256", PUBLIC_PEM), "algorithm"),
    "hmac with nothing": (confused("HS256", b""), "algorithm"),
    "hmac called RS256": (confused("RS256", PUBLIC_PEM), "signature"),
    "another kind of key": (raw_token({"alg": "ES256", "kid": "r1"}, claims()), "no such key"),
    "foreign key": (FOREIGN.token(claims()), "no such key"),
    "foreign key, known id": (FOREIGN.token(claims(), kid="r1"), "signature"),
    "its own key in the header": (FOREIGN.token(claims(), kid="r1", jwk=FOREIGN.jwk()), "signature"),
    "its own key's address": (FOREIGN.token(claims(), kid="r1", jku=EVIL_URL, x5u=EVIL_URL), "signature"),
    "kid is a path": (FOREIGN.token(claims(), kid="../../../../dev/null"), "no such key"),
    "kid is a query": (FOREIGN.token(claims(), kid="x' UNION SELECT 'AA"), "no such key"),
    "kid is huge": (FOREIGN.token(claims(), kid="k" * 1000), "key"),
    "kid is a number": (raw_token({"alg": "RS256", "kid": 1}, claims()), "key"),
    "kid is empty": (raw_token({"alg": "RS256", "kid": ""}, claims()), "key"),
    "critical extension": (raw_token({"alg": "RS256", "kid": "r1", "crit": ["x"], "x": 1}, claims()), "extension"),
    "unencoded payload": (raw_token({"alg": "RS256", "kid": "r1", "b64": False}, claims()), "extension"),
    "claims exchanged": (altered(GOOD, sub="root"), "signature"),
    "wrong audience": (rsa_key().token(claims(aud="other")), "audience"),
    "audience begins alike": (rsa_key().token(claims(aud="weir-20")), "audience"),
    "no audience": (rsa_key().token(claims(aud=None)), "lacks a claim"),
    "another issuer": (rsa_key().token(claims(iss="https://evil.example")), "no issuer"),
    "issuer begins alike": (rsa_key().token(claims(iss=ISSUER + "/")), "no issuer"),
    "issuer is a list": (raw_token({"alg": "RS256", "kid": "r1"}, claims(iss=[ISSUER])), "no issuer"),
    "no issuer": (rsa_key().token(claims(iss=None)), "no issuer"),
    "expired": (rsa_key().token(claims(exp=int(NOW) - 30)), "expired"),
    "no expiry": (rsa_key().token(claims(exp=None)), "lacks a claim"),
    "no issue time": (rsa_key().token(claims(iat=None)), "lacks a claim"),
    "expiry is no number": (rsa_key().token(claims(exp="never")), "times"),
    "expiry beyond time": (rsa_key().token(claims(exp=10**300)), "times"),
    "expiry is true": (rsa_key().token(claims(exp=True)), "times"),
    "issued in the future": (rsa_key().token(claims(iat=int(NOW) + 31)), "not valid yet"),
    "not yet": (rsa_key().token(claims(nbf=int(NOW) + 31)), "not valid yet"),
    "too long a life": (rsa_key().token(claims(exp=int(NOW) + 90_000)), "longer"),
    "nobody": (rsa_key().token(claims(sub=None)), "nobody"),
    "subject is an object": (raw_token({"alg": "RS256", "kid": "r1"}, claims(sub={"a": 1})), "signature"),
    "five parts": (GOOD + ".a.b", "malformed"),
    "huge": ("a" * TOKEN_MAX + "." + GOOD, "large"),
    "huge header": (raw_token({"alg": "RS256", "x": "y" * 3000}, claims()), "large"),
    "deep header": (b64(b"[" * 1500) + ".aa.bb", "header"),
    "header is a list": (raw_token(["RS256"], claims()), "header"),
    "header is not JSON": ("aaaa.bbbb.cccc", "header"),
    "claims are not JSON": (GOOD.split(".")[0] + ".aaaa.cccc", "no issuer"),
    "claims are deep": (GOOD.split(".")[0] + "." + b64(b'{"a":' * 1500) + ".cccc", "no issuer"),
    "empty": ("", "malformed"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused(name: str) -> None:
    token, why = ATTACKS[name]
    assert why in said(token), name


def test_the_table_is_about_what_it_says() -> None:
    assert said(GOOD) == ""
    assert said(rsa_key().token(claims(exp=int(NOW) - 29))) == "", "clocks may differ by the leeway"
    assert said(rsa_key().token(claims(iat=int(NOW) + 30))) == ""
    assert "algorithm" in said(GOOD, issuer(algorithms=("ES256",))), "policy's list counts, not the key's"


@pytest.mark.parametrize("require", [{"tid": "t1"}])
def test_a_required_claim_is_asked_for(require: dict[str, str]) -> None:
    assert said(rsa_key().token(claims(tid="t1")), issuer(require=require)) == ""
    assert "nobody" in said(rsa_key().token(claims(tid="t2")), issuer(require=require))


def test_a_token_of_one_issuer_is_not_another_ones() -> None:
    other = KeyStore(3600, 86_400)
    other.took(parse_jwks(jwks(rsa_key("r9"))), 0.0)
    both = Tokens([issuer(), IssuerRules("https://other.example", ("weir",), other, algorithms=ALL)])
    token = rsa_key().token(claims(iss="https://other.example"))
    assert "no such key" in both.check(token, NOW, 1.0).why


def test_a_checked_token_is_known_until_it_ends_its_key_goes_or_the_keys_are_too_old() -> None:
    def fresh() -> tuple[Tokens, KeyStore]:
        rules = issuer()
        tokens = Tokens([rules])
        assert tokens.cached(GOOD, NOW, 1.0) is None
        assert tokens.check(GOOD, NOW, 1.0).principal and tokens.cached(GOOD, NOW, 1.0)
        return tokens, rules.store

    tokens, store = fresh()
    assert tokens.cached(GOOD, NOW + 629, 1.0) and not tokens.cached(GOOD, NOW + 630, 1.0)
    tokens, store = fresh()
    store.took(parse_jwks(jwks(ec_key())), 2.0)
    assert not tokens.cached(GOOD, NOW, 2.0) and "no such key" in tokens.check(GOOD, NOW, 2.0).why
    tokens, store = fresh()
    assert not tokens.cached(GOOD, NOW, 86_400.0)
    assert tokens.check(GOOD, NOW, 86_400.0).why == "the issuer's keys cannot be had"


def test_before_the_first_fetch_nobody_passes() -> None:
    empty = IssuerRules(ISSUER, ("weir",), KeyStore(60, 60), algorithms=ALL)
    assert "cannot be had" in said(GOOD, empty)


def test_a_refused_token_is_not_remembered_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.identity.tokens.CACHE_SIZE", 5)
    tokens = Tokens([issuer()])
    for number in itertools.islice(itertools.count(), 12):
        tokens.check(ed_key().token(claims(jti=str(number))), NOW, 1.0)
        tokens.check(ATTACKS["expired"][0], NOW, 1.0)
    assert len(tokens._known) == 5


def test_a_new_key_is_waited_for_by_whoever_asked_first() -> None:
    rules = issuer()
    token, strange = rsa_key("new").token(claims()), rsa_key("strange").token(claims())
    tokens = Tokens([rules])
    waits: list[float] = []

    def fetched(timeout_s: float) -> bool:
        waits.append(timeout_s)
        assert "no such key" in tokens.check(strange, NOW, 100.0, wait_s=5.0).why  # meanwhile: not made to wait
        rules.store.took(parse_jwks(jwks(rsa_key("new"))), 100.0)
        return True

    rules.store.wait = fetched  # type: ignore[method-assign]
    assert "no such key" in tokens.check(token, NOW, 1.0, wait_s=5.0).why and not waits  # too early to ask again
    assert tokens.check(token, NOW, 100.0, wait_s=5.0).principal and waits == [5.0]
    assert "no such key" in tokens.check(strange, NOW, 101.0, wait_s=5.0).why and len(waits) == 1


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (f"Bearer {GOOD}", True),
        (f"bearer  {GOOD} ", True),
        (f"Bearer {GOOD}".encode(), True),
        (GOOD, False),
        (f"Basic {GOOD}", False),
        (f"Bearer {GOOD} {GOOD}", False),
        (f"Bearer {GOOD},x", False),
        ("Bearer", False),
        ("Bearer a.b", False),
        ("Bearer \u00e4.\u00f6.\u00fc", False),
        (b"\xff\xfe", False),
        ("Bearer " + "a" * TOKEN_MAX + ".b.c", False),
    ],
)
def test_a_header_is_read_or_not(value: bytes | str, read: bool) -> None:
    assert (parse_bearer(value) == GOOD) is read


def test_pyjwt_is_not_asked_for_more_than_we_mean() -> None:
    # Contract: the library refuses an algorithm that is not listed, whatever the key.
    with pytest.raises(jwt.InvalidAlgorithmError):
        jwt.decode(GOOD, key=rsa_key().private.public_key(), algorithms=["ES256"])
