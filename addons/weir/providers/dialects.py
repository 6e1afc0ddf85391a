"""The dialects there are, by id. A new wire format is a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from weir.ports import Dialect
from weir.providers.anthropic_messages import AnthropicMessages
from weir.providers.bedrock_converse import BedrockConverse
from weir.providers.bedrock_invoke import BedrockInvoke
from weir.providers.cohere_chat import CohereChat
from weir.providers.cohere_embed import CohereEmbed
from weir.providers.gemini_generate import GeminiGenerate
from weir.providers.ollama import Ollama
from weir.providers.openai_chat import OpenAIChat
from weir.providers.openai_embeddings import OpenAIEmbeddings
from weir.providers.openai_responses import OpenAIResponses
from weir.providers.uploads import Upload

__all__ = ["dialects"]


def dialects(usage_always: frozenset[str]) -> Mapping[str, Dialect]:
    """A fresh set of dialects. ``usage_always``: ids of services whose streams report usage without being asked."""
    chat, messages, gemini = OpenAIChat(usage_always), AnthropicMessages(), GeminiGenerate()
    found: tuple[Dialect, ...] = (
        chat,
        OpenAIResponses(),
        OpenAIEmbeddings(),
        messages,
        gemini,
        BedrockConverse(),
        BedrockInvoke(),
        CohereChat(),
        CohereEmbed(),
        Ollama(),
        Upload("openai_upload", chat),
        Upload("anthropic_upload", messages),
        Upload("gemini_upload", gemini, raw=True),
    )
    return {dialect.id: dialect for dialect in found}
