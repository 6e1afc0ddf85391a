"""More SDKs behind one face, made as their documentation says: all they know of weir stands in the environment."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

__all__ = ["CLIENTS", "Base", "Client", "environment"]


class Client(Protocol):
    """What a test does with each of them. A method that an SDK has nothing for is left out."""

    name: str
    host: str
    service: str
    operation: str
    model: str
    answers_with_model: bool
    refused: type[Exception]

    def chat(self, text: str) -> str: ...
    def stream(self, text: str) -> Iterator[str]: ...


def environment(said: str) -> dict[str, str]:
    """The variables that ``weir env --shell sh`` told to set."""
    lines = (line.removeprefix("export ").partition("=") for line in said.splitlines() if line.startswith("export "))
    return {name: value.strip("'") for name, _, value in lines}


def _turns(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


class Base:
    """What most of them have in common."""

    answers_with_model = True
    operation = "chat"
    embeds = True  # and counts what it read

    def __init__(self, key: str) -> None:
        self.key = key
        self.sdk = importlib.import_module(self.module)

    module = ""


class Mistral(Base):
    """``mistralai``."""

    name, host, service, model, module = (
        "mistralai", "api.mistral.ai", "mistral", "mistral-large-latest", "mistralai.client",
    )  # fmt: skip

    @property
    def refused(self) -> type[Exception]:
        return importlib.import_module("mistralai.client.errors").SDKError  # type: ignore[no-any-return]

    @property
    def client(self) -> Any:
        return self.sdk.Mistral(api_key=self.key)

    def chat(self, text: str) -> str:
        with self.client as client:
            return str(client.chat.complete(model=self.model, messages=_turns(text)).choices[0].message.content)

    def stream(self, text: str) -> Iterator[str]:
        with self.client as client:
            for event in client.chat.stream(model=self.model, messages=_turns(text)):
                yield event.data.choices[0].delta.content or ""

    async def achat(self, text: str) -> str:
        async with self.client as client:
            done = await client.chat.complete_async(model=self.model, messages=_turns(text))
            return str(done.choices[0].message.content)

    async def astream(self, text: str) -> AsyncIterator[str]:
        async with self.client as client:
            async for event in await client.chat.stream_async(model=self.model, messages=_turns(text)):
                yield event.data.choices[0].delta.content or ""

    def embed(self, text: str) -> list[float]:
        with self.client as client:
            return list(client.embeddings.create(model="mistral-embed", inputs=[text]).data[0].embedding)


class Cohere(Base):
    """``cohere``, the second version of its API. Its replies don't name the model."""

    name, host, service, model, module = "cohere", "api.cohere.com", "cohere", "command-a-03-2025", "cohere"
    answers_with_model = False

    @property
    def refused(self) -> type[Exception]:
        return self.sdk.BadRequestError  # type: ignore[no-any-return]

    def chat(self, text: str) -> str:
        done = self.sdk.ClientV2(self.key).chat(model=self.model, messages=_turns(text))
        return str(done.message.content[0].text)

    def stream(self, text: str) -> Iterator[str]:
        for event in self.sdk.ClientV2(self.key).chat_stream(model=self.model, messages=_turns(text)):
            if event.type == "content-delta":
                yield event.delta.message.content.text

    async def achat(self, text: str) -> str:
        done = await self.sdk.AsyncClientV2(self.key).chat(model=self.model, messages=_turns(text))
        return str(done.message.content[0].text)

    async def astream(self, text: str) -> AsyncIterator[str]:
        async for event in self.sdk.AsyncClientV2(self.key).chat_stream(model=self.model, messages=_turns(text)):
            if event.type == "content-delta":
                yield event.delta.message.content.text

    def embed(self, text: str) -> list[float]:
        asked = {"model": "embed-v4.0", "texts": [text], "input_type": "search_query", "embedding_types": ["float"]}
        return list(self.sdk.ClientV2(self.key).embed(**asked).embeddings.float_[0])

    def rerank(self, query: str, documents: list[str]) -> list[int]:
        """The documents' numbers, best first."""
        done = self.sdk.ClientV2(self.key).rerank(model="rerank-v3.5", query=query, documents=documents)
        return [row.index for row in done.results]


