"""Names the SDK, coding agent, app or gateway that sends a request, by what it says of itself in its headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from weir.shadow.signs import Signal

__all__ = ["KINDS", "Client", "Loader", "client_of", "ready", "said", "tells"]

Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

KINDS = ("agent", "app", "extension", "sdk", "gateway")  # an agent that uses an SDK is the agent

_TABLE = Path(__file__).parent / "clients.yaml"
_WORDS_MAX = 24  # of a User-Agent
_HEADERS_MAX = 100
_VALUE_MAX = 512
_VERSION = re.compile(r"(\d[\w.+-]{0,30})")
_CLASS_PREFIX = re.compile(r"(?:async)?(?:azure)?(?=[a-z])")
_PRODUCTS = frozenset({"user-agent", "x-goog-api-client", "editor-plugin-version"})
_EXTENSION = re.compile(r"chrome-extension://([a-p]{32})(?![a-z])")

Headers = Iterable[tuple[str, str]] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Client:
    """``name`` and ``kind`` (one of KINDS) come from the table; ``version`` is the client's word, "" when unsaid."""

    name: str
    version: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    kind: str
    signal: Signal
    then: frozenset[str]  # what has to follow the slash, when the head alone could be anyone's
    match: re.Pattern[str] | None = None


class _Table:
    def __init__(self, doc: Mapping[str, Any]) -> None:
        self.products = {head: _row(given) for head, given in doc["products"].items()}
        self.dashed = tuple(f"{head}-" for head, given in doc["products"].items() if given.get("dashed"))
        self.headers: dict[str, list[_Row]] = {}
        for given in doc["headers"]:
            self.headers.setdefault(given["header"], []).append(_row(given))
        self.prefixed = [(given["header"], _row(given)) for given in doc["prefixes"]]
        self.prefixes = tuple(prefix for prefix, _ in self.prefixed)


def _row(given: Mapping[str, Any]) -> _Row:
    kind = given.get("of", "agent" if given["kind"] == "agent" else "ai")
    match = re.compile(given["match"], re.I) if "match" in given else None
    signal = Signal(f"known-{given['kind']}", given["points"], kind)
    return _Row(given["name"], given["kind"], signal, frozenset(given.get("then", ())), match)


def client_of(headers: Headers) -> Client | None:
    """The client of a request by its headers (pairs or mapping, names in any case); None when none is known.

    An agent built on an SDK behind a gateway is the agent. A browser's extension is named by its id in the store.
    A few µs. It's the client's own word: anyone can say it, and many AI clients say nothing.
    """
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    bounded = [(name[:_VALUE_MAX].lower(), value[:_VALUE_MAX]) for name, value in islice(pairs, _HEADERS_MAX)]
    found = said(bounded)
    return min(found, key=lambda one: KINDS.index(one[0].kind))[0] if found else None


def said(headers: Iterable[tuple[str, str]]) -> list[tuple[Client, Signal]]:
    """All clients that bounded headers with names in lower case tell of, each with its sign; in their order."""
    found: list[tuple[Client, Signal]] = []
    for name, value in headers:
        way = _way(name)
        if way == "":
            continue
        if way == "products":
            found.extend(_products(value))
        elif way == "origin":
            if value.startswith(("chrome-extension:", "moz-extension:")):
                found.append(_extension(value))
        else:
            rows = _table().headers.get(name) or [row for prefix, row in _table().prefixed if name.startswith(prefix)]
            found.extend(
                (_unversioned(row.name, row.kind), row.signal)
                for row in rows
                if row.match is None or row.match.search(value)
            )
    return found


@cache
def _unversioned(name: str, kind: str) -> Client:
    return Client(name, "", kind)


@lru_cache(2048)
def tells(header: bytes) -> bool:
    """Whether a header of that name, as it came, can name a client; the others needn't be given to ``client_of``."""
    return len(header) <= _VALUE_MAX and _way(header.decode("latin-1").lower()) != ""


@lru_cache(2048)
def _way(name: str) -> str:
    """How a header of that name is read; "" for almost all."""
    if name in _PRODUCTS:
        return "products"
    if name == "origin":
        return name
    return "rows" if name in _table().headers or name.startswith(_table().prefixes) else ""


@lru_cache(512)
def _products(agent: str) -> tuple[tuple[Client, Signal], ...]:
    """The known products of a User-Agent; a machine has few of them, and sends them with every request."""
    return tuple(_read(_table(), agent))


def _read(table: _Table, agent: str) -> Iterable[tuple[Client, Signal]]:
    words = agent.split(None, _WORDS_MAX)[:_WORDS_MAX]
    for i, word in enumerate(words):
        given, slash, rest = word.strip("(),;").partition("/")
        head = given.lower()
        # A word without a slash belongs to a comment, unless it is a name with its version after a dash.
        if not slash and not head.startswith(table.dashed):
            continue
        row = table.products.get(head) or _looser(table, head, rest)
        if row is None:
            continue
        language, _, version = rest.partition("/")
        if row.then and language.lower() not in row.then:
            continue
        following = words[i + 1] if i + 1 < len(words) else ""
        match = _VERSION.match(rest) or _VERSION.match(version.rpartition("/")[2]) or _VERSION.match(following)
        yield Client(row.name, match[1] if match else "", row.kind), row.signal


def _looser(table: _Table, head: str, rest: str) -> _Row | None:
    """``AsyncAzureOpenAI`` as ``openai``, ``GeminiCLI-vscode`` as ``geminicli``."""
    if rest[:2].lower() in ("py", "js"):
        return table.products.get(_CLASS_PREFIX.sub("", head, count=1))
    if head.startswith(table.dashed):
        return next(table.products[known[:-1]] for known in table.dashed if head.startswith(known))
    return None


def _extension(origin: str) -> tuple[Client, Signal]:
    match = _EXTENSION.match(origin)
    name = f"browser extension {match[1]}" if match else "browser extension"
    return Client(name, "", "extension"), Signal("browser-extension", 5, "ai")


def ready() -> None:
    """Read the table, which a first look would read otherwise."""
    _table()


@cache
def _table() -> _Table:
    return _Table(yaml.load(_TABLE.read_text("utf-8"), Loader))
