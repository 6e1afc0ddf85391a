"""What a request body's shape says: which of the forms that AI requests have it takes. Never its content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

__all__ = ["Signal", "after_key", "load_json", "request_shape", "rpc_shape"]


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign: its name, its points, and the kind of AI traffic that it stands for."""

    id: str
    weight: int
    kind: str


_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function", "model"})
_PARTS = frozenset({"text", "inlineData", "inline_data", "fileData", "file_data", "functionCall", "functionResponse"})
# Parameters that only a model call has, and ones that a thermostat or a video player could have too.
_OWN_PARAMETERS = frozenset(
    {
        "max_completion_tokens",
        "max_output_tokens",
        "maxOutputTokens",
        "max_tokens",
        "stream_options",
        "tool_choice",
        "toolConfig",
        "response_format",
        "reasoning_effort",
        "generationConfig",
        "inferenceConfig",
        "stop_sequences",
        "frequency_penalty",
        "presence_penalty",
        "top_logprobs",
        "systemInstruction",
        "num_predict",
        "max_new_tokens",
    }
)
_USUAL_PARAMETERS = frozenset(
    {
        "temperature",
        "top_p",
        "top_k",
        "stream",
        "tools",
        "thinking",
        "reasoning",
        "stop",
        "options",
        "keep_alive",
    }
)
_DIFFUSION = frozenset({"negative_prompt", "cfg_scale", "num_inference_steps", "guidance_scale"})
_MODEL = re.compile(
    r"(^|[/.:])(gpt-|chatgpt|o[134](-|$)|text-embedding-|dall-e|whisper-|tts-1|sora-|claude|gemini|gemma|llama|"
    r"meta-llama|mistral|mixtral|codestral|ministral|devstral|command-(a|r)|qwen|qwq|deepseek|grok-|glm-|kimi|"
    r"moonshot|phi-\d|nova-(lite|pro|micro)|titan-|jamba|sonar|yi-|minimax|voyage-|jina-embed|bge-|nomic-embed|"
    r"stable-diffusion|flux|imagen|eleven_)",
    re.I,
)
_MCP_METHODS = re.compile(
    r"(initialize|ping|tools/(list|call)|resources/(list|read|templates/list|subscribe)|prompts/(list|get)|"
    r"completion/complete|sampling/createMessage|elicitation/create|roots/list|logging/setLevel|server/discover|"
    r"subscriptions/listen|notifications/(initialized|cancelled|progress|message|\w+/list_changed))\Z"
)
_A2A_METHODS = re.compile(
    r"(Send(Streaming)?Message|(Get|List|Cancel|SubscribeTo)Tasks?|message/(send|stream)|"
    r"tasks/(get|cancel|resubscribe|pushNotificationConfig/\w+))\Z"
)
_WHOLE = 16_384  # bytes read as JSON: more of it takes too long in the middle of a request

# For bodies too long to be read whole: what may follow a key, in a window of fixed size.
_WINDOW = 400
_LOOKS = 4  # places a key is looked at, counted from either end of the body
_MESSAGES_PIECE = re.compile(rb'\s*:\s*\[\s*\{[^{}\[\]]{0,200}?"role"\s*:\s*"(?:system|developer|user|assistant|tool)"')
_CONTENT_FIRST_PIECE = re.compile(rb'\s*:\s*"(?:system|developer|assistant)"\s*,\s*"content"\s*:')
_MODEL_PIECE = re.compile(rb'\s*:\s*"([^"\\]{1,100})"')
_CONTENTS_PIECE = re.compile(rb'\s*:\s*\[\s*\{[^\[\]]{0,100}"parts"\s*:\s*\[')
_FORM_FIELD = re.compile(rb'name="(model|prompt|file|image)"\r?\n(?:[^\r\n]{1,200}\r?\n){0,3}\r?\n([^\r\n]{0,100})')


def request_shape(body: bytes, media_type: str = "", cut: bool = False) -> list[Signal]:
    """Signs in a decoded request body of at most 64 KiB; ``cut`` when it is two pieces of a longer one."""
    if media_type[:19].lower() == "multipart/form-data":
        return _form(body)
    start = body[:64].lstrip()[:1]
    if start not in (b"{", b"["):
        return []
    document = None if cut else load_json(body)
    if document is None:
        return _request_pieces(body)
    if isinstance(document, list):
        document = document[0] if document else None
        if not isinstance(document, dict) or "jsonrpc" not in document:
            return []
    if not isinstance(document, dict):
        return []
    return rpc_shape(document) if "jsonrpc" in document else _request_object(document)


