"""Google access tokens, minted at a token endpoint on loopback."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from harness.minting import PEM, TOKEN, Endpoint, account
from weir.keys.backends import SecretUnavailable
from weir.keys.held import Held, Schedule
from weir.keys.signing.google import SCOPE, ServiceAccount


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setenv("NO_PROXY", "*")
    endpoint = Endpoint()
    yield endpoint
    endpoint.stop()


def minter(text: str) -> ServiceAccount:
    return ServiceAccount(lambda: text, token_hosts={"127.0.0.1"})


def refused(source: ServiceAccount) -> SecretUnavailable:
    with pytest.raises(SecretUnavailable) as caught:
        source.fetch()
    assert caught.value.__cause__ is None
    assert "PRIVATE KEY" not in str(caught.value) and TOKEN not in str(caught.value)
    return caught.value


def test_a_token_is_minted_for_the_account(endpoint: Endpoint) -> None:
    source = minter(account(endpoint.url))
    fetched = source.fetch()
    assert fetched.value == f"{TOKEN}1"
    (claims,) = endpoint.claims
    assert claims["iss"] == "weir@synthetic.iam.gserviceaccount.com"
    assert claims["scope"] == SCOPE and claims["aud"] == "https://oauth2.googleapis.com/token"
    assert fetched.expires is not None and claims["iat"] + 3500 < fetched.expires < claims["iat"] + 3700
    assert TOKEN not in repr(fetched) and "PRIVATE" not in repr(source) + repr(vars(source))


def test_a_token_is_renewed_ahead_and_not_sooner(endpoint: Endpoint) -> None:
    shift = 0.0
    text = account(endpoint.url)
    source = ServiceAccount(lambda: text, token_hosts={"127.0.0.1"}, wall=lambda: time.time() + shift)
    assert source.fetch().value == f"{TOKEN}1"
    shift = 2000.0
    assert source.fetch().value == f"{TOKEN}1"
    shift = 2400.0  # what the refresher comes at, at the earliest: 0.675 of an hour
    assert source.fetch().value == f"{TOKEN}2"


def test_another_key_gets_another_token_at_once(endpoint: Endpoint) -> None:
    texts = [account(endpoint.url), account(endpoint.url, private_key_id="k2")]
    source = ServiceAccount(lambda: texts[min(len(endpoint.claims), 1)], token_hosts={"127.0.0.1"})
    assert [source.fetch().value for _ in range(3)] == [f"{TOKEN}1", f"{TOKEN}2", f"{TOKEN}2"]


@pytest.mark.parametrize(
    ("status", "reply", "no"),
    [
        (400, f'{{"error": "invalid_grant", "error_description": "{TOKEN}"}}', True),
        (403, f'{{"error": "{TOKEN}"}}', True),
        (200, "no json", False),
        (200, '{"expires_in": 3600}', True),
        (503, f'{{"error": "{TOKEN}"}}', False),
    ],
)
def test_a_refusal_is_not_quoted(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, status: int, reply: str, no: bool
) -> None:
    monkeypatch.setattr("google.auth._exponential_backoff.time", SimpleNamespace(sleep=lambda seconds: None))
    endpoint.status, endpoint.reply = status, reply
    error = refused(minter(account(endpoint.url)))
    assert "token endpoint" in str(error) and error.refused is no


def test_an_endpoint_that_is_gone_keeps_the_last_token(endpoint: Endpoint) -> None:
    endpoint.life = 60
    source = minter(account(endpoint.url))
    held = Held("keys.vertex", source.fetch, schedule=Schedule(ttl_s=1))
    assert held.refresh()
    source._last = None  # its time has come
    endpoint.stop()
    try:
        assert not held.refresh()
        status = held.status()
        assert "cannot be asked" in status.problem and not status.refused
        assert status.expires is not None and status.fetched is not None
        assert (status.expires - status.fetched).total_seconds() <= 60
    finally:
        endpoint.start()


def test_a_redirect_does_not_carry_the_assertion(endpoint: Endpoint) -> None:
    elsewhere = Endpoint()
    try:
        endpoint.status, endpoint.location = 307, elsewhere.url
        refused(minter(account(endpoint.url)))
        assert elsewhere.claims == []
    finally:
        elsewhere.stop()


@pytest.mark.parametrize(
    "uri",
    [
        "https://oauth2.googleapis.com.evil.example/token",
        "http://oauth2.googleapis.com/token",
        "https://evil.example/token",
        "http://127.0.0.1:1/token",
        "",
    ],
)
def test_an_assertion_goes_to_google_only(uri: str) -> None:
    error = refused(ServiceAccount(lambda: account(uri)))
    assert "token_uri is not Google's" in str(error) and error.refused


@pytest.mark.parametrize("text", ["", "{}", "[]", PEM, '{"token_uri": 5}'])
def test_what_is_no_service_account(text: str) -> None:
    assert refused(minter(text)).refused


def test_a_key_that_cannot_be_read(endpoint: Endpoint) -> None:
    assert "cannot be read" in str(refused(minter(account(endpoint.url, private_key="-----BEGIN nothing"))))
    assert endpoint.claims == []


def test_the_token_is_not_logged(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("google.auth")
    before = logger.level
    try:
        logger.setLevel(logging.NOTSET)
        caplog.set_level(logging.DEBUG)
        minter(account(endpoint.url)).fetch()
        assert TOKEN not in caplog.text and "assertion" not in caplog.text
    finally:
        logger.setLevel(before)


def test_hosts_of_private_endpoints_are_named_where_weir_starts(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "token_uri" in str(refused(ServiceAccount(lambda: account(endpoint.url))))
    monkeypatch.setenv("WEIR_GOOGLE_TOKEN_HOSTS", "tokens.corp.example 127.0.0.1")
    assert ServiceAccount(lambda: account(endpoint.url)).fetch().value.startswith(TOKEN)


def test_a_key_can_be_looked_at_without_asking_google(endpoint: Endpoint) -> None:
    minter(account(endpoint.url)).check()
    assert endpoint.claims == []
    with pytest.raises(SecretUnavailable, match="token_uri"):
        minter(account("https://evil.example/token")).check()
