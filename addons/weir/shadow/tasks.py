"""Signs in requests that are for something else than chat, or that have a form of their own: a vendor's, a server's."""

from __future__ import annotations

import re
from typing import Any

from weir.shadow.signs import Signal, first

__all__ = ["task_signals"]

_DIFFUSION = frozenset({"negative_prompt", "cfg_scale", "num_inference_steps", "guidance_scale", "sampler_name"})
_SIZE = re.compile(r"\d{3,4}x\d{3,4}\Z")
_VERSION = re.compile(r"(?:[\w.-]+/[\w.-]+:)?[0-9a-f]{64}\Z")
_EMBEDDING = frozenset({"encoding_format", "dimensions", "input_type", "embedding_types"})
_OLLAMA_OPTIONS = frozenset({"num_ctx", "num_predict", "num_gpu", "repeat_penalty", "mirostat"})
_SAMPLING = frozenset(
    ("max_new_tokens", "temperature", "top_p", "top_k", "do_sample", "return_full_text", "repetition_penalty", "seed")
)
_HISTORY_ROLES = frozenset({"USER", "CHATBOT", "SYSTEM", "TOOL"})


def task_signals(document: dict[str, Any]) -> list[Signal]:
    """Signs in a request's JSON document, each by keys and types that go together; a few µs."""
    found = _text(document) if not document.keys().isdisjoint(_TEXT_KEYS) else []
    if "prompt" in document:
        found.extend(_picture(document))
    if "query" in document or "texts" in document or "input" in document:
        found.extend(_vectors(document))
    if (instance := first(document.get("instances"))) is not None and isinstance(instance.get("prompt"), str):
        found.append(Signal("instances-with-prompt", 25, "ai"))
    if (message := first(document.get("messages"))) is not None and isinstance(message.get("author"), dict):
        content = message.get("content")
        if "role" in message["author"] and isinstance(content, dict) and isinstance(content.get("parts"), list):
            found.append(Signal("messages-of-authors", 40, "chat"))
    if "options" in document or "keep_alive" in document:
        options = document.get("options")
        if "keep_alive" in document or (isinstance(options, dict) and not options.keys().isdisjoint(_OLLAMA_OPTIONS)):
            found.append(Signal("ollama-options", 25, "local-server"))
    return found


_TEXT_KEYS = frozenset(
    (
        *("inputs", "inputText", "anthropic_version", "chat_history", "conversationState", "response_mode"),
        *("voice_settings", "voice", "assistant_id", "completion_options", "completionOptions"),
    )
)


def _text(document: dict[str, Any]) -> list[Signal]:
    found: list[Signal] = []
    inputs = document.get("inputs")
    parameters = document.get("parameters")
    if isinstance(inputs, str | list) and isinstance(parameters, dict):
        # A maker of barcodes has inputs and parameters too.
        own = not parameters.keys().isdisjoint(_SAMPLING)
        found.append(Signal("inputs-and-parameters", 25 if own else 5, "ai"))
    if (tensor := first(inputs)) is not None and "datatype" in tensor and "shape" in tensor:
        found.append(Signal("tensors", 40, "local-server"))
    if isinstance(document.get("inputText"), str) and "textGenerationConfig" in document:
        found.append(Signal("input-text", 45, "chat"))
    if isinstance(document.get("anthropic_version"), str):
        found.append(Signal("anthropic-version", 45, "chat"))
    turn = first(document.get("chat_history"))
    if turn is not None and isinstance(turn.get("role"), str) and turn["role"] in _HISTORY_ROLES and "message" in turn:
        found.append(Signal("chat-history", 40, "chat"))
    state = document.get("conversationState")
    if isinstance(state, dict) and "currentMessage" in state:
        found.append(Signal("conversation-state", 40, "agent"))
    if document.get("response_mode") in ("streaming", "blocking") and isinstance(inputs, dict):
        found.append(Signal("workflow-inputs", 40, "chat"))
    if isinstance(document.get("voice_settings"), dict) and isinstance(document.get("text"), str):
        found.append(Signal("voice-settings", 40, "audio"))
    elif isinstance(document.get("input"), str) and isinstance(document.get("voice"), str) and "model" in document:
        found.append(Signal("speech", 30, "audio"))
    identity = document.get("assistant_id")
    if isinstance(identity, str) and identity.startswith("asst_"):
        found.append(Signal("assistant-id", 35, "chat"))
    return found


def _picture(document: dict[str, Any]) -> list[Signal]:
    prompt = document["prompt"]
    if isinstance(prompt, dict):
        # ComfyUI's workflow: numbered nodes, each of a class.
        node = next(iter(prompt.values()), None)
        if isinstance(node, dict) and "class_type" in node and "inputs" in node:
            return [Signal("node-graph", 45, "image")]
        return []
    if not isinstance(prompt, str):
        return []
    if not document.keys().isdisjoint(_DIFFUSION):
        return [Signal("diffusion", 30, "image")]
    size = document.get("size")
    if isinstance(size, str) and _SIZE.match(size):
        return [Signal("picture-size", 25, "image")]
    return []


def _vectors(document: dict[str, Any]) -> list[Signal]:
    query, documents = document.get("query"), document.get("documents", document.get("texts"))
    if isinstance(query, str) and isinstance(documents, list) and documents:
        return [Signal("query-and-documents", 25 if "model" in document or "top_n" in document else 15, "embeddings")]
    own = "model" in document and not document.keys().isdisjoint(_EMBEDDING)
    if own and isinstance(document.get("texts", document.get("input")), str | list):
        return [Signal("texts-for-vectors", 25, "embeddings")]
    version, given = document.get("version"), document.get("input")
    if isinstance(given, dict):
        turn = first(given.get("messages"))
        if turn is not None and "role" in turn and "content" in turn and "model" in document:
            return [Signal("messages-in-input", 40, "chat")]
        if isinstance(version, str) and _VERSION.match(version):
            return [Signal("pinned-version", 35, "ai")]
        if isinstance(given.get("prompt"), str):
            return [Signal("prompt-in-input", 10, "ai")]
    return []
