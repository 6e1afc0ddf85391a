from __future__ import annotations

import pytest

from weir.providers.services.shapes import guess


@pytest.mark.parametrize(
    ("path", "dialect", "operation"),
    [
        ("/v1/chat/completions", "openai_chat", "chat"),
        ("/a/b/c/d/e/chat/completions", "openai_chat", "chat"),
        ("/a/b/c/d/e/f/chat/completions", "", ""),
        ("/x/completions", "openai_chat", "completions"),
        ("/api/v1/responses", "openai_responses", "responses"),
        ("/api/v1/embeddings", "openai_embeddings", "embeddings"),
        ("/proxy/v1/messages", "anthropic_messages", "messages"),
        ("/messages", "", ""),
        ("/v1/messages/count_tokens", "anthropic_messages", "count_tokens"),
        (
            "/v1/projects/p/locations/l/publishers/google/models/g:generateContent",
            "gemini_generate",
            "generate_content",
        ),
        ("/v1internal:streamGenerateContent?alt=sse", "gemini_cli", "generate_content"),
        ("/v1/publishers/google/models/imagen-4:predict", "gemini_predict", "predict"),
        ("/v1/publishers/meta/models/llama:rawPredict", "prompt_json", "predict"),
        ("/v1/interactions", "gemini_interactions", "interactions"),
        ("/endpoints/e/invocations-response-stream", "sagemaker", "invoke"),
        ("/v1/predictions", "replicate", "predict"),
        ("/model/anthropic.claude/invoke", "bedrock_invoke", "invoke"),
        ("/model/a%3Ab%2Fc/converse-stream", "bedrock_converse", "converse"),
        ("/v1/images/generations", "openai_images", "images"),
        ("/v1/rerank", "cohere_embed", "rerank"),
        ("/v2/rerank", "cohere_embed", "rerank"),
        ("/proxy/v2/chat", "cohere_chat", "chat"),
        ("/v2/embed", "cohere_embed", "embeddings"),
        ("/api/chat", "ollama", "chat"),
        ("/app/api/chat", "", ""),
        ("/api/generate", "ollama", "completions"),
        ("/api/embed", "ollama", "embeddings"),
        ("/", "", ""),
        ("/index.html", "", ""),
    ],
)
def test_shapes(path: str, dialect: str, operation: str) -> None:
    found = guess(path)
    assert (found.service, found.dialect, found.operation) == ("", dialect, operation)


def test_model_and_stream_from_the_path() -> None:
    found = guess("/v1beta/models/g-2:streamGenerateContent")
    assert (found.model, found.stream) == ("g-2", True)
    assert guess("/model/a%3Ab%2Fc/converse").model == "a:b/c"
