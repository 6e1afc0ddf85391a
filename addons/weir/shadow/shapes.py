"""What a request body's shape says: which of the forms that AI requests have it takes. Never its content."""

from __future__ import annotations

import re
from json import detect_encoding
from typing import Any

from weir.shadow.agents import a2a_message, rpc_shape
from weir.shadow.signs import Signal, after_key, first, load_json
from weir.shadow.tasks import task_signals

__all__ = ["request_shape"]

_TEXT = (str, list)
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function", "model"})
_PARTS = frozenset({"text", "inlineData", "inline_data", "fileData", "file_data", "functionCall", "functionResponse"})
# Parameters that only a model call has, and ones that a thermostat or a video player could have too.
_OWN_PARAMETERS = frozenset(
    (
        *("max_completion_tokens", "max_output_tokens", "maxOutputTokens", "max_tokens", "max_new_tokens"),
        *("stream_options", "tool_choice", "toolConfig", "response_format", "reasoning_effort", "top_logprobs"),
        *("generationConfig", "inferenceConfig", "systemInstruction", "stop_sequences", "num_predict", "n_predict"),
        *("frequency_penalty", "presence_penalty", "repetition_penalty", "max_context_length", "sampling_params"),
        *("logit_bias", "parallel_tool_calls", "chat_template_kwargs", "previous_response_id"),
    )
)
_OWN_KEYS = tuple(key.encode() for key in _OWN_PARAMETERS)
_USUAL_PARAMETERS = frozenset(
    ("temperature", "top_p", "top_k", "stream", "tools", "thinking", "reasoning", "stop", "options", "keep_alive")
)
_MODEL = re.compile(
    r"(?:^|[/.:])(?:gpt-|chatgpt|o[134](?:-|$)|text-embedding-|dall-e|whisper-|tts-1|sora-|claude|gemini|gemma|llama|"
    r"meta-llama|mistral|mixtral|codestral|ministral|devstral|command-(?:a|r)|qwen|qwq|deepseek|grok-|glm-|kimi|"
    r"moonshot|phi-\d|nova-(?:lite|pro|micro)|titan-|jamba|sonar|yi-|minimax|voyage-|jina-embed|bge-|nomic-embed|"
    r"stable-diffusion|flux|imagen|eleven_)",
    re.I,
)

_MESSAGES_PIECE = re.compile(rb'\s*:\s*\[\s*\{[^{}\[\]]{0,200}?"role"\s*:\s*"(?:system|developer|user|assistant|tool)"')
_CONTENT_FIRST_PIECE = re.compile(rb'\s*:\s*"(?:system|developer|assistant)"\s*,\s*"content"\s*:')
_MODEL_PIECE = re.compile(rb'\s*:\s*"([^"\\]{1,100})"')
_CONTENTS_PIECE = re.compile(rb'\s*:\s*\[\s*\{[^\[\]]{0,100}"parts"\s*:\s*\[')
# As some libraries write a message: what it says, and then who.
_CONTENT_PIECE = re.compile(rb'\s*:\s*\[\s*\{\s*"content"\s*:\s*["\[]')
_ROLE_LAST_PIECE = re.compile(rb'\s*:\s*"(?:system|developer|user|assistant|tool)"\s*[,}]')
_TEXT_PIECE = re.compile(rb'\s*:\s*["\[]')
_PARAMETER_BYTES = 1024  # at either end of a long body
_SPACE = b"\xef\xbb\xbf \t\r\n"
_FORM_FIELD = re.compile(
    rb'name="?(model|prompt|file|image)"?(?:;[^\r\n]{0,200})?\r?\n(?:[^\r\n]{1,200}\r?\n){0,3}\r?\n([^\r\n]{0,100})'
)
_FORM_BYTES = 8192


def request_shape(body: bytes, media_type: str = "", cut: bool = False) -> list[Signal]:
    """Signs in a decoded request body of at most 64 KiB; ``cut`` when it is two pieces of a longer one."""
    body = _plain(body)
    if body[:1] not in (b"{", b"["):
        return _form(body) if media_type[:19].lower() == "multipart/form-data" else []
    document = None if cut else load_json(body)
    if document is None:
        return _request_pieces(body)
    if isinstance(document, list):
        document = first(document)
        if document is None or "jsonrpc" not in document:
            return []
    if not isinstance(document, dict):
        return []
    return rpc_shape(document) if "jsonrpc" in document else _request_object(document)


def _plain(body: bytes) -> bytes:
    """A body as servers take it too: with white space or a mark before it, in UTF-16 or UTF-32."""
    if b"\0" in body[:4] or body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        body = body.decode(detect_encoding(body), "ignore").encode("utf-8", "ignore")
    return body.lstrip(_SPACE) if body[:1] in b"\xef \t\r\n" else body


