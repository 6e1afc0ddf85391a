"""Which double answers for which host, and the keys the paid ones accept."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from . import (
    shapes_anthropic,
    shapes_bedrock,
    shapes_cohere,
    shapes_gemini,
    shapes_ollama,
    shapes_openai,
    shapes_relatives,
    shapes_web,
)
from .shapes import Answer, Ask, message
from .tlsfiles import write_private

__all__ = ["DOUBLES", "HOSTS", "failure", "keys_for", "kind_of"]

DOUBLES: Mapping[str, Callable[[Ask, Collection[str]], Answer]] = {
    "openai": shapes_openai.answer,
    "anthropic": shapes_anthropic.answer,
    "gemini": shapes_gemini.answer,
    "bedrock": shapes_bedrock.answer,
    "cohere": shapes_cohere.answer,
    "groq": shapes_relatives.groq,
    "mistral": shapes_relatives.mistral,
    "ollama": shapes_ollama.answer,
    "compatible": shapes_openai.compatible,
    "chat_app": shapes_web.chat_app,
    "json_api": shapes_web.json_api,
    "site": shapes_web.site,
}
HOSTS: Mapping[str, str] = {
    "api.openai.com": "openai",
    "eu.api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
    "bedrock-runtime.us-east-1.amazonaws.com": "bedrock",
    "api.cohere.com": "cohere",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "ollama.com": "ollama",
    "api.deepseek.com": "compatible",
    "inference.lab.example": "compatible",  # in nobody's catalogue
    "chat.deepseek.com": "chat_app",
    "chatgpt.com": "chat_app",
    "claude.ai": "chat_app",
    "api.orders.example": "json_api",
    "www.news.example": "site",
}
_ALPHANUMERIC = string.ascii_letters + string.digits


def kind_of(host: str, extra: Mapping[str, str]) -> str:
    """The kind of double for a host (port ignored); hosts nobody named are plain sites, or APIs if called ``api.…``."""
    name = host.lower().rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host.lower()
    known = extra.get(name) or HOSTS.get(name)
    return known or ("json_api" if name.startswith("api.") else "site")


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))


def keys_for(folder: Path, given: Mapping[str, str]) -> Path:
    """Write the keys that the doubles accept to ``folder/keys.json`` (0600): ``given`` ones, new ones for the rest.

    New keys have the providers' own formats, so that detectors take them for what they are.
    """
    made = {
        "openai": f"sk-proj-{_random(74)}T3BlbkFJ{_random(74)}",
        "anthropic": f"sk-ant-api03-{_random(93)}AA",
        "gemini": f"AIza{_random(35)}",
        "bedrock": _random(40),  # as a bearer key, and as the secret half of an access key
        "cohere": _random(40),
        "groq": f"gsk_{_random(52)}",
        "mistral": _random(32),
        "ollama": f"{secrets.token_hex(16)}.{_random(24)}",
    }
    path = folder / "keys.json"
    write_private(path, json.dumps({**made, **given}).encode())
    return path


def failure(kind: str, status: int, text: str) -> Answer:
    """An error in the shape of that kind of double."""
    if kind == "anthropic":
        return shapes_anthropic.error(status, text, "overloaded_error" if status == 529 else "api_error")
    if kind == "gemini":
        return shapes_gemini.error(status, text, "UNAVAILABLE" if status >= 500 else "INVALID_ARGUMENT")
    if kind == "bedrock":
        return shapes_bedrock.error(status, text, "InternalServerException" if status >= 500 else "ValidationException")
    if kind == "cohere":
        return shapes_cohere.error(status, text)
    if kind == "ollama":
        return shapes_ollama.error(status, text)
    if kind in ("openai", "compatible", "groq", "mistral"):
        return shapes_openai.error(status, text, "server_error" if status >= 500 else "invalid_request_error")
    return message(status, {"detail": text})
