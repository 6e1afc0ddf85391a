"""One provider: its hosts, where it takes credentials, and which request is which operation in which dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType

from weir.model import AuthPlace, Endpoint
from weir.providers.services.paths import Template, is_plain_path, names_two_models, readings, split_query
from weir.providers.services.shapes import guess

__all__ = ["MANAGED", "PASSIVE", "Noted", "Operation", "Provider", "Sign", "is_passive"]

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
        "interactions",
        "messages",
        "models",
        "moderations",
        "ocr",
        "predict",
        "realtime",
        "rerank",
        "responses",
        "search",
    }
)

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_NOTED_MAX = 16
_PLAIN_VALUE = re.compile(r"[\w.:/;,=+-]{1,120}", re.ASCII)
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"})


def is_passive(endpoint: Endpoint) -> bool:
    """True for an operation that is known and carries no content; an unknown one never is."""
    return endpoint.operation in PASSIVE  # what is fetched may have a dialect: that of the reply


@dataclass(frozen=True, slots=True)
class Sign:
    """A request header or a query parameter that tells something; ``value`` (lower case) when only one value does."""

    header: str = ""  # lower case
    query: str = ""
    value: str = ""

    def read(self, query: Mapping[str, str], headers: Mapping[str, str]) -> str:
        """What stands there, ``""`` for nothing. ``headers`` are looked up by lower-case name."""
        return headers.get(self.header, "") if self.header else query.get(self.query, "")

    def seen(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        """True when the value that counts stands there."""
        return self.read(query, headers).lower() == self.value


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and a path template, the dialect of its bodies ("" when none reads them) and what it does."""

    method: str
    template: Template
    dialect: str
    operation: str
    stream: bool = False
    stream_sign: Sign | None = None
    model_in: str = "body"  # body | path | deployment (in the path, named by the customer) | header | query
    model_sign: Sign | None = None
    shared: bool = False  # found on the shared hosts too, of a provider that also has hosts of its own


@dataclass(frozen=True, slots=True)
class Noted:
    """Names of headers (lower case, a final ``*`` for any ending) that say something worth keeping: never a key."""

    request: tuple[str, ...] = ()
    response: tuple[str, ...] = ()


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
    shared_hosts: tuple[str, ...] = ()  # hosts that serve other things too: only the paths of operations count there
    key_hosts: tuple[str, ...] | None = (
        None  # where the company's key goes unless policy names hosts; None: all of them
    )
    bearer: str = ""  # the only kind of key taken behind `Bearer`; every other goes to the first header of ``auth``
    session_cookies: tuple[str, ...] = ()  # globs of names: whoever is signed in to a web app sends these
    headers: Noted = Noted()
    shapes: bool = False  # unlisted paths are read by what they look like: a gateway passes on anybody's
    pages: bool = False  # a web app: unlisted paths are parts of its pages, and what these report
    unverified: tuple[str, ...] = ()  # fields, hosts, paths and kinds of key that no documentation has confirmed
    evidence: tuple[str, ...] = ()  # where the rest is from: kinds of source, and addresses of documentation
    _by_length: Mapping[int, tuple[Operation, ...]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_length", _index(self.operations))

    @property
    def bound_hosts(self) -> tuple[str, ...]:
        """Where the company's key may go when the policy names no hosts.

        Not to all of a shared ``*.example.com``: there everybody has a host, and the company's own is for it to name.
        """
        if self.key_hosts is not None:
            return self.key_hosts
        return (*self.hosts, *(host for host in self.shared_hosts if "*" not in host))

    def endpoint(self, method: str, path: str, headers: Mapping[str, str] = _NO_HEADERS) -> Endpoint:
        """Which operation a request is; ``path`` is the request target with its query.

        ``headers`` are looked up by lower-case name. An unknown path gives dialect and operation ``""``. A known
        operation that no dialect reads has dialect ``""`` and is `is_passive` when it carries no content.
        """
        method = method.upper()
        plain, query = split_query(path)
        for segments in readings(plain):
            found = self._find(method, segments)
            if found is not None:
                operation, values = found
                place, sign = operation.model_sign, operation.stream_sign
                model = place.read(query, headers) if place else values.get("model", "")
                stream = operation.stream or query.get("alt", "").lower() == "sse"
                return Endpoint(
                    self.id,
                    operation.dialect,
                    operation.operation,
                    operation.template.text,
                    model,
                    stream or (sign is not None and sign.seen(query, headers)),
                )
        if self.pages:
            bodiless = method in _BODILESS
            return Endpoint(self.id, "" if bodiless else "web_json", "read" if bodiless else "page")
        return replace(guess(path), service=self.id) if self.shapes else Endpoint(self.id, "", "")

    def voice(self, path: str) -> str:
        """In which dialect a client expects an error where none reads the request: that of the nearest listed path.

        ``""`` for the pages of a web app, and when nothing listed has a dialect.
        """
        if self.pages:
            return ""
        segments = readings(split_query(path)[0])[0]
        spoken = (operation for operation in self.operations if operation.dialect)
        nearest = max(spoken, key=lambda operation: operation.template.begins(segments), default=None)
        return nearest.dialect if nearest else ""

    def claims(self, method: str, path: str) -> bool:
        """Whether a request to one of the shared hosts is for this provider: only what is listed, and nothing else."""
        for segments in readings(split_query(path)[0]):
            found = self._find(method.upper(), segments)
            if found is not None:
                return found[0].shared or not self.hosts
        return False

    def allows_managed(self, endpoint: Endpoint, method: str, path: str = "") -> bool:
        """Whether a request to ``endpoint`` (as `endpoint` read it) may be made with the company's key.

        Only a listed operation under its documented ``method``. With ``path``, the request target, also only when that
        is plainly spelt, and its query names one model: where servers differ in what they read, ours may be the wrong
        reading.
        """
        if endpoint.operation not in self.virtual_key_operations or (path and not is_plain_path(path)):
            return False
        if names_two_models(path):
            return False
        if endpoint.operation == "realtime" and method.upper() != "GET":
            return False  # a GET opens the socket; what is posted makes sessions and gives out credentials for them
        return any(
            operation.method == method.upper()
            and operation.template.text == endpoint.path_template
            and operation.operation == endpoint.operation
            for operation in self.operations
        )

    def noted(self, names: tuple[str, ...], headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Of ``headers`` those that ``names`` (of `Noted`) mean, at most 16 of at most 120 characters each.

        Left out is what is not a plain word or number, and what looks like a key of this provider's: a client may put
        one anywhere.
        """
        found: dict[str, str] = {}
        exact, beginnings = _split(names)
        for name, value in headers:
            low = name.lower()
            if not (low in exact or low.startswith(beginnings)) or len(found) >= _NOTED_MAX:
                continue
            if _PLAIN_VALUE.fullmatch(value) and not any(p.fullmatch(value) for p, _ in self.key_patterns):
                found[low] = value
        return found

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


@lru_cache(maxsize=512)
def _split(names: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names that are meant as they stand, and what the others, which end in a star, begin with."""
    exact = frozenset(name for name in names if not name.endswith("*"))
    return exact, tuple(name[:-1] for name in names if name.endswith("*"))
