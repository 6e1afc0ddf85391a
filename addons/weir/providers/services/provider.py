"""One provider: its hosts, where it takes credentials, and which request is which operation in which dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from weir.model import AuthPlace, Endpoint
from weir.providers.services.paths import Template, is_plain_path, readings, split_query

__all__ = ["MANAGED", "PASSIVE", "Operation", "Provider", "is_passive"]

# Operations that carry no content of the caller's: they list, fetch, cancel or delete.
PASSIVE = frozenset({"models", "read", "delete", "cancel", "preflight"})

# What a virtual key opens unless the provider's file says otherwise: asking models, and asking which there are. Not
# what lists, fetches or deletes the company's data, and not what gives out credentials of the provider's own.
MANAGED = frozenset(
    {
        "audio",
        "chat",
        "compact",
        "completions",
        "count_tokens",
        "embeddings",
        "generate_content",
        "images",
        "messages",
        "models",
        "moderations",
        "ocr",
        "predict",
        "rerank",
        "responses",
        "search",
    }
)

_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


def is_passive(endpoint: Endpoint) -> bool:
    """True for an operation that is known and carries no content; an unknown one never is."""
    return not endpoint.dialect and endpoint.operation in PASSIVE


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and a path template, the dialect of its bodies ("" when none reads them) and what it does."""

    method: str
    template: Template
    dialect: str
    operation: str
    stream: bool = False


def _index(operations: Iterable[Operation]) -> Mapping[int, tuple[Operation, ...]]:
    by_length: dict[int, list[Operation]] = {}
    for operation in operations:
        by_length.setdefault(len(operation.template.parts), []).append(operation)
    return {n: tuple(sorted(found, key=lambda o: o.template.weight, reverse=True)) for n, found in by_length.items()}


@dataclass(frozen=True, slots=True)
class Provider:
    """What one file of ``providers/data`` says."""

    id: str
    name: str
    hosts: tuple[str, ...]  # exact names, and suffixes as *.example.com
    auth: tuple[AuthPlace, ...] = ()
    key_patterns: tuple[tuple[re.Pattern[str], str], ...] = ()  # (matches a whole key, its kind)
    operations: tuple[Operation, ...] = field(default=(), repr=False)
    virtual_key_operations: frozenset[str] = MANAGED
    stream_usage: str = "on_request"  # always: streams report usage without being asked
    _by_length: Mapping[int, tuple[Operation, ...]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_length", _index(self.operations))

    def endpoint(self, method: str, path: str) -> Endpoint:
        """Which operation a request is; ``path`` is the request target with its query.

        An unknown path gives dialect and operation ``""``. A known operation that no dialect reads has dialect ``""``
        and is `is_passive` when it carries no content.
        """
        method = method.upper()
        plain, query = split_query(path)
        for segments in readings(plain):
            found = self._find(method, segments)
            if found is not None:
                operation, values = found
                return Endpoint(
                    self.id,
                    operation.dialect,
                    operation.operation,
                    operation.template.text,
                    values.get("model", ""),
                    operation.stream or query.get("alt", "").lower() == "sse",
                )
        return Endpoint(self.id, "", "")

    def allows_managed(self, endpoint: Endpoint, method: str, path: str = "") -> bool:
        """Whether a request to ``endpoint`` (as `endpoint` read it) may be made with the company's key.

        Only a listed operation under its documented ``method``. With ``path``, the request target, also only when that
        is plainly spelt: where servers differ in what they read, ours may be the wrong reading.
        """
        if endpoint.operation not in self.virtual_key_operations or (path and not is_plain_path(path)):
            return False
        return any(
            operation.method == method.upper()
            and operation.template.text == endpoint.path_template
            and operation.operation == endpoint.operation
            for operation in self.operations
        )

    def _find(self, method: str, segments: tuple[str, ...]) -> tuple[Operation, dict[str, str]] | None:
        content: tuple[Operation, dict[str, str]] | None = None
        for operation in self._by_length.get(len(segments), ()):
            values = operation.template.match(segments)
            if values is None:
                continue
            if operation.method == method:
                return operation, values
            if operation.method == "POST" and content is None:
                content = operation, values
        if content is not None and method == "OPTIONS":
            return Operation(method, content[0].template, "", "preflight"), content[1]
        # A body under another method than the documented one is still read: better than waving it through unread.
        return content if method not in _BODILESS else None
