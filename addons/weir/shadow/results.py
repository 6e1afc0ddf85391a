"""Signs in replies that are no chat of the usual forms: vectors, pictures, speech, vendors' and builders' own forms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weir.shadow.signs import Signal, first

__all__ = ["result_signals"]

_STATES = frozenset({"starting", "processing", "succeeded", "failed", "canceled"})


def result_signals(document: dict[str, Any]) -> Iterable[Signal]:
    """Signs in a reply's JSON document, each by keys and types that go together; a few µs."""
    if "results" in document:
        yield from _results(document)
    if "data" in document or "embeddings" in document or "embedding" in document:
        yield from _vectors_and_pictures(document)
    if "text" in document:
        yield from _speech(document)
    if isinstance(document.get("generated_text"), str):
        yield Signal("generated-text", 35, "chat")
    message = document.get("message")
    if isinstance(message, dict) and message.get("role") == "assistant" and "finish_reason" in document:
        yield Signal("assistant-message", 45, "chat")
    urls = document.get("urls")
    if isinstance(urls, dict) and "cancel" in urls and "input" in document and document.get("status") in _STATES:
        yield Signal("prediction", 45, "ai")
    if isinstance(document.get("answer"), str) and "conversation_id" in document and "message_id" in document:
        yield Signal("workflow-answer", 40, "chat")
    metadata = document.get("metadata")
    if "output" in document and isinstance(metadata, dict) and "run_id" in metadata and "feedback_tokens" in metadata:
        yield Signal("chain-output", 45, "chat")


def _results(document: dict[str, Any]) -> Iterable[Signal]:
    item = first(document.get("results"))
    if item is None:
        return
    if "relevance_score" in item and "index" in item:
        yield Signal("relevance", 45, "embeddings")
    elif "category_scores" in item and "flagged" in item:
        yield Signal("moderation", 45, "ai")
    elif "outputText" in item and "inputTextTokenCount" in document:
        yield Signal("output-text", 45, "chat")


def _vectors_and_pictures(document: dict[str, Any]) -> Iterable[Signal]:
    item = first(document.get("data"))
    if item is not None and "created" in document:
        if isinstance(item.get("b64_json"), str):
            yield Signal("picture", 40, "image")
        elif "revised_prompt" in item:
            yield Signal("picture", 35, "image")
        elif isinstance(item.get("url"), str):
            yield Signal("picture", 15, "image")
    if isinstance(document.get("embedding"), list) and "inputTextTokenCount" in document:
        yield Signal("vector", 45, "embeddings")
    vector = document.get("embedding", document.get("embeddings"))
    if isinstance(vector, dict):
        vector = vector.get("values", vector.get("float"))
    if isinstance(vector, list) and vector and isinstance(vector[0], list):
        vector = vector[0]
    if isinstance(vector, list) and len(vector) >= 64 and all(isinstance(x, float) for x in vector[:16]):
        yield Signal("vector", 25, "embeddings")


def _speech(document: dict[str, Any]) -> Iterable[Signal]:
    if not isinstance(document["text"], str):
        return
    if document.get("task") in ("transcribe", "translate") and "segments" in document:
        yield Signal("transcript", 45, "audio")
    elif "generation_id" in document and ("chat_history" in document or "meta" in document):
        yield Signal("generation", 40, "chat")
    elif "chatMessageId" in document and "chatId" in document:
        yield Signal("workflow-answer", 40, "chat")
