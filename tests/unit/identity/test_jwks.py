"""Which keys of a key set are used, and how long they hold."""

from __future__ import annotations

import threading
from typing import Any

import orjson
import pytest

from harness.issuer import ec_key, ed_key, jwks, rsa_key
from weir.identity.jwks import DOCUMENT_MAX, EARLIEST_S, RETRY_S, JwksError, KeyStore, parse_jwks


def test_usable_keys_are_read_with_what_they_may_check() -> None:
    found = {key.kid: key.algorithms for key in parse_jwks(jwks(rsa_key(), ec_key(), ed_key()))}
    assert found["r1"] >= {"RS256", "PS512"} and found["e1"] == {"ES256"} and found["d1"] == {"EdDSA"}
    (narrow,) = parse_jwks(jwks(rsa_key(), alg="RS384"))
    assert narrow.algorithms == {"RS384"}
    assert "RSAPublicKey" not in repr(narrow)


UNFIT: list[dict[str, Any]] = [
    rsa_key().jwk(use="enc"),
    rsa_key().jwk(key_ops=["encrypt"]),
    rsa_key().jwk(alg="HS256"),
    rsa_key().jwk(alg="ES256"),
    rsa_key().jwk(alg=["RS256"]),
    rsa_key().jwk(kid=7),
    rsa_key().jwk(kid="k" * 300),
    rsa_key("short", 1024).jwk(),
    {"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS256"},
    {"kty": "RSA", "kid": "x"},
    {"kty": "RSA", "n": 5, "e": "AQAB"},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "EC", "crv": "Ed25519", "x": "AA"},
    {"kty": ["RSA"], "crv": {}},
    {},
]


@pytest.mark.parametrize("entry", UNFIT, ids=range(len(UNFIT)))
def test_an_unfit_key_is_left_out_and_spoils_no_other(entry: dict[str, Any]) -> None:
    with pytest.raises(JwksError, match="no usable key"):
        parse_jwks(orjson.dumps({"keys": [entry]}))
    (kept,) = parse_jwks(orjson.dumps({"keys": [entry, 7, None, ec_key().jwk()]}))
    assert kept.kid == "e1"


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"[]", b"{}", b'{"keys": {}}', b'{"keys": []}', b" " * (DOCUMENT_MAX + 1),
     orjson.dumps({"keys": [ec_key().jwk()] * 101}), jwks(ec_key("same"), rsa_key("same"))],
)  # fmt: skip
def test_what_is_no_key_set_is_refused(data: bytes) -> None:
    with pytest.raises(JwksError):
        parse_jwks(data)


KEYS = parse_jwks(jwks(rsa_key(), ec_key()))


def test_keys_hold_as_long_as_they_are_fresh_enough_and_then_no_more() -> None:
    store = KeyStore(refresh_s=100, cache_s=1000)
    assert store.find("r1", "RS256", 0) is None and not store.usable(0) and store.due(0) == 0
    store.begin()
    store.took(KEYS, 0)
    assert store.due(0) == 100 and store.problem == ""
    assert store.find("r1", "RS256", 999) and not store.find("r1", "RS256", 1000)
    assert not store.find("r1", "ES256", 1)  # not what the key is for
    store.failed("unreachable", 500)
    assert store.due(500) == RETRY_S and store.problem == "unreachable"
    assert store.find("r1", "RS256", 999), "a failed fetch does not end the last keys"


def test_without_an_id_only_a_single_key_will_do() -> None:
    store = KeyStore(100, 1000)
    store.took(KEYS, 0)
    found = store.find(None, "RS256", 1)
    assert found and found.kid == "r1"
    store.took(parse_jwks(jwks(rsa_key(), rsa_key("r2"))), 1)
    assert store.find(None, "RS256", 1) is None


def test_strange_ids_cannot_make_it_fetch_all_the_time() -> None:
    store = KeyStore(100_000, 1_000_000)
    store.took(KEYS, 0)
    for number in range(1000):
        assert store.find(f"strange{number}", "RS256", EARLIEST_S - 1) is None
    assert store.due(EARLIEST_S - 1) > 0 and not store.pending()
    store.find("strange", "RS256", EARLIEST_S)
    assert store.due(EARLIEST_S) == 0 and store.pending()
    store.begin()
    store.failed("unreachable", EARLIEST_S)
    store.find("strange", "RS256", EARLIEST_S + 1)
    assert not store.pending()


def test_the_generation_tells_of_changed_keys_only() -> None:
    store = KeyStore(100, 1000)
    store.took(KEYS, 0)
    first = store.generation
    store.took(parse_jwks(jwks(rsa_key(), ec_key())), 1)
    assert store.generation == first
    store.took(parse_jwks(jwks(rsa_key())), 2)
    assert store.generation == first + 1 and store.find("e1", "ES256", 2) is None
    store.took(parse_jwks(orjson.dumps({"keys": [rsa_key("r2").jwk(kid="r1")]})), 3)
    assert store.generation == first + 2, "another key under the same id is another key"


def test_whoever_waits_gets_the_fetch_that_is_under_way() -> None:
    store = KeyStore(100, 1000)
    assert not store.wait(0.0)
    waiter = threading.Timer(0.05, store.took, (KEYS, 0.0))
    waiter.start()
    assert store.wait(10.0) and store.find("r1", "RS256", 0)
    waiter.join()
    store.sleep(0.0)


def test_two_keys_of_one_id_are_both_left_out_and_the_others_stay() -> None:
    found = parse_jwks(jwks(ec_key("same"), rsa_key("good"), rsa_key("same")))
    assert [key.kid for key in found] == ["good"]
    store = KeyStore(refresh_s=60, cache_s=600)
    store.took(found, 0.0)
    assert [store.find("same", alg, 1.0) for alg in ("ES256", "RS256")] == [None, None]
    assert store.find("good", "RS256", 1.0) is not None
