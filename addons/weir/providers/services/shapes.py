"""What a path looks like, whatever host it is on: many servers speak the wire formats of a few."""

from __future__ import annotations

from weir.model import Endpoint
from weir.providers.services.paths import Template, readings, split_query

__all__ = ["guess"]

# (template of the path's end, segments that may stand before it, dialect, operation, stream)
_SHAPES: tuple[tuple[Template, int, str, str, bool], ...] = tuple(
    (Template.parse(text), before, dialect, operation, stream)
    for text, before, dialect, operation, stream in (
        ("/chat/completions", 5, "openai_chat", "chat", False),
        ("/responses/input_tokens", 5, "openai_responses", "count_tokens", False),
        ("/responses/compact", 5, "openai_responses", "compact", False),
        ("/responses", 5, "openai_responses", "responses", False),
        ("/embeddings", 5, "openai_embeddings", "embeddings", False),
        ("/images/generations", 5, "openai_images", "images", False),
        ("/images/edits", 5, "openai_upload", "images", False),
        ("/images/variations", 5, "openai_upload", "images", False),
        ("/audio/speech", 5, "openai_audio_speech", "audio", False),
        ("/audio/transcriptions", 5, "openai_upload", "audio", False),
        ("/audio/translations", 5, "openai_upload", "audio", False),
        ("/moderations", 5, "openai_moderations", "moderations", False),
        ("/rerank", 5, "cohere_embed", "rerank", False),
        ("/realtime", 5, "", "realtime", False),
        ("/v1/messages/count_tokens", 3, "anthropic_messages", "count_tokens", False),
        ("/v1/messages/batches", 3, "anthropic_batches", "batches", False),
        ("/v1/messages", 3, "anthropic_messages", "messages", False),
        ("/models/{model}:generateContent", 8, "gemini_generate", "generate_content", False),
        ("/models/{model}:streamGenerateContent", 8, "gemini_generate", "generate_content", True),
        ("/models/{model}:countTokens", 8, "gemini_generate", "count_tokens", False),
        ("/models/{model}:embedContent", 8, "gemini_generate", "embeddings", False),
        ("/models/{model}:batchEmbedContents", 8, "gemini_generate", "embeddings", False),
        ("/models/{model}:rawPredict", 8, "prompt_json", "predict", False),
        ("/models/{model}:streamRawPredict", 8, "prompt_json", "predict", True),
        ("/models/{model}:predict", 8, "gemini_predict", "predict", False),
        ("/models/{model}:predictLongRunning", 8, "gemini_predict", "predict", False),
        ("/v1internal:generateContent", 1, "gemini_cli", "generate_content", False),
        ("/v1internal:streamGenerateContent", 1, "gemini_cli", "generate_content", True),
        ("/interactions", 2, "gemini_interactions", "interactions", False),
        ("/model/{model}/invoke", 2, "bedrock_invoke", "invoke", False),
        ("/model/{model}/invoke-with-response-stream", 2, "bedrock_invoke", "invoke", True),
        ("/model/{model}/invoke-with-bidirectional-stream", 2, "", "invoke", True),
        ("/model/{model}/converse", 2, "bedrock_converse", "converse", False),
        ("/model/{model}/converse-stream", 2, "bedrock_converse", "converse", True),
        ("/model/{model}/count-tokens", 2, "bedrock_converse", "count_tokens", False),
        ("/serving-endpoints/{model}/invocations", 2, "databricks", "invoke", False),
        ("/endpoints/{model}/invocations", 2, "sagemaker", "invoke", False),
        ("/endpoints/{model}/invocations-response-stream", 2, "sagemaker", "invoke", True),
        ("/v2/chat", 2, "cohere_chat", "chat", False),
        ("/v2/embed", 2, "cohere_embed", "embeddings", False),
        ("/api/chat", 0, "ollama", "chat", False),
        ("/api/generate", 0, "ollama", "completions", False),
        ("/api/embed", 0, "ollama", "embeddings", False),
        ("/v1/predictions", 2, "replicate", "predict", False),
        ("/text-to-speech/{voice}", 2, "elevenlabs", "audio", False),
        ("/stable-image/generate/{model}", 2, "stability_upload", "images", False),
        # Last, as it is the least telling.
        ("/completions", 5, "openai_chat", "completions", False),
    )
)


def guess(path: str) -> Endpoint:
    """The endpoint that ``path`` (with its query) looks like; service, and all else when nothing fits, is ``""``."""
    plain, query = split_query(path)
    for segments in readings(plain):
        for template, before, dialect, operation, stream in _SHAPES:
            values = template.match_end(segments, before)
            if values is not None:
                streams = stream or query.get("alt", "").lower() == "sse"
                return Endpoint("", dialect, operation, template.text, values.get("model", ""), streams)
    return Endpoint("", "", "")