def load_json(data: bytes) -> Any:
    """The document; None when it isn't JSON, is cut off or is long, and its pieces are looked at instead."""
    if len(data) > _WHOLE:
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def _request_object(document: dict[str, Any]) -> list[Signal]:
    inner = document.get("request")
    if isinstance(inner, dict) and "contents" in inner:
        document = {**inner, "model": document.get("model")}
    found: list[Signal] = []
    model = document.get("model")
    has_model = isinstance(model, str) and 0 < len(model) <= 200
    texts = _message_signals(document, has_model)
    found.extend(texts)
    if not texts and has_model and isinstance(document.get("input", document.get("prompt")), str | list):
        found.append(Signal("model-and-input", 15, "llm"))
    if isinstance(document.get("inputs"), str | list) and isinstance(document.get("parameters"), dict):
        found.append(Signal("inputs-and-parameters", 25, "llm"))
    if isinstance(document.get("inputText"), str) and "textGenerationConfig" in document:
        found.append(Signal("input-text", 45, "llm"))
    if isinstance(document.get("anthropic_version"), str):
        found.append(Signal("anthropic-version", 45, "llm"))
    if "prompt" in document and not document.keys().isdisjoint(_DIFFUSION):
        found.append(Signal("diffusion", 30, "image"))
    if not found and "prompt" not in document:
        return []
    if has_model and isinstance(model, str) and _MODEL.search(model):
        found.append(Signal("known-model", 30, "llm"))
    keys = document.keys()
    if not keys.isdisjoint(_OWN_PARAMETERS):
        found.append(Signal("model-parameters", 20, "llm"))
    elif not keys.isdisjoint(_USUAL_PARAMETERS):
        found.append(Signal("usual-parameters", 10, "llm"))
    return found


def _message_signals(document: dict[str, Any], has_model: bool) -> list[Signal]:
    contents = document.get("contents")
    if isinstance(contents, list) and any(_has_parts(item) for item in contents[:4]):
        return [Signal("contents-with-parts", 45, "llm")]
    for key in ("messages", "input"):
        messages = document.get(key)
        if not isinstance(messages, list):
            continue
        roles = {item.get("role") for item in _some(messages) if isinstance(item, dict) and _says(item)}
        if not roles or not all(isinstance(role, str) and role in _ROLES for role in roles):
            continue
        if has_model:
            return [Signal("messages-with-model", 45, "llm")]
        if roles & {"system", "developer", "assistant", "tool"}:
            return [Signal("messages-with-roles", 30, "llm")]
        return [Signal("messages-of-users", 15, "llm")]
    return []


def _some(items: list[Any]) -> list[Any]:
    return items if len(items) <= 8 else [*items[:6], *items[-2:]]


def _says(message: dict[str, Any]) -> bool:
    return any(isinstance(message.get(key), str | list) for key in ("content", "parts", "tool_calls"))


def _has_parts(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("parts"), list):
        return False
    return any(isinstance(part, dict) and not _PARTS.isdisjoint(part) for part in item["parts"][:4])


def rpc_shape(document: dict[str, Any]) -> list[Signal]:
    """Signs in a JSON-RPC 2.0 request: a method of MCP or of A2A."""
    method, params = document.get("method"), document.get("params")
    if document.get("jsonrpc") != "2.0" or not isinstance(method, str):
        return []
    if _A2A_METHODS.match(method):
        return [Signal("a2a-call", 45, "a2a")]
    if not _MCP_METHODS.match(method):
        return []
    # Language servers say initialize too, but know no protocolVersion; ping and the like are anyone's.
    if method == "initialize":
        return [Signal("mcp-call", 45, "mcp")] if isinstance(params, dict) and "protocolVersion" in params else []
    return [Signal("mcp-call", 45 if "/" in method else 10, "mcp")]


def _request_pieces(body: bytes) -> list[Signal]:
    found: list[Signal] = []
    model = after_key(body, b'"model"', _MODEL_PIECE)
    if after_key(body, b'"contents"', _CONTENTS_PIECE):
        found.append(Signal("contents-with-parts", 45, "llm"))
    elif (
        after_key(body, b'"messages"', _MESSAGES_PIECE)
        or after_key(body, b'"input"', _MESSAGES_PIECE)
        or after_key(body, b'"role"', _CONTENT_FIRST_PIECE)
    ):
        sign = ("messages-with-model", 45) if model else ("messages-with-roles", 30)
        found.append(Signal(*sign, "llm"))
    if found and model and _MODEL.search(model[1].decode("utf-8", "replace")):
        found.append(Signal("known-model", 30, "llm"))
    return found


def after_key(body: bytes, key: bytes, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
    """What follows a quoted ``key``, where it is ``pattern``. Looks at a few places near either end of ``body``."""
    for find, step in ((body.find, 1), (body.rfind, -1)):
        at = find(key)
        for _ in range(_LOOKS):
            if at < 0:
                break
            # A quote after a backslash belongs to a string that quotes JSON.
            if body[at - 1 : at] != b"\\" and (match := pattern.match(body[at + len(key) : at + _WINDOW])):
                return match
            at = body.find(key, at + 1) if step > 0 else body.rfind(key, 0, at)
    return None


def _form(body: bytes) -> list[Signal]:
    fields = {match[1]: match[2] for match in _FORM_FIELD.finditer(body[: _WHOLE // 2])}
    model = fields.pop(b"model", None)
    if model is None or not fields:
        return []
    known = _MODEL.search(model.decode("utf-8", "replace"))
    return [Signal("form-with-model", 35 if known else 15, "audio" if b"file" in fields else "image")]
