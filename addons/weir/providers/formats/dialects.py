"""The dialects there are, by id. A new wire format is a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from weir.ports import Dialect
from weir.providers.formats.anthropic_batches import AnthropicBatches, AnthropicResults
from weir.providers.formats.anthropic_complete import AnthropicComplete
from weir.providers.formats.anthropic_messages import AnthropicMessages
from weir.providers.formats.base import BaseDialect
from weir.providers.formats.bedrock_converse import BedrockConverse
from weir.providers.formats.bedrock_invoke import BedrockInvoke
from weir.providers.formats.cohere_chat import CohereChat
from weir.providers.formats.cohere_embed import CohereEmbed
from weir.providers.formats.gemini_generate import GeminiGenerate
from weir.providers.formats.ollama import Ollama
from weir.providers.formats.openai_audio_speech import OpenAIAudioSpeech
from weir.providers.formats.openai_batches import OpenAIBatches, OpenAIResults
from weir.providers.formats.openai_chat import OpenAIChat
from weir.providers.formats.openai_embeddings import OpenAIEmbeddings
from weir.providers.formats.openai_images import OpenAIImages
from weir.providers.formats.openai_json import AnthropicJson, OpenAIJson
from weir.providers.formats.openai_moderations import OpenAIModerations
from weir.providers.formats.openai_responses import OpenAIResponses
from weir.providers.formats.others import other_dialects
from weir.providers.formats.web import web_dialects
from weir.providers.requests.batchlines import BatchLines
from weir.providers.requests.uploads import Upload

__all__ = ["dialects"]


def dialects(usage_always: frozenset[str]) -> Mapping[str, Dialect]:
    """A fresh set of dialects. ``usage_always``: ids of services whose streams report usage without being asked."""
    chat, messages, gemini = OpenAIChat(usage_always), AnthropicMessages(), GeminiGenerate()
    found: tuple[Dialect, ...] = (
        chat,
        OpenAIResponses(),
        OpenAIEmbeddings(),
        OpenAIImages(),
        OpenAIAudioSpeech(),
        OpenAIModerations(),
        OpenAIBatches(),
        OpenAIResults(),
        OpenAIJson(),
        AnthropicBatches(),
        AnthropicResults(),
        AnthropicComplete(),
        AnthropicJson(),
        messages,
        gemini,
        BedrockConverse(),
        BedrockInvoke(),
        CohereChat(),
        CohereEmbed(),
        Ollama(),
        *other_dialects(),
        *web_dialects(),
        Upload("openai_upload", chat, lines=BatchLines(_batched(chat))),
        Upload("anthropic_upload", messages),
        Upload("gemini_upload", gemini, raw=True),
    )
    return {dialect.id: dialect for dialect in found}


def _batched(chat: OpenAIChat) -> Mapping[str, BaseDialect]:
    """Which dialect reads the bodies of a batch, by how their paths end; the last one takes what is left."""
    return {
        "/chat/completions": chat,
        "/responses": OpenAIResponses(),
        "/embeddings": OpenAIEmbeddings(),
        "/completions": chat,
        "/moderations": OpenAIModerations(),
        "/images/generations": OpenAIImages(),
        "": OpenAIJson(),
    }
