"""Scores how much a flow looks like AI traffic, whatever its host: five groups of signs, two of which must agree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

import yaml

from weir.shadow import clients
from weir.shadow.clients import said
from weir.shadow.replies import response_shape
from weir.shadow.servers import PORTS
from weir.shadow.shapes import request_shape
from weir.shadow.signs import KINDS, Signal

__all__ = ["GROUPS", "Sighting", "ready", "score"]

GROUPS = ("request-headers", "path", "request-body", "response-headers", "response-body")

_TABLE = Path(__file__).parent / "signals.yaml"
_GROUP_MAX = 60  # points: one group alone never makes the threshold look easy
_GROUP_MIN = 15  # points below which a group is no evidence of its own
_ENOUGH = 50
_NARROW_MIN = 25
# How the older generation of MCP says where a request belongs; a sign for those that say more.
_SESSION = re.compile(r"[?&]session_?id=", re.I)
_IN_SESSION = Signal("mcp-session", 15, "mcp")
_MATRIX = re.compile(r";[^/]*")  # parameters of a segment
_SAME = re.compile(r"/(?:\./)+|/\.\Z")
_UPWARD = re.compile(r"/(?!\.\./)[^/]+/+\.\.(?:/|\Z)")
_UPWARDS_MAX = 8
_ESCAPED_MAX = 3  # times that a path may be escaped
_HEADERS_MAX = 100  # what is looked at of any flow is bounded: this many headers …
_VALUE_MAX = 512  # … this much of a value, and of a path …
_BODY_MAX = 65_536  # … and this many bytes of a body
_NAMES_KEPT = 2048  # names of headers and hosts whose signs are remembered: they are the same ones again and again

Headers = Iterable[tuple[str, str]] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen: ``score`` 0..100, ``signals`` as ``group:sign``, the ``groups`` that count as evidence.

    ``is_ai`` takes two groups and 50 points. ``kind`` is what the strongest of the narrower signs stands for: one of
    ``signs.KINDS``, "ai" when none says more, empty when not AI. No content is in here.
    """

    score: int
    signals: tuple[str, ...]
    groups: tuple[str, ...]
    is_ai: bool
    kind: str


def score(
    method: str,
    host: str,
    path: str,
    request_headers: Headers,
    body: bytes | None = None,
    response_headers: Headers = (),
    response_start: bytes = b"",
    port: int = 0,
) -> Sighting:
    """Look at one exchange, or at its request alone when there is no reply yet. Never raises.

    It takes 20–50 µs for traffic as it comes, and about 0.5 ms for the worst that could be made up. ``body`` and
    ``response_start`` are decoded bytes (no gzip), of which 64 KiB at most are looked at. ``path`` may carry its
    query. Headers are pairs or a mapping, names in any case. ``port`` is the server's, where known: some are a model
    server's own.
    """
    tables = _tables()
    media_type = ""
    found: list[tuple[str, list[Signal]]] = []
    request = _bounded(request_headers)
    for name, value in request:
        if name == "content-type":
            media_type = value
    own = [signal for _, signal in said(request)]
    found.append(("request-headers", [*tables.request.read(request), *own]))
    found.append(("path", tables.address(method, host, path, port)))
    found.append(("request-body", request_shape(_ends(body), media_type, len(body) > _BODY_MAX) if body else []))
    found.append(("response-headers", tables.response.read(_bounded(response_headers))))
    found.append(("response-body", response_shape(response_start[:_BODY_MAX]) if response_start else []))
    return _weigh(found)


def _weigh(found: Sequence[tuple[str, list[Signal]]]) -> Sighting:
    total = 0
    names: list[str] = []
    groups: list[str] = []
    named: list[Signal] = []
    for group, signals in found:
        if not signals:
            continue
        seen: dict[str, Signal] = {}
        for signal in signals:
            if signal.id not in seen or seen[signal.id].weight < signal.weight:
                seen[signal.id] = signal
        points = min(_GROUP_MAX, sum(s.weight for s in seen.values()))
        total += points
        names.extend(f"{group}:{sign}" for sign in seen)
        if points >= _GROUP_MIN:
            groups.append(group)
        named.extend(seen.values())
    is_ai = len(groups) >= 2 and total >= _ENOUGH
    return Sighting(min(100, total), tuple(names), tuple(groups), is_ai, _kind(named) if is_ai else "")


def _kind(named: Sequence[Signal]) -> str:
    """Most signs stand for any model call: one that stands for something narrower says more, if it isn't a faint one.

    An agent that calls a tool's server is a call of that server; an agent that chats is an agent.
    """
    narrow = [signal for signal in named if signal.kind not in ("chat", "agent", "ai") and signal.weight >= _NARROW_MIN]
    if narrow:
        return max(narrow, key=lambda signal: (signal.weight, -KINDS.index(signal.kind))).kind
    kinds = {signal.kind for signal in named if signal.weight >= _NARROW_MIN or signal.kind != "agent"}
    return next((kind for kind in ("agent", "chat") if kind in kinds), "ai")


