"""References to secrets: resolved through the backends, errors that name the place and never the value."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from weir.keys import backends
from weir.keys.backends import vault
from weir.keys.held import Fetched, Schedule
from weir.keys.refresh import Refresher
from weir.keys.secrets import SecretUnavailable, key_of, managed, resolve, schemes, source, yields
from weir.keys.virtual import new_key

LIVE_LOOKING = "-".join(["sk", "proj", "synthetic" * 4])


def test_every_backend_file_is_a_scheme() -> None:
    folder = Path(backends.__path__[0])
    assert schemes() == tuple(sorted(p.stem for p in folder.glob("*.py") if p.stem != "__init__"))
    assert {"env", "file"} <= set(schemes())


def test_a_secret_is_bound_named_and_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEIR_TEST_KEY", LIVE_LOOKING)
    secret = resolve("env:WEIR_TEST_KEY", ["API.openai.com.", "*.openai.azure.com"], "openai")
    assert secret.reveal() == LIVE_LOOKING
    assert secret.name == "openai"
    assert secret.may_go_to("api.openai.com")
    assert secret.may_go_to("eu.openai.azure.com")
    assert not secret.may_go_to("api.openai.com.evil.example")
    assert LIVE_LOOKING not in repr(secret)
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_text(LIVE_LOOKING)
    assert resolve(f"file:{file}", ["api.openai.com"], "openai").reveal() == LIVE_LOOKING


@pytest.mark.parametrize(
    "reference", [LIVE_LOOKING, "", ":", f"sk:{LIVE_LOOKING}", f"ENV:{LIVE_LOOKING}", "__init__:x"]
)
def test_what_is_no_reference_is_never_quoted(reference: str) -> None:
    with pytest.raises(
        SecretUnavailable, match=r"keys\.openai: the secret is not a reference; write env:… or exec:… or file:… or "
    ) as e:
        resolve(reference, ["api.openai.com"], "openai")
    assert LIVE_LOOKING not in str(e.value)
    assert e.value.__cause__ is None


@pytest.mark.parametrize("scheme", ["env", "file"])
def test_a_key_behind_a_scheme_is_never_quoted(scheme: str) -> None:
    with pytest.raises(SecretUnavailable, match=r"keys\.openai: what follows") as caught:
        resolve(f"{scheme}:{LIVE_LOOKING}", ["api.openai.com"], "openai")
    assert LIVE_LOOKING not in str(caught.value)


def test_the_backends_words_come_with_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEIR_TEST_KEY", raising=False)
    with pytest.raises(SecretUnavailable, match=r"keys\.groq: the environment variable WEIR_TEST_KEY is not set"):
        resolve("env:WEIR_TEST_KEY", ["api.groq.com"], "groq")


@pytest.mark.parametrize("value", ["two words", "line\nline", "ключ", "tab\tbed", "bell\x07"])
def test_a_value_that_no_header_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("WEIR_TEST_KEY", value)
    with pytest.raises(SecretUnavailable, match="cannot stand in a header") as caught:
        resolve("env:WEIR_TEST_KEY", ["api.openai.com"], "openai")
    assert value not in str(caught.value)


def test_a_secret_without_hosts_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_KEY", "x")
    with pytest.raises(SecretUnavailable, match="no hosts are given"):
        resolve("env:WEIR_TEST_KEY", [], "openai")


def test_a_managed_secret_follows_its_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.touch(0o600)
    file.write_text("first")
    refresher = Refresher()
    try:
        secret = managed(refresher, f"file:{file}", ["API.openai.com."], "openai", schedule=Schedule(ttl_s=0.02))
        assert not secret.available()
        with pytest.raises(SecretUnavailable, match=r"keys\.openai: has not been fetched yet"):
            secret.reveal()
        refresher.prime(10)
        assert secret.available() and secret.reveal() == "first"
        assert secret.may_go_to("api.openai.com") and not secret.may_go_to("api.openai.com.evil.example")
        file.write_text("second")
        until(lambda: secret.reveal() == "second")
        file.unlink()
        until(lambda: refresher.statuses()[0].state == "stale")
        assert secret.reveal() == "second"
        (status,) = refresher.statuses()
        assert (status.name, status.scheme) == ("keys.openai", "file")
        assert "cannot be read" in status.problem
        assert "second" not in repr((secret, status, vars(refresher)))
    finally:
        refresher.close()


def test_the_same_reference_is_held_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_KEY", LIVE_LOOKING)
    refresher = Refresher()
    try:
        first = managed(refresher, "env:WEIR_TEST_KEY", ["a.example"], "one")
        refresher.prime(10)
        monkeypatch.delenv("WEIR_TEST_KEY")
        again = managed(refresher, "env:WEIR_TEST_KEY", ["b.example"], "two")
        assert again.reveal() == first.reveal() == LIVE_LOOKING  # a new policy goes on with the value there is
        assert not again.may_go_to("a.example")
        assert len(refresher.statuses()) == 1
        refresher.retain([key_of("env:WEIR_TEST_KEY")])
        assert len(refresher.statuses()) == 1
        refresher.retain([])
        assert refresher.statuses() == ()
    finally:
        refresher.close()


def test_what_no_waiting_mends_is_told_at_once() -> None:
    refresher = Refresher()
    with pytest.raises(SecretUnavailable, match=r"keys\.openai: the secret is not a reference") as caught:
        managed(refresher, LIVE_LOOKING, ["api.openai.com"], "openai")
    assert LIVE_LOOKING not in str(caught.value)
    with pytest.raises(SecretUnavailable, match="no hosts"):
        managed(refresher, "env:ANY", [], "openai")
    with pytest.raises(ValueError, match="unknown form"):
        source("env:ANY", "jwt")
    assert refresher.statuses() == ()


def test_aws_credentials_may_hold_white_space_and_bring_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "x" * 40, "Expiration": "2100-01-01T00:00:00Z"})
    monkeypatch.setenv("WEIR_TEST_KEY", text)
    fetched = source("env:WEIR_TEST_KEY", "aws")()
    assert fetched.value == text
    assert fetched.expires == datetime(2100, 1, 1, tzinfo=UTC).timestamp()
    with pytest.raises(SecretUnavailable, match="cannot stand in a header"):
        source("env:WEIR_TEST_KEY")()
    monkeypatch.setenv("WEIR_TEST_KEY", LIVE_LOOKING)
    for form in ("aws", "google"):
        with pytest.raises(SecretUnavailable) as caught:
            source("env:WEIR_TEST_KEY", form)()
        assert LIVE_LOOKING not in str(caught.value)


def test_a_backend_with_a_login_is_asked_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "fetch", lambda reference: LIVE_LOOKING)
    monkeypatch.setattr(vault, "renew_in", lambda: 42.0)
    assert source("vault:secret/one")() == Fetched(LIVE_LOOKING, again_s=42.0)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def test_a_virtual_key_is_never_a_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    monkeypatch.setenv("WEIR_TEST_KEY", key)
    refresher = Refresher()
    try:
        secret = managed(refresher, "env:WEIR_TEST_KEY", ["api.openai.com"], "openai")
        refresher.prime(10)
        assert not secret.available()
        (status,) = refresher.statuses()
        assert status.refused and "virtual key" in status.problem and key not in status.problem
    finally:
        refresher.close()


def test_what_a_reference_yields_for_each_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_TEST_KEY", "a-key")
    monkeypatch.setenv("WEIR_TEST_AWS", json.dumps({"AccessKeyId": "AKIA", "SecretAccessKey": "x"}))
    assert yields("env:WEIR_TEST_KEY") == "a-key" and "AKIA" in yields("env:WEIR_TEST_AWS", "aws")
    for form in ("aws", "google"):
        with pytest.raises(SecretUnavailable) as caught:
            yields("env:WEIR_TEST_KEY", form)
        assert "a-key" not in str(caught.value)