def _request_object(document: dict[str, Any]) -> list[Signal]:
    inner = document.get("request")
    if isinstance(inner, dict) and "contents" in inner:
        document = {**inner, "model": document.get("model")}
    found: list[Signal] = []
    model = document.get("model", document.get("model_id"))
    has_model = isinstance(model, str) and 0 < len(model) <= 200
    texts = _message_signals(document, has_model)
    found.extend(texts)
    if not texts and has_model:
        if isinstance(document.get("prompt"), _TEXT):
            found.append(Signal("model-and-prompt", 20, "ai"))
        elif isinstance(document.get("input"), _TEXT):
            found.append(Signal("model-and-input", 5, "ai"))  # a shop's form has as much
    found.extend(task_signals(document))
    found.extend(a2a_message(document))
    if not found and "prompt" not in document:
        return []
    if has_model and isinstance(model, str) and _MODEL.search(model):
        found.append(Signal("known-model", 30, "ai"))
    keys = document.keys()
    inner = document.get("parameters")
    if not keys.isdisjoint(_OWN_PARAMETERS) or (
        isinstance(inner, dict) and not inner.keys().isdisjoint(_OWN_PARAMETERS)
    ):
        found.append(Signal("model-parameters", 20, "ai"))
    elif not keys.isdisjoint(_USUAL_PARAMETERS):
        found.append(Signal("usual-parameters", 10, "ai"))
    return found


def _message_signals(document: dict[str, Any], has_model: bool) -> list[Signal]:
    contents = document.get("contents")
    if isinstance(contents, list) and any(_has_parts(item) for item in contents[:4]):
        return [Signal("contents-with-parts", 45, "chat")]
    if _has_parts(document.get("content")):
        return [Signal("content-with-parts", 30, "embeddings")]
    for key in ("messages", "input"):
        messages = document.get(key)
        if not isinstance(messages, list):
            continue
        roles = {item.get("role") for item in _some(messages) if isinstance(item, dict) and _says(item)}
        if not roles or not all(isinstance(role, str) and role in _ROLES for role in roles):
            continue
        if has_model:
            return [Signal("messages-with-model", 45, "chat")]
        if roles & {"system", "developer", "assistant", "tool"}:
            return [Signal("messages-with-roles", 30, "chat")]
        return [Signal("messages-of-users", 15, "chat")]
    return []


def _some(items: list[Any]) -> list[Any]:
    return items if len(items) <= 8 else [*items[:6], *items[-2:]]


def _says(message: dict[str, Any]) -> bool:
    if not isinstance(message.get("role"), str):
        return False
    get = message.get
    return isinstance(get("content"), _TEXT) or isinstance(get("parts"), _TEXT) or isinstance(get("tool_calls"), list)


def _has_parts(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("parts"), list):
        return False
    return any(isinstance(part, dict) and not _PARTS.isdisjoint(part) for part in item["parts"][:4])


def _request_pieces(body: bytes) -> list[Signal]:
    found: list[Signal] = []
    model = after_key(body, b'"model"', _MODEL_PIECE)
    if after_key(body, b'"contents"', _CONTENTS_PIECE):
        found.append(Signal("contents-with-parts", 45, "chat"))
    elif (
        after_key(body, b'"messages"', _MESSAGES_PIECE)
        or after_key(body, b'"input"', _MESSAGES_PIECE)
        or after_key(body, b'"role"', _CONTENT_FIRST_PIECE)
    ):
        sign = ("messages-with-model", 45) if model else ("messages-with-roles", 30)
        found.append(Signal(*sign, "chat"))
    elif after_key(body, b'"messages"', _CONTENT_PIECE) and after_key(body, b'"role"', _ROLE_LAST_PIECE):
        found.append(Signal(*(("messages-with-model", 45) if model else ("messages-of-users", 15)), "chat"))
    elif model and after_key(body, b'"prompt"', _TEXT_PIECE):
        found.append(Signal("model-and-prompt", 20, "ai"))
    elif model and after_key(body, b'"input"', _TEXT_PIECE):
        found.append(Signal("model-and-input", 5, "ai"))
    if not found:
        return found
    if model and _MODEL.search(model[1].decode("utf-8", "replace")):
        found.append(Signal("known-model", 30, "ai"))
    ends = body[:_PARAMETER_BYTES] + body[-_PARAMETER_BYTES:]
    if any(b'"%s":' % key in ends for key in _OWN_KEYS):
        found.append(Signal("model-parameters", 20, "ai"))
    return found


def _form(body: bytes) -> list[Signal]:
    fields = {match[1]: match[2] for match in _FORM_FIELD.finditer(body[:_FORM_BYTES])}
    model = fields.pop(b"model", None)
    if model is None or not fields:
        return []
    known = _MODEL.search(model.decode("utf-8", "replace"))
    return [Signal("form-with-model", 35 if known else 15, "audio" if b"file" in fields else "image")]
