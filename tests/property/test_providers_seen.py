"""Nothing hides: what is put anywhere into a request or a reply is handed on, or the exchange says why it is not."""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from golden.eventwire import packed
from golden.test_providers_golden import FILES, load, parsed, reply_of
from weir.model import Endpoint, Exchange, Inspection, Unparsed
from weir.providers.services.registry import Registry

REGISTRY = Registry.load()
WORDS = "kept Q7 canary out"
NUMBER = 4929_0000_1234_5678
# Told by an edge before a reader is asked: a reply that says to be a picture is partial.
TYPES = ["text/event-stream", "application/json", "application/x-ndjson", "text/plain", ""]


class Ear:
    """A `Watch` that keeps what it is given."""

    stopped = False

    def __init__(self, *, acts: bool) -> None:
        self.acts = self.edits = acts
        self.said: dict[str, str] = {}
        self.missed = False

    def feed(self, channel: str, text: str) -> str:
        self.said[channel] = self.said.get(channel, "") + text
        return text

    def flush(self, channel: str) -> str:
        return ""

    def unread(self, reason: str) -> None:
        self.missed = bool(reason)

    def heard(self, text: str) -> bool:
        return any(text in said for said in self.said.values())


# ── requests


@cache
def member_names(dialect_id: str) -> tuple[str, ...]:
    """Every name that the modules of a dialect mention: what its format has, and what is special to it."""
    found: set[str] = {"zz", "Prompt"}
    for one in type(REGISTRY.dialect(dialect_id)).__mro__:
        if one.__module__.startswith("weir.providers.formats"):
            tree = ast.parse(inspect.getsource(sys.modules[one.__module__]))
            constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
            found |= {text for text in constants if isinstance(text, str) and re.fullmatch(r"[A-Za-z_$]{2,40}", text)}
    return tuple(sorted(found))


def operations() -> list[tuple[str, str, str]]:
    """Dialect, operation and path of each operation that is read, one of a kind."""
    found: dict[tuple[str, str], str] = {}
    for provider in REGISTRY.providers:
        for one in provider.operations:
            if one.dialect:
                found.setdefault((one.dialect, one.operation), one.template.text)
    return [(*key, path) for key, path in sorted(found.items())]


