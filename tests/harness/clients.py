"""Clients as people use them, with nothing changed but their proxy and their trust."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import httpx

__all__ = ["anthropic_client", "client", "gemini_client", "openai_client", "trust"]

_TIMEOUT_S = 30.0


def trust(ca: Path) -> ssl.SSLContext:
    """A client context that trusts ``ca`` alone: a reply from elsewhere cannot pass for one through the proxy."""
    return ssl.create_default_context(cafile=str(ca))


def client(proxy: str, ca: Path, *, http2: bool = False, headers: dict[str, str] | None = None) -> httpx.Client:
    """A plain HTTP client through the proxy. ``proxy`` may hold credentials; HTTP/2 is offered with ``http2``."""
    return httpx.Client(
        proxy=proxy, verify=trust(ca), http2=http2, timeout=_TIMEOUT_S, trust_env=False, headers=headers
    )


def openai_client(proxy: str, ca: Path, key: str, *, http2: bool = False, **options: Any) -> Any:
    """The ``openai`` SDK. It does not retry, so that a test sees what happened first."""
    import openai

    http = openai.DefaultHttpxClient(proxy=proxy, verify=trust(ca), http2=http2, timeout=_TIMEOUT_S, trust_env=False)
    return openai.OpenAI(api_key=key, http_client=http, max_retries=0, base_url="https://api.openai.com/v1", **options)


def anthropic_client(proxy: str, ca: Path, key: str, *, http2: bool = False, **options: Any) -> Any:
    """The ``anthropic`` SDK, without retries."""
    import anthropic

    http = anthropic.DefaultHttpxClient(proxy=proxy, verify=trust(ca), http2=http2, timeout=_TIMEOUT_S, trust_env=False)
    return anthropic.Anthropic(
        api_key=key, http_client=http, max_retries=0, base_url="https://api.anthropic.com", **options
    )


def gemini_client(proxy: str, ca: Path, key: str, *, http2: bool = False) -> Any:
    """The ``google-genai`` SDK, without retries."""
    from google import genai
    from google.genai import types

    arguments = {"proxy": proxy, "verify": trust(ca), "http2": http2, "trust_env": False}
    options = types.HttpOptions(
        client_args=arguments, timeout=int(_TIMEOUT_S * 1000), retry_options=types.HttpRetryOptions(attempts=1)
    )
    return genai.Client(api_key=key, vertexai=False, http_options=options)
