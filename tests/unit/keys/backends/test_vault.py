"""vault:MOUNT/PATH#FIELD, against a Vault double that speaks HTTP on loopback."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.kv2 import Kv2, Token
from weir.keys.backends import SecretUnavailable, vault
from weir.keys.held import Fetched, Held, Schedule

VALUE = "synthetic-" + "provider-key"
TOKEN = "hvs." + "synthetic-token"
SECRET_ID = "synthetic-" + "secret-id"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(vault, "time", SimpleNamespace(monotonic=clock))
    return clock


@pytest.fixture
def kv(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kv2]:
    for name in ("ADDR", "TOKEN", "TOKEN_FILE", "ROLE_ID", "SECRET_ID", "SECRET_ID_FILE", "NAMESPACE", "CACERT"):
        monkeypatch.delenv(f"VAULT_{name}", raising=False)
        monkeypatch.delenv(f"BAO_{name}", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    double = Kv2(clock, {"secret/weir/openai": {"key": VALUE, "note": "x"}, "secret/one": {"only": VALUE}})
    double.start()
    monkeypatch.setenv("VAULT_ADDR", double.url)
    vault.forget()
    yield double
    double.stop()
    vault.forget()


@pytest.fixture
def with_token(kv: Kv2, monkeypatch: pytest.MonkeyPatch) -> Kv2:
    kv.tokens[TOKEN] = Token(ttl=90)
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    return kv


@pytest.fixture
def with_role(kv: Kv2, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kv2:
    file = tmp_path / "secret-id"
    file.touch(0o600)
    file.write_text(SECRET_ID + "\n")
    kv.roles["weir-role"] = SECRET_ID
    monkeypatch.setenv("VAULT_ROLE_ID", "weir-role")
    monkeypatch.setenv("VAULT_SECRET_ID_FILE", str(file))
    return kv


def refused(reference: str = "secret/weir/openai#key") -> SecretUnavailable:
    with pytest.raises(SecretUnavailable) as caught:
        vault.fetch(reference)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    for planted in (VALUE, TOKEN, SECRET_ID):
        assert planted not in str(caught.value)
    return caught.value


def test_a_field_is_read(with_token: Kv2) -> None:
    assert vault.fetch("secret/weir/openai#key") == VALUE
    assert vault.fetch("secret/one") == VALUE
    assert vault.fetch("/secret/one") == VALUE
    assert "GET /v1/secret/data/weir/openai" in with_token.paths()


def test_the_namespace_is_told(with_token: Kv2, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_NAMESPACE", "team-a")
    assert vault.fetch("secret/one") == VALUE
    assert {headers.get("x-vault-namespace") for _, _, headers in with_token.asked} == {"team-a"}


def test_openbaos_variables_are_understood(with_token: Kv2, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ADDR", "TOKEN"):
        monkeypatch.setenv(f"BAO_{name}", {"ADDR": with_token.url, "TOKEN": TOKEN}[name])
        monkeypatch.delenv(f"VAULT_{name}")
    assert vault.fetch("secret/one") == VALUE


@pytest.mark.parametrize(
    ("reference", "said", "no"),
    [
        ("secret/weir/openai", "holds 2 fields; name one", True),
        ("secret/weir/openai#other", "has no field", True),
        ("secret/nowhere#key", "there is none", True),
        ("secret/gone#key", "there is none", True),
        ("secret/denied#key", "403", True),
        ("secret", "is not a path", False),
        ("", "is not a path", False),
    ],
)
def test_what_is_not_there_is_told_apart(with_token: Kv2, reference: str, said: str, no: bool) -> None:
    with_token.secrets["secret/gone"] = None
    with_token.denied.add("secret/denied")
    error = refused(reference)
    assert said in str(error)
    assert error.refused is no


def test_a_token_is_renewed_ahead_of_its_end(with_token: Kv2, clock: Clock) -> None:
    assert vault.fetch("secret/one") == VALUE
    assert vault.renew_in() == pytest.approx(60)
    for _ in range(6):  # 360 s with a token of 90
        clock.now += vault.renew_in() or 0
        assert vault.fetch("secret/one") == VALUE
    assert with_token.paths().count("POST /v1/auth/token/renew-self") == 7


def test_a_token_that_cannot_be_renewed_is_used_to_its_end(with_token: Kv2, clock: Clock) -> None:
    with_token.tokens[TOKEN] = Token(ends=clock.now + 100, renewable=False)
    assert vault.fetch("secret/one") == VALUE
    assert vault.fetch("secret/one") == VALUE
    assert with_token.paths().count("POST /v1/auth/token/renew-self") == 1
    clock.now += 101
    assert "403" in str(refused()) and refused().refused


def test_a_token_file_is_read_anew(kv: Kv2, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    file.write_text(TOKEN)
    monkeypatch.setenv("VAULT_TOKEN_FILE", str(file))
    kv.tokens[TOKEN] = Token()
    assert vault.fetch("secret/one") == VALUE
    del kv.tokens[TOKEN]
    kv.tokens["hvs.next"] = Token()
    assert "403" in str(refused("secret/one"))
    file.write_text("hvs.next")
    assert vault.fetch("secret/one") == VALUE
    file.chmod(0o644)
    assert "open to other users" in str(refused("secret/one"))


def test_an_approle_logs_in_once_and_renews(with_role: Kv2, clock: Clock) -> None:
    for _ in range(4):
        assert vault.fetch("secret/one") == VALUE
        clock.now += 45  # beyond two thirds of 60, before its end
    assert with_role.paths().count("POST /v1/auth/approle/login") == 1
    assert with_role.paths().count("POST /v1/auth/token/renew-self") == 3


def test_an_approle_whose_token_has_ended_logs_in_again(with_role: Kv2, clock: Clock) -> None:
    assert vault.fetch("secret/one") == VALUE
    clock.now += 3600
    assert vault.fetch("secret/one") == VALUE
    assert with_role.paths().count("POST /v1/auth/approle/login") == 2


def test_a_revoked_token_is_replaced_at_once(with_role: Kv2) -> None:
    assert vault.fetch("secret/one") == VALUE
    with_role.tokens.clear()
    assert vault.fetch("secret/one") == VALUE
    assert with_role.paths().count("POST /v1/auth/approle/login") == 2


def test_what_the_role_may_not_read_is_refused_after_one_more_login(with_role: Kv2) -> None:
    with_role.denied.add("secret/one")
    error = refused("secret/one")
    assert error.refused and "403" in str(error)
    assert with_role.paths().count("POST /v1/auth/approle/login") == 2


def test_a_secret_id_that_is_not_taken(with_role: Kv2) -> None:
    with_role.roles["weir-role"] = "another"
    error = refused("secret/one")
    assert "AppRole's login" in str(error) and error.refused


def test_a_restart_that_loses_the_tokens(with_role: Kv2, clock: Clock) -> None:
    assert vault.fetch("secret/one") == VALUE
    with_role.stop(lose_tokens=True)
    error = refused("secret/one")
    assert "cannot be reached" in str(error) and not error.refused
    with_role.start()
    assert "secret/weir/openai: Vault cannot be reached" in str(refused())  # whoever waited meanwhile
    clock.now += 0.5
    assert vault.fetch("secret/one") == VALUE


def test_a_sealed_vault_is_down_rather_than_refusing(with_token: Kv2) -> None:
    assert vault.fetch("secret/one") == VALUE
    with_token.sealed = True
    error = refused("secret/one")
    assert "sealed" in str(error) and not error.refused
    with_token.sealed = False
    assert vault.fetch("secret/one") == VALUE


def test_a_redirect_does_not_carry_the_token(with_token: Kv2, clock: Clock) -> None:
    elsewhere = Kv2(clock, dict(with_token.secrets), {TOKEN: Token()})
    elsewhere.start()
    try:
        with_token.redirect = elsewhere.url
        refused("secret/one")
        assert elsewhere.asked == []
    finally:
        elsewhere.stop()


@pytest.mark.parametrize("address", ["http://vault.example:8200", "vault.example", "ftp://vault.example"])
def test_a_token_does_not_travel_in_the_clear(with_token: Kv2, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("VAULT_ADDR", address)
    assert "https://" in str(refused())


def test_what_is_not_set_is_named(kv: Kv2, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "VAULT_TOKEN_FILE" in str(refused())
    monkeypatch.delenv("VAULT_ADDR")
    assert "VAULT_ADDR" in str(refused())
    monkeypatch.setenv("VAULT_ADDR", "https://user:pass@vault.example")
    assert "pass" not in str(refused()).replace("password", "")


def test_a_vault_that_is_down_costs_freshness_only(with_token: Kv2, clock: Clock) -> None:
    wall = Clock()
    schedule = Schedule(ttl_s=60, keep_s=600)
    held = Held(
        "keys.openai",
        lambda: Fetched(vault.fetch("secret/one")),
        schedule=schedule,
        wall=wall,
        mono=wall,
        scheme="vault",
    )
    assert held.refresh()
    with_token.stop()
    wall.now += 61
    assert not held.refresh()
    assert held.current() == VALUE and held.status().state == "stale"
    assert "cannot be reached" in held.status().problem
    wall.now += 600
    assert held.status().state == "expired"
    with pytest.raises(SecretUnavailable, match="has expired"):
        held.current()
    with_token.start()
    clock.now += 0.5
    assert held.refresh() and held.current() == VALUE and held.status().state == "fresh"


def test_nothing_secret_is_logged(with_role: Kv2, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert vault.fetch("secret/one") == VALUE
    token = next(iter(with_role.tokens))
    assert not any(planted in caplog.text for planted in (VALUE, SECRET_ID, token))


@pytest.mark.parametrize("token", [Token(renewable=False), Token(), Token(ends=1_000_100.0, renewable=False)])
def test_a_token_that_no_renewal_keeps_asks_for_no_fetch(with_token: Kv2, clock: Clock, token: Token) -> None:
    with_token.tokens[TOKEN] = token
    assert vault.fetch("secret/one") == VALUE
    assert vault.renew_in() is None, "the secret's own refresh_s is enough"
    clock.now += 61
    assert vault.fetch("secret/one") == VALUE and vault.renew_in() is None
    with_token.tokens[TOKEN] = Token(ttl=90)  # it can be now
    clock.now += 3600
    assert vault.fetch("secret/one") == VALUE and vault.renew_in() == pytest.approx(60)