class Groq(Base):
    """``groq``."""

    name, host, service, model, module = "groq", "api.groq.com", "groq", "llama-3.3-70b-versatile", "groq"
    embeds = False

    @property
    def refused(self) -> type[Exception]:
        return self.sdk.BadRequestError  # type: ignore[no-any-return]

    def chat(self, text: str) -> str:
        with self.sdk.Groq(api_key=self.key) as client:
            done = client.chat.completions.create(model=self.model, messages=_turns(text))
            return str(done.choices[0].message.content)

    def stream(self, text: str) -> Iterator[str]:
        with self.sdk.Groq(api_key=self.key) as client:
            for event in client.chat.completions.create(model=self.model, messages=_turns(text), stream=True):
                yield event.choices[0].delta.content or ""

    async def achat(self, text: str) -> str:
        async with self.sdk.AsyncGroq(api_key=self.key) as client:
            done = await client.chat.completions.create(model=self.model, messages=_turns(text))
            return str(done.choices[0].message.content)

    async def astream(self, text: str) -> AsyncIterator[str]:
        async with self.sdk.AsyncGroq(api_key=self.key) as client:
            asked = client.chat.completions.create(model=self.model, messages=_turns(text), stream=True)
            async for event in await asked:
                yield event.choices[0].delta.content or ""


class Ollama(Base):
    """``ollama`` against its cloud."""

    name, host, service, model, module = "ollama", "ollama.com", "ollama-cloud", "gpt-oss:20b", "ollama"

    @property
    def refused(self) -> type[Exception]:
        return self.sdk.ResponseError  # type: ignore[no-any-return]

    def _given(self) -> dict[str, Any]:
        return {"host": "https://ollama.com", "headers": {"Authorization": f"Bearer {self.key}"}}

    def chat(self, text: str) -> str:
        return str(self.sdk.Client(**self._given()).chat(model=self.model, messages=_turns(text)).message.content)

    def stream(self, text: str) -> Iterator[str]:
        for part in self.sdk.Client(**self._given()).chat(model=self.model, messages=_turns(text), stream=True):
            yield part.message.content or ""

    async def achat(self, text: str) -> str:
        done = await self.sdk.AsyncClient(**self._given()).chat(model=self.model, messages=_turns(text))
        return str(done.message.content)

    async def astream(self, text: str) -> AsyncIterator[str]:
        asked = self.sdk.AsyncClient(**self._given()).chat(model=self.model, messages=_turns(text), stream=True)
        async for part in await asked:
            yield part.message.content or ""

    def embed(self, text: str) -> list[float]:
        return list(self.sdk.Client(**self._given()).embed(model=self.model, input=text).embeddings[0])


class LangChain(Base):
    """``langchain-openai``: chat models and embeddings."""

    name, host, service, model, module = (
        "langchain-openai", "api.openai.com", "openai", "gpt-5-mini", "langchain_openai",
    )  # fmt: skip

    @property
    def refused(self) -> type[Exception]:
        return importlib.import_module("openai").BadRequestError  # type: ignore[no-any-return]

    def _chat(self) -> Any:
        return self.sdk.ChatOpenAI(model=self.model, api_key=self.key)

    def chat(self, text: str) -> str:
        return str(self._chat().invoke(text).content)

    def stream(self, text: str) -> Iterator[str]:
        for part in self._chat().stream(text):
            yield str(part.content)

    async def achat(self, text: str) -> str:
        return str((await self._chat().ainvoke(text)).content)

    async def astream(self, text: str) -> AsyncIterator[str]:
        async for part in self._chat().astream(text):
            yield str(part.content)

    def embed(self, text: str) -> list[float]:
        # Unless told not to it sends token ids, for which it fetches a vocabulary.
        given = {"model": "text-embedding-3-small", "api_key": self.key, "check_embedding_ctx_length": False}
        return list(self.sdk.OpenAIEmbeddings(**given).embed_query(text))


class LiteLLM(Base):
    """``litellm`` as a client, of Anthropic's API: it speaks OpenAI's format to its caller alone."""

    name, host, service, model, module = (
        "litellm", "api.anthropic.com", "anthropic", "claude-sonnet-4-5", "litellm",
    )  # fmt: skip
    operation, embeds = "messages", False

    @property
    def refused(self) -> type[Exception]:
        return self.sdk.BadRequestError  # type: ignore[no-any-return]

    def _ask(self, text: str, **more: Any) -> dict[str, Any]:
        return {"model": f"anthropic/{self.model}", "messages": _turns(text), "api_key": self.key, **more}

    def chat(self, text: str) -> str:
        return str(self.sdk.completion(**self._ask(text)).choices[0].message.content)

    def stream(self, text: str) -> Iterator[str]:
        for part in self.sdk.completion(**self._ask(text, stream=True)):
            yield part.choices[0].delta.content or ""

    async def achat(self, text: str) -> str:
        return str((await self.sdk.acompletion(**self._ask(text))).choices[0].message.content)

    async def astream(self, text: str) -> AsyncIterator[str]:
        async for part in await self.sdk.acompletion(**self._ask(text, stream=True)):
            yield part.choices[0].delta.content or ""


CLIENTS = (Mistral, Cohere, Groq, Ollama, LangChain, LiteLLM)