def put(names: tuple[str, ...], style: str) -> tuple[dict[str, Any], list[str]]:
    """A body with something to find in every member, as a value, in lists, below, as a name, a number, within JSON."""
    made: list[str] = []

    def mark() -> str:
        key = f"ghp_{len(made):06d}AbCdEfGh1JkLmN0pQrStUvWxYz12"
        made.append(key if len(made) % 2 else f"kept {len(made):06d} out")
        return made[-1]

    def number() -> int:
        made.append(str(NUMBER + len(made)))
        return int(made[-1])

    below = names[:: max(1, len(names) // 8)]
    styles: dict[str, Any] = {
        "value": lambda name: mark(),
        "list": lambda name: [mark(), {"type": "text", "text": mark(), "role": mark()}, [mark()]],
        "below": lambda name: {"type": "base64", "media_type": "image/png"} | {inner: mark() for inner in below},
        "name": lambda name: {mark(): 1},
        "number": lambda name: [number(), {"data": number()}],
        "within": lambda name: json.dumps({"a": mark()}),
    }
    return {name: styles[style](name) for name in names}, made


STYLES = ("value", "list", "below", "name", "number", "within")


@pytest.mark.parametrize(("dialect_id", "operation", "path"), operations())
def test_whatever_a_request_holds_is_handed_on(dialect_id: str, operation: str, path: str) -> None:
    for style in STYLES:
        dialect = REGISTRY.dialect(dialect_id).bound([("content-type", "application/json")])
        document, marks = put(member_names(dialect_id), style)
        body = json.dumps(document).encode()
        try:
            exchange = dialect.parse(body, Endpoint("s", dialect_id, operation, path, "m"))
        except Unparsed:
            continue
        said = "\n".join(s.text for s in exchange.segments) + "".join(
            a.data.decode("latin-1") for a in exchange.attachments
        )
        assert [mark for mark in marks if mark not in said] == [], style


@pytest.mark.parametrize("field", ["prompt", "file", "model", "zz", "purpose"])
@pytest.mark.parametrize("dialect_id", sorted({d for d, _, _ in operations() if d.endswith("_upload")}))
def test_whatever_a_form_holds_is_handed_on(dialect_id: str, field: str) -> None:
    for extra in ("", '; filename="a.txt"', "; filename*=UTF-8''a.txt", "\r\nContent-Type: application/json"):
        body = f'--x\r\nContent-Disposition: form-data; name="{field}"{extra}\r\n\r\n{WORDS}\r\n--x--\r\n'.encode()
        dialect = REGISTRY.dialect(dialect_id).bound([("content-type", "multipart/form-data; boundary=x")])
        try:
            exchange = dialect.parse(body, Endpoint("s", dialect_id, "files"))
        except Unparsed:
            continue
        assert any(WORDS in s.text for s in exchange.segments) or any(
            WORDS.encode() in a.data for a in exchange.attachments
        )


TWICE = [
    b'{"prompt":"a","prompt":"b"}', b'{"prompt":"a","pr\\u006fmpt":"b"}', b'{"prompt":"a"} x', b'{"prompt":"a"}{}',
    b'{"prompt":"a"}\x00', b'{"prompt":NaN}', b"{'prompt':'a'}", b'{"prompt":"a",}', b'{"prompt":"a"}//x',
    '{"prompt":"a"}'.encode("utf-16"), '{"prompt":"a"}'.encode("utf-32-le"), b'{"prompt":"\xc0\xae"}',
    b'{"prompt":"\xe9"}',
    b'\x0b{"prompt":"a"}', b'{"prompt":"a\nb"}', b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
]  # fmt: skip


@pytest.mark.parametrize("body", TWICE)
def test_what_two_parsers_read_differently_is_not_read(body: bytes) -> None:
    for dialect_id in {dialect for dialect, _, _ in operations()}:
        if dialect_id in ("gemini_upload", "web_upload", "connect", "gemini_web"):
            continue  # these take a body whole, as bytes or as the field of a form
        with pytest.raises(Unparsed):
            REGISTRY.dialect(dialect_id).bound([("content-type", "application/json")]).parse(
                body, Endpoint("s", dialect_id, "chat")
            )


# ── replies

# Of these the bytes are what they say: members that hold no text of anybody's while they look like it.
SEALED = re.compile(r"logprobs")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    for step, child in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        if isinstance(value, dict):
            yield (*path, step), "name"
        if isinstance(child, str):
            yield (*path, step), "text"
        elif isinstance(child, int | float) and not isinstance(child, bool):
            yield (*path, step), "number"
        yield from leaves(child, (*path, step))


def changed(document: Any, path: tuple[Any, ...], kind: str) -> Any:
    copy = json.loads(json.dumps(document))
    at = copy
    for step in path[:-1]:
        at = at[step]
    if kind == "name":
        at[WORDS] = at.pop(path[-1])
    else:
        at[path[-1]] = NUMBER if kind == "number" else WORDS
    return copy


def variants(case: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """The reply again and again, each time with something to find at another place."""
    seen: set[tuple[Any, ...]] = set()
    if "events" in case:
        parts: list[Any] = case["events"]
    else:
        text = reply_of(case).decode()
        parts = [text] if text[:1] in "[{" and "\n{" not in text else re.split(r"(\{[^\n]*\})(?=\r?\n|$)", text)
    for number, part in enumerate(parts):
        try:
            document = part if isinstance(part, dict) else json.loads(part)
        except ValueError:
            continue
        for path, kind in leaves(document):
            shape = (tuple("*" if isinstance(step, int) else step for step in path), kind)
            vector = kind != "text" and re.search(r"embedding|values", str(path))  # numbers, and none of anybody's
            if shape in seen or vector or SEALED.search(str(path)):
                continue
            seen.add(shape)
            if "events" in case:
                if len(path) > 1 and not (path[0] == "headers" and kind == "name"):
                    yield kind, packed([*parts[:number], changed(document, path, kind), *parts[number + 1 :]])
            else:
                new = json.dumps(changed(document, path, kind))
                yield kind, "".join([*parts[:number], new, *parts[number + 1 :]]).encode()


@pytest.mark.parametrize(
    "path", [path for path in FILES if {"reply", "events"} & load(path).keys()], ids=lambda p: p.stem
)
def test_whatever_a_reply_holds_is_looked_at(path: Any) -> None:
    case = load(path)
    dialect, _, exchange = parsed(case)
    for kind, data in variants(case):
        for acts in (True, False):
            ear = Ear(acts=acts)
            reader = dialect.reader(exchange, case["content_type"], ear)
            reader.feed(data)
            reader.close()
            if reader.reply().inspection is Inspection.INSPECTED and not ear.missed:
                assert ear.heard(str(NUMBER) if kind == "number" else WORDS), data


NEW: list[Any] = [
    {"type": "brand.new", "payload": {"words": WORDS}},
    {"choices": [{"index": 0, "delta": {"content": "a", "zz": {"yy": WORDS}}, "zz": 1}], "citations": [WORDS]},
    {"error": WORDS},
    {"candidates": [{"content": {"parts": [{"text": "x"}]}, "citationMetadata": {"citations": [{"title": WORDS}]}}]},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "new_delta", "words": WORDS}},
    {"type": "response.output_text.annotation.added", "annotation": {"title": WORDS}},
    {"zz": WORDS},
]
BESIDE = WORDS.encode()
FRAMINGS = {
    "event": lambda doc: b"data: " + doc + b"\n\n",
    "crlf": lambda doc: b"event: message\r\ndata: " + doc + b"\r\n\r\n",
    "split": lambda doc: b"data: " + doc.replace(b"{", b"{\ndata:", 1) + b"\n\n",
    "cr": lambda doc: b"data:" + doc + b"\r\r",
    "cut": lambda doc: b'data: {"a":1}\n\ndata: ' + doc,
    "after the end": lambda doc: b"data: [DONE]\n\ndata: " + doc + b"\n\n",
    "lines": lambda doc: doc + b'\r\n{"a":1}\r\n',
    "array": lambda doc: b'[{"a":1}\r\n,\r\n' + doc + b"]",
    "after an array": lambda doc: b'[{"a":1}] ' + doc,
    "a text in an array": lambda doc: b'[{"a":1},"' + BESIDE + b'"]',
    "document": lambda doc: doc,
    "byte order mark": lambda doc: b"\xef\xbb\xbf" + doc,
    "comment": lambda doc: b": " + BESIDE + b'\ndata: {"a":1}\n\n',
    "lone comment": lambda doc: b": " + BESIDE + b'\n\ndata: {"a":1}\n\n',
    "id": lambda doc: b"id: " + BESIDE + b'\ndata: {"a":1}\n\n',
    "retry": lambda doc: b"retry: " + BESIDE + b'\n\ndata: {"a":1}\n\n',
    "name of an event": lambda doc: b"event: " + BESIDE + b'\ndata: {"a":1}\n\n',
    "unknown field": lambda doc: b"foo: " + BESIDE + b'\ndata: {"a":1}\n\n',
    "text": lambda doc: b"data: " + BESIDE + b"\n\n",
    "no framing": lambda doc: BESIDE,
    "aws": lambda doc: packed(
        [{"headers": {":message-type": "event", ":event-type": "brandNew"}, "payload": json.loads(doc)}]
    ),
    "header of aws": lambda doc: packed([{"headers": {":message-type": "event", "x-new": WORDS}, "payload": {"a": 1}}]),
}

HOLDS = {"event", "crlf", "split", "cr", "cut", "after the end", "lines", "array", "after an array", "document", "aws"}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("acts", [True, False])
def test_framings_and_events_that_nobody_knows_hide_nothing(framing: str, acts: bool) -> None:
    documents = NEW if framing in HOLDS else NEW[:1]
    for dialect_id in sorted({dialect for dialect, _, _ in operations()}):
        dialect = REGISTRY.dialect(dialect_id)
        for kind in (*TYPES, "application/vnd.amazon.eventstream"):
            for document in documents:
                ear = Ear(acts=acts)
                reader = dialect.reader(Exchange(Endpoint("s", dialect_id, "chat"), "m", True), kind, ear)
                reader.feed(FRAMINGS[framing](json.dumps(document).encode()))
                reader.close()
                if reader.reply().inspection is Inspection.INSPECTED and not ear.missed:
                    assert ear.heard(WORDS), (dialect_id, kind, document)
