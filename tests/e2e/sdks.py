"""The three SDKs behind one face, so that a test can be run on each of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import anthropic
import openai
from google import genai
from google.genai import errors, types

from e2e.support import only_http2
from harness.clients import trust
from harness.weir import Weir

__all__ = ["SDKS", "Anthropic", "Gemini", "OpenAI", "Sdk"]

_TIMEOUT_S = 30.0
_TOOL = "note"
_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}


class Sdk(Protocol):
    """``retries`` is left to the SDK unless a test says otherwise: what it does by itself is what people see."""

    name: str
    host: str
    service: str
    model: str
    refused: type[Exception]
    unauthorised: type[Exception]

    def chat(self, text: str) -> str:
        """One question, one whole reply."""
        ...

    def stream(self, text: str) -> Iterator[str]:
        """The same, streamed: the texts of its events."""
        ...

    def tool(self, text: str, *, streamed: bool) -> str:
        """Offer a tool; the argument ``text`` of the call that comes back."""
        ...

    async def achat(self, text: str) -> str:
        """``chat`` with the SDK's asynchronous client."""
        ...

    def astream(self, text: str) -> AsyncIterator[str]:
        """``stream`` with the SDK's asynchronous client."""
        ...


@dataclass
class _Given:
    """Where an SDK is led: through this proxy, to this port, with this key."""

    weir: Weir
    key: str = field(repr=False)
    port: int = 443
    http2: bool = False
    proxy: str = ""

    def http(self) -> dict[str, Any]:
        """The arguments of a client, sync or not."""
        return {
            "proxy": self.proxy or self.weir.url,
            "verify": only_http2(self.weir.ca) if self.http2 else trust(self.weir.ca),
            "http2": self.http2,
            "timeout": _TIMEOUT_S,
            "trust_env": False,
        }

    def base(self, host: str) -> str:
        return f"https://{host}" if self.port == 443 else f"https://{host}:{self.port}"


class OpenAI(_Given):
    """``openai``: chat completions."""

    name, host, service, model = "openai", "api.openai.com", "openai", "gpt-5-mini"
    refused, unauthorised = openai.BadRequestError, openai.AuthenticationError

    @property
    def client(self) -> openai.OpenAI:
        http = openai.DefaultHttpxClient(**self.http())
        return openai.OpenAI(api_key=self.key, base_url=f"{self.base(self.host)}/v1", http_client=http)

    @property
    def _aclient(self) -> openai.AsyncOpenAI:
        http = openai.DefaultAsyncHttpxClient(**self.http())
        return openai.AsyncOpenAI(api_key=self.key, base_url=f"{self.base(self.host)}/v1", http_client=http)

    def _ask(self, text: str) -> dict[str, Any]:
        return {"model": self.model, "messages": [{"role": "user", "content": text}]}

    def chat(self, text: str) -> str:
        with self.client as client:
            return client.chat.completions.create(**self._ask(text)).choices[0].message.content or ""

    def stream(self, text: str) -> Iterator[str]:
        with self.client as client, client.chat.completions.create(**self._ask(text), stream=True) as events:
            for event in events:
                yield from (choice.delta.content for choice in event.choices if choice.delta.content)

    def tool(self, text: str, *, streamed: bool) -> str:
        ask = {**self._ask(text), "tools": [{"type": "function", "function": {"name": _TOOL, "parameters": _SCHEMA}}]}
        with self.client as client:
            if not streamed:
                calls = client.chat.completions.create(**ask).choices[0].message.tool_calls
                return str(json.loads(calls[0].function.arguments)["text"])
            spelled = ""
            for event in client.chat.completions.create(**ask, stream=True):
                for choice in event.choices:
                    spelled += "".join(call.function.arguments or "" for call in choice.delta.tool_calls or [])
            return str(json.loads(spelled)["text"])

    async def achat(self, text: str) -> str:
        async with self._aclient as client:
            return (await client.chat.completions.create(**self._ask(text))).choices[0].message.content or ""

    async def astream(self, text: str) -> AsyncIterator[str]:
        async with self._aclient as client:
            async for event in await client.chat.completions.create(**self._ask(text), stream=True):
                for choice in event.choices:
                    yield choice.delta.content or ""


