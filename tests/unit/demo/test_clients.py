"""The SDKs against a double of their provider, without weir, and the environment they are used in."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.doubles import Doubles
from weir.demo.clients import NEEDED, Anthropic, Gemini, OpenAI, Sdk, environment, load, missing
from weir.demo.scenes_model import reply_to, status_of

QUESTION = "How high does the river stand?"
BASES = {"anthropic": "ANTHROPIC_BASE_URL", "gemini": "GOOGLE_GEMINI_BASE_URL"}


@pytest.fixture(params=["openai", "anthropic", "gemini"])
def talk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Sdk, Doubles]]:
    """An SDK and the double that it reaches without any proxy."""
    kind = request.param
    doubles = Doubles(tmp_path / "doubles", hosts={"127.0.0.1": kind})
    here = f"http://127.0.0.1:{doubles.plain}"
    makers: dict[str, Callable[[], Sdk]] = {
        "openai": lambda: OpenAI(f"{here}/v1"),
        "anthropic": Anthropic,
        "gemini": Gemini,
    }
    variables = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    with environment({**variables, BASES[kind]: here} if kind in BASES else variables):
        yield makers[kind](), doubles
    doubles.stop()


def test_chat_and_stream(talk: tuple[Sdk, Doubles]) -> None:
    sdk, doubles = talk
    key = doubles.keys[sdk.kind]
    assert sdk.chat(key, QUESTION) == reply_to(QUESTION)
    pieces = list(sdk.stream(key, QUESTION))
    assert "".join(pieces) == reply_to(QUESTION) and len(pieces) > 5
    assert len(doubles.requests()) == 2


def test_a_wrong_request_is_tried_once(talk: tuple[Sdk, Doubles]) -> None:
    sdk, doubles = talk
    doubles.behave("status=400")
    with pytest.raises(sdk.refused()) as caught:
        sdk.chat(doubles.keys[sdk.kind], QUESTION)
    assert status_of(caught.value) == 400
    doubles.behave("status=500")
    with pytest.raises(Exception, match=r"500|told to fail"):
        sdk.chat(doubles.keys[sdk.kind], QUESTION)
    assert len(doubles.requests()) == 2


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "somebody-else")
    monkeypatch.setenv("HTTPS_PROXY", "http://another.example")
    monkeypatch.delenv("WEIR_TEST_NEW", raising=False)
    before = dict(os.environ)
    with pytest.raises(KeyError), environment({"HTTPS_PROXY": "http://weir.example", "WEIR_TEST_NEW": "1"}):
        assert "OPENAI_BASE_URL" not in os.environ and "ANTHROPIC_AUTH_TOKEN" not in os.environ
        assert os.environ["HTTPS_PROXY"] == "http://weir.example"
        raise KeyError
    assert dict(os.environ) == before


def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing() == []

    def find(name: str) -> Any:
        if name.startswith("google"):
            raise ModuleNotFoundError(name)
        return None if name == "openai" else "found"

    monkeypatch.setattr(importlib.util, "find_spec", find)
    assert missing() == ["openai", "google.genai"]


def test_load_is_what_is_needed() -> None:
    load()
    assert set(NEEDED) >= {"openai", "anthropic", "google.genai", "httpx"}
