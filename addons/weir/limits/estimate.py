"""What a request may use at most, before anybody knows: which requests are counted, and the bound of their output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from weir.limits.budget import AMOUNT_MAX, UNREADABLE

__all__ = ["bounds", "counted", "hidden_model", "output_bound"]


# What runs a model. All else (files, lists, sessions, telemetry) uses nothing of a budget, and is for policy's rules.
_WORK = frozenset(
    {
        *("audio", "chat", "compact", "completions", "converse", "embeddings", "generate", "generate_content"),
        *("images", "interactions", "invoke", "messages", "moderations", "music", "ocr", "predict", "predictions"),
        *("rerank", "responses", "search", "speech", "transcriptions", "translations", "videos"),
    }
)
_FREE = frozenset(
    {
        *("agents", "batches", "cached_contents", "cancel", "chatkit", "containers", "conversations", "count_tokens"),
        *("delete", "evals", "files", "fine_tuning", "guardrail", "models", "preflight", "read", "realtime"),
        *("sessions", "skills", "telemetry", "vector_stores"),
    }
)
_NO_OUTPUT = frozenset({"embeddings", "moderations", "ocr", "rerank"})
_CHOICES_MAX = 1024
_NAMES_MODEL = re.compile(rb'"model"(?!\s*:\s*(?:null|""))')
_READS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})
# Their requests run later. What they use is charged when their results pass by; that there is room is asked before.
_LATER = frozenset({"batches", "files"})
# Where bodies bound their output, and say how many answers they want: of several that are given, the largest counts,
# for which of them a server goes by is its own affair.
_EACH = frozenset(
    {
        *("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "maxTokens", "max_new_tokens"),
        *("max_tokens_to_sample", "max_gen_len", "maxTokenCount", "num_predict"),
    }
)
_ANSWERS = frozenset({"n", "best_of", "candidateCount", "candidate_count", "num_generations", "sampleCount"})
_WITHIN = (
    *("generationConfig", "generation_config", "inferenceConfig", "options", "parameters", "request", "response"),
    *("textGenerationConfig", "input"),
)


def counted(method: str, operation: str, model: str) -> bool:
    """Whether a request makes a model work: a known operation that does, or one that names its model.

    Reading, deleting and counting tokens don't. Of batches, those count whose requests are seen and name one model.
    """
    if method.upper() in _READS:
        return False
    if operation in _FREE:
        return operation in _LATER and bool(model)
    return operation in _WORK or bool(model)


def hidden_model(model: str, body: bytes, *, unparsed: bool) -> str:
    """``model``, or ``UNREADABLE`` where the body names one that weir can't read, or cannot be read at all: another
    server may well."""
    return model or (UNREADABLE if unparsed or _NAMES_MODEL.search(body) else "")


def bounds(body: bytes, operation: str) -> dict[str, object]:
    """The largest bound of the output, and the most answers, that a JSON body asks for in any way: ``max_tokens``,
    ``n`` and, of completions, ``prompts``. Empty for what is no JSON object."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(document, dict):
        return {}
    found: dict[str, object] = {}
    for name, value in _settings(document):
        kind = "max_tokens" if name in _EACH else "n" if name in _ANSWERS else ""
        if kind and (number := _whole(value)) > _whole(found.get(kind)):
            found[kind] = number
    prompt = document.get("prompt")
    if operation == "completions" and isinstance(prompt, list) and prompt and isinstance(prompt[0], str | list):
        found["prompts"] = len(prompt)
    return found


def _settings(document: Mapping[str, Any], depth: int = 2) -> Iterator[tuple[str, Any]]:
    yield from document.items()
    for name in _WITHIN:
        inner = document.get(name)
        if depth and isinstance(inner, dict):
            yield from _settings(inner, depth - 1)


def output_bound(operation: str, parameters: Mapping[str, object], otherwise: int) -> int:
    """Tokens that the reply has at most: as the request bounds each of its answers, else ``otherwise`` for each."""
    if operation in _NO_OUTPUT:
        return 0
    each = _whole(parameters.get("max_tokens")) or otherwise
    answers = min(max(_whole(parameters.get("n")), _whole(parameters.get("best_of")), 1), _CHOICES_MAX)
    prompts = max(_whole(parameters.get("prompts")), 1)
    return min(each * answers * prompts, AMOUNT_MAX // 2)


def _whole(value: object) -> int:
    """A number of at least 1, rounded up, one in quotes too; 0 for anything else (-1 is "no bound" to Ollama)."""
    if isinstance(value, str) and len(value) <= 24 and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return 0
    return -int(-min(value, AMOUNT_MAX) // 1)
