"""What a request may use at most, before anybody knows: which requests are counted, and the bound of their output."""

from __future__ import annotations

from collections.abc import Mapping

from weir.limits.budget import AMOUNT_MAX

__all__ = ["counted", "output_bound"]

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


def counted(method: str, operation: str, model: str) -> bool:
    """Whether a request makes a model work: a known operation that does, or one that names its model.

    Reading, deleting and counting tokens don't. Batches are counted when their results pass by.
    """
    if method not in ("POST", "PUT", "PATCH") or operation in _FREE:
        return False
    return operation in _WORK or bool(model)


def output_bound(operation: str, parameters: Mapping[str, object], otherwise: int) -> int:
    """Tokens that the reply has at most: as the request bounds each of its answers, else ``otherwise`` for each."""
    if operation in _NO_OUTPUT:
        return 0
    each = _whole(parameters.get("max_tokens")) or otherwise
    answers = min(max(_whole(parameters.get("n")), _whole(parameters.get("best_of")), 1), _CHOICES_MAX)
    return min(each * answers, AMOUNT_MAX // 2)


def _whole(value: object) -> int:
    """A number of at least 1, rounded up; 0 for anything else (-1 is "no bound" to Ollama)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return 0
    return -int(-min(value, AMOUNT_MAX) // 1)
