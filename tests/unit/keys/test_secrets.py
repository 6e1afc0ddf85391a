"""References to secrets: resolved through the backends, errors that name the place and never the value."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.keys import backends
from weir.keys.secrets import SecretUnavailable, resolve, schemes

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
        SecretUnavailable, match=r"keys\.openai: the secret is not a reference; write env:… or file:…"
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