def _bounded(headers: Headers) -> list[tuple[str, str]]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(name[:_VALUE_MAX].lower(), value[:_VALUE_MAX]) for name, value in islice(pairs, _HEADERS_MAX)]


def _plain(path: str) -> str:
    """A path as servers take it, in lower case, without its query; of a long one the end, which is what tells."""
    plain = path.partition("?")[0][-2 * _VALUE_MAX :]
    for _ in range(_ESCAPED_MAX):
        if "%" not in plain:
            break
        plain = unquote(plain)
    if ";" in plain:
        plain = _MATRIX.sub("", plain)
    if "/." in plain:
        plain = _SAME.sub("/", plain)
        for _ in range(_UPWARDS_MAX):
            plain, times = _UPWARD.subn("/", plain, count=1)
            if not times:
                break
    while "//" in plain:
        plain = plain.replace("//", "/")
    return plain.rstrip("/").lower()


def _ends(body: bytes) -> bytes:
    """A long body's beginning and end: JSON clients write `model` last as often as first."""
    return body if len(body) <= _BODY_MAX else body[: _BODY_MAX * 3 // 4] + b"\n" + body[-_BODY_MAX // 4 + 1 :]


class _HeaderTable:
    """Header signs by name; most headers cost one look-up among the names seen before."""

    def __init__(self, rows: Iterable[Mapping[str, object]]) -> None:
        self._exact: dict[str, list[tuple[re.Pattern[str] | None, Signal]]] = {}
        self._prefixed: list[tuple[str, Signal]] = []
        for row in rows:
            signal, name = _signal(row), str(row["name"])
            if name.endswith("*"):
                self._prefixed.append((name[:-1], signal))
            else:
                pattern = re.compile(str(row["match"]), re.I) if "match" in row else None
                self._exact.setdefault(name, []).append((pattern, signal))
        self._rows = lru_cache(_NAMES_KEPT)(self._of)

    def _of(self, name: str) -> list[tuple[re.Pattern[str] | None, Signal]]:
        begun = [(None, signal) for prefix, signal in self._prefixed if name.startswith(prefix)]
        return [*self._exact.get(name, ()), *begun]

    def read(self, headers: Iterable[tuple[str, str]]) -> list[Signal]:
        return [
            signal
            for name, value in headers
            for pattern, signal in self._rows(name)
            if pattern is None or pattern.search(value)
        ]


class _Tables:
    def __init__(self, doc: Mapping[str, list[Mapping[str, object]]]) -> None:
        self.request = _HeaderTable(doc["request_headers"])
        self.response = _HeaderTable(doc["response_headers"])
        self._hosts = [(re.compile(str(row["match"]), re.I), _signal(row)) for row in doc["hosts"]]
        self._words = lru_cache(_NAMES_KEPT)(self._of_host)
        # By method: a word, and the patterns to try in a path that has it.
        self._paths: dict[str, list[tuple[str, list[tuple[re.Pattern[str], Signal]]]]] = {}
        for row in doc["paths"]:
            methods, words = row.get("methods", ["POST"]), row["has"]
            assert isinstance(methods, list) and isinstance(words, list)
            pair = (re.compile(str(row["match"])), _signal(row))
            for method in methods:
                table = self._paths.setdefault(str(method), [])
                for word in words:
                    pairs = next((pairs for known, pairs in table if known == word), None)
                    if pairs is None:
                        table.append((str(word), [pair]))
                    else:
                        pairs.append(pair)

    def _of_host(self, host: str) -> list[Signal]:
        return [signal for pattern, signal in self._hosts if pattern.search(host)]

    def address(self, method: str, host: str, path: str, port: int) -> list[Signal]:
        plain = _plain(path)
        found = [
            signal
            for word, pairs in self._paths.get(method.upper(), self._paths["POST"])
            if word in plain
            for pattern, signal in pairs
            if pattern.search(plain)
        ]
        found.extend(self._words(host[:_VALUE_MAX]))
        if "ession" in path and method.upper() == "POST" and _SESSION.search(path[: 2 * _VALUE_MAX]):
            found.append(_IN_SESSION)
        if port in PORTS:
            found.append(Signal("default-port", 15, "local-server"))
        return found


def _signal(row: Mapping[str, object]) -> Signal:
    return Signal(str(row["id"]), int(str(row["weight"])), str(row["kind"]))


def ready() -> None:
    """Read the tables that a first look would read: it takes longer than a request should wait."""
    _tables()
    clients.ready()


@cache
def _tables() -> _Tables:
    return _Tables(yaml.load(_TABLE.read_text("utf-8"), clients.Loader))