class Anthropic(_Given):
    """``anthropic``: messages."""

    name, host, service, model = "anthropic", "api.anthropic.com", "anthropic", "claude-sonnet-4-5"
    refused, unauthorised = anthropic.BadRequestError, anthropic.AuthenticationError

    @property
    def client(self) -> anthropic.Anthropic:
        http = anthropic.DefaultHttpxClient(**self.http())
        return anthropic.Anthropic(api_key=self.key, base_url=self.base(self.host), http_client=http)

    @property
    def _aclient(self) -> anthropic.AsyncAnthropic:
        http = anthropic.DefaultAsyncHttpxClient(**self.http())
        return anthropic.AsyncAnthropic(api_key=self.key, base_url=self.base(self.host), http_client=http)

    def _ask(self, text: str) -> dict[str, Any]:
        return {"model": self.model, "max_tokens": 500, "messages": [{"role": "user", "content": text}]}

    def chat(self, text: str) -> str:
        with self.client as client:
            return str(client.messages.create(**self._ask(text)).content[0].text)

    def stream(self, text: str) -> Iterator[str]:
        with self.client as client, client.messages.stream(**self._ask(text)) as events:
            yield from events.text_stream

    def tool(self, text: str, *, streamed: bool) -> str:
        ask = {**self._ask(text), "tools": [{"name": _TOOL, "input_schema": _SCHEMA}]}
        with self.client as client:
            if not streamed:
                return str(client.messages.create(**ask).content[0].input["text"])
            with client.messages.stream(**ask) as events:
                return str(events.get_final_message().content[0].input["text"])

    async def achat(self, text: str) -> str:
        async with self._aclient as client:
            return str((await client.messages.create(**self._ask(text))).content[0].text)

    async def astream(self, text: str) -> AsyncIterator[str]:
        async with self._aclient as client, client.messages.stream(**self._ask(text)) as events:
            async for piece in events.text_stream:
                yield piece


class Gemini(_Given):
    """``google-genai``: generateContent."""

    name, host, service, model = "gemini", "generativelanguage.googleapis.com", "google-gemini", "gemini-2.5-flash"
    refused = unauthorised = errors.ClientError

    @property
    def client(self) -> genai.Client:
        arguments = self.http()
        timeout = int(arguments.pop("timeout") * 1000)
        later = {**arguments, "ssl": trust(self.weir.ca)}  # asynchronous ones are aiohttp's where that is installed
        options = types.HttpOptions(
            base_url=self.base(self.host), client_args=arguments, async_client_args=later, timeout=timeout
        )
        return genai.Client(api_key=self.key, vertexai=False, http_options=options)

    def chat(self, text: str) -> str:
        client = self.client  # it closes its connections when it goes
        return client.models.generate_content(model=self.model, contents=text).text or ""

    def stream(self, text: str) -> Iterator[str]:
        client = self.client
        for chunk in client.models.generate_content_stream(model=self.model, contents=text):
            yield chunk.text or ""

    def tool(self, text: str, *, streamed: bool) -> str:
        function = types.FunctionDeclaration(name=_TOOL, parameters_json_schema=_SCHEMA)
        ask: dict[str, Any] = {
            "model": self.model,
            "contents": text,
            "config": types.GenerateContentConfig(tools=[types.Tool(function_declarations=[function])]),
        }
        client = self.client
        if not streamed:
            return str(client.models.generate_content(**ask).function_calls[0].args["text"])
        calls = [call for part in client.models.generate_content_stream(**ask) for call in part.function_calls or []]
        return str(calls[0].args["text"])

    async def achat(self, text: str) -> str:
        client = self.client
        return (await client.aio.models.generate_content(model=self.model, contents=text)).text or ""

    async def astream(self, text: str) -> AsyncIterator[str]:
        client = self.client
        async for chunk in await client.aio.models.generate_content_stream(model=self.model, contents=text):
            yield chunk.text or ""


SDKS = (OpenAI, Anthropic, Gemini)
