"""The real SDKs as programs use them: an API key as their argument, everything else from the environment."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["NEEDED", "Anthropic", "Gemini", "OpenAI", "Sdk", "Spoken", "environment", "load", "missing"]

NEEDED = ("openai", "anthropic", "google.genai", "httpx", "h2", "h11")
_TIMEOUT_S = 10.0
_REPLY_TOKENS = 400
# What a person's shell may hold that would send an SDK elsewhere, or as somebody else.
_STRAY = ("OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "SSL_CERT_DIR")


def missing() -> list[str]:
    """The modules that the demo needs and this installation lacks."""
    found = []
    for name in NEEDED:
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError:  # the parent package of a dotted name
            spec = None
        if spec is None:
            found.append(name)
    return found


def load() -> None:
    """Import the SDKs. They take a second or more: better spent while weir starts."""
    import anthropic  # noqa: F401
    import google.genai  # noqa: F401
    import httpx  # noqa: F401
    import openai  # noqa: F401


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set ``variables`` in this process, and take away what would lead the SDKs astray; all is put back at the end."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(_STRAY):
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


@dataclass
class Spoken:
    """A reply: its whole ``text``, and the pieces it came in when it was streamed."""

    text: str = field(repr=False)
    pieces: tuple[str, ...] = field(default=(), repr=False)


class Sdk(Protocol):
    """One SDK, so that a scene can be played on each of them. Its own exceptions pass through."""

    name: str
    host: str
    kind: str  # of the double that plays the provider
    service: str  # as the audit calls it

    def chat(self, key: str, text: str) -> str:
        """Ask ``text`` and return the reply."""
        ...

    def stream(self, key: str, text: str) -> Generator[str, None, None]:
        """Ask ``text``; a piece of text an event, "" for events that have none."""
        ...

    def refused(self) -> type[Exception]:
        """What this SDK raises for a request that the provider calls bad (status 400)."""
        ...


class OpenAI:
    """``openai``: chat completions. ``base_url`` leads it to a compatible server elsewhere."""

    name, host, kind, service = "openai", "api.openai.com", "openai", "openai"

    def __init__(self, base_url: str | None = None, model: str = "gpt-5-mini", tokens_max: int = 0) -> None:
        self._base_url, self._model, self._tokens_max = base_url, model, tokens_max

    def _client(self, key: str) -> Any:
        import openai

        return openai.OpenAI(api_key=key, base_url=self._base_url, max_retries=0, timeout=_TIMEOUT_S)

    def _arguments(self, text: str) -> dict[str, Any]:
        bound = {"max_completion_tokens": self._tokens_max} if self._tokens_max else {}
        return {"model": self._model, "messages": [{"role": "user", "content": text}], **bound}

    def chat(self, key: str, text: str) -> str:
        """See Sdk."""
        with self._client(key) as client:
            return client.chat.completions.create(**self._arguments(text)).choices[0].message.content or ""

    def stream(self, key: str, text: str) -> Generator[str, None, None]:
        """See Sdk."""
        with (
            self._client(key) as client,
            client.chat.completions.create(**self._arguments(text), stream=True) as events,
        ):
            for event in events:
                yield (event.choices[0].delta.content or "") if event.choices else ""

    def refused(self) -> type[Exception]:
        """See Sdk."""
        import openai

        return openai.BadRequestError


class Anthropic:
    """``anthropic``: messages."""

    name, host, kind, service = "anthropic", "api.anthropic.com", "anthropic", "anthropic"

    def _client(self, key: str) -> Any:
        import anthropic

        return anthropic.Anthropic(api_key=key, max_retries=0, timeout=_TIMEOUT_S)

    def _arguments(self, text: str) -> dict[str, Any]:
        turn = {"role": "user", "content": text}
        return {"model": "claude-sonnet-4-5", "max_tokens": _REPLY_TOKENS, "messages": [turn]}

    def chat(self, key: str, text: str) -> str:
        """See Sdk."""
        with self._client(key) as client:
            reply = client.messages.create(**self._arguments(text))
        return "".join(block.text for block in reply.content if block.type == "text")

    def stream(self, key: str, text: str) -> Generator[str, None, None]:
        """See Sdk."""
        with self._client(key) as client, client.messages.create(**self._arguments(text), stream=True) as events:
            for event in events:
                yield getattr(event.delta, "text", "") if event.type == "content_block_delta" else ""

    def refused(self) -> type[Exception]:
        """See Sdk."""
        import anthropic

        return anthropic.BadRequestError


class Gemini:
    """``google-genai``: generateContent."""

    name, host, kind, service = "google-genai", "generativelanguage.googleapis.com", "gemini", "google-gemini"

    def _client(self, key: str) -> Any:
        from google import genai
        from google.genai import types

        retry = types.HttpRetryOptions(attempts=1)
        options = types.HttpOptions(timeout=int(_TIMEOUT_S * 1000), retry_options=retry)
        return genai.Client(api_key=key, vertexai=False, http_options=options)

    def chat(self, key: str, text: str) -> str:
        """See Sdk."""
        with self._client(key) as client:
            return client.models.generate_content(model="gemini-2.5-flash", contents=text).text or ""

    def stream(self, key: str, text: str) -> Generator[str, None, None]:
        """See Sdk."""
        with self._client(key) as client:
            for chunk in client.models.generate_content_stream(model="gemini-2.5-flash", contents=text):
                yield chunk.text or ""

    def refused(self) -> type[Exception]:
        """See Sdk."""
        from google.genai import errors

        return errors.ClientError
