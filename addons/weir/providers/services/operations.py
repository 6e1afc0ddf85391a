"""The operations of a provider's file: method and path, dialect, and where model and stream are told."""

from __future__ import annotations

import re

import yaml

from weir.providers.services.paths import Template
from weir.providers.services.provider import Operation, Sign
from weir.providers.services.reader import FieldReader

__all__ = ["WORD", "read_operations"]

WORD = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_FIELDS = frozenset({"method", "path", "dialect", "operation", "stream", "model", "shared"})
_MODEL_WORDS = ("path", "deployment", "body")
_HEADER = re.compile(r"[A-Za-z0-9-]+")


def read_operations(reader: FieldReader, node: yaml.Node | None, dialects: frozenset[str]) -> tuple[Operation, ...]:
    """All operations of the list at ``node``; ``dialects`` are the ids that they may name."""
    operations: list[Operation] = []
    seen: dict[tuple[str, str], str] = {}
    for place, item in enumerate(reader.items(node, "operations")):
        field = f"operations[{place}]"
        operation = _operation(reader, item, field, dialects)
        if operation is None:
            continue
        claim = (operation.method, re.sub(r"\{[a-z_]+\}", "{}", operation.template.text).lower().rstrip("/"))
        if claim in seen:
            reader.wrong(item, field, "stands twice", f"remove this or {seen[claim]}")
        seen[claim] = field
        operations.append(operation)
    return tuple(operations)


def _operation(reader: FieldReader, node: yaml.Node, field: str, dialects: frozenset[str]) -> Operation | None:
    members = reader.members(node, field, _FIELDS)
    method = reader.text(members.get("method"), f"{field}.method")
    path = reader.text(members.get("path"), f"{field}.path")
    dialect = reader.text(members.get("dialect"), f"{field}.dialect")
    name = reader.text(members.get("operation"), f"{field}.operation")
    if method not in _METHODS:
        reader.wrong(members.get("method", node), f"{field}.method", "is not known", f"write {', '.join(_METHODS)}")
    if not WORD.fullmatch(name):
        reader.wrong(members.get("operation", node), f"{field}.operation", "is not a word", "write chat, models, …")
    if dialect and dialect not in dialects:
        remedy = f"write one of {', '.join(sorted(dialects))}, or leave it out"
        reader.wrong(members["dialect"], f"{field}.dialect", "is not known", remedy)
    try:
        template = Template.parse(path)
    except ValueError as error:
        reader.wrong(members.get("path", node), f"{field}.path", str(error), "write e.g. /v1/models/{model}:verb")
        return None
    stream, stream_sign = _stream(reader, members.get("stream"), f"{field}.stream")
    place, model_sign = _model(reader, members.get("model"), f"{field}.model", in_path="{model}" in path)
    return Operation(
        method,
        template,
        dialect,
        name,
        stream,
        stream_sign=stream_sign,
        model_in=place,
        model_sign=model_sign,
        shared=reader.flag(members.get("shared"), f"{field}.shared"),
    )


def _stream(reader: FieldReader, node: yaml.Node | None, field: str) -> tuple[bool, Sign | None]:
    if not isinstance(node, yaml.MappingNode):
        return reader.flag(node, field), None
    sign = _sign(reader, node, field, with_value=True)
    return False, sign


def _model(reader: FieldReader, node: yaml.Node | None, field: str, *, in_path: bool) -> tuple[str, Sign | None]:
    if node is None:
        return ("path" if in_path else "body"), None
    if isinstance(node, yaml.MappingNode):
        if in_path:
            reader.wrong(node, field, "is said twice: the path has {model}", "remove one")
        sign = _sign(reader, node, field, with_value=False)
        return ("header" if sign and sign.header else "query"), sign
    word = reader.text(node, field)
    if word not in _MODEL_WORDS:
        remedy = f"write {', '.join(_MODEL_WORDS)}, {{header: name}} or {{query: name}}"
        reader.wrong(node, field, "is not known", remedy)
    elif (word != "body") != in_path:
        remedy = "remove {model} from the path" if in_path else "write {model} where the path names it"
        reader.wrong(node, field, f"is {word}, and the path says otherwise", remedy)
    return word, None


def _sign(reader: FieldReader, node: yaml.Node, field: str, *, with_value: bool) -> Sign | None:
    known = frozenset({"header", "query", "is"} if with_value else {"header", "query"})
    members = reader.members(node, field, known)
    texts = {name: reader.text(value, f"{field}.{name}") for name, value in members.items()}
    if ("header" in texts) == ("query" in texts):
        reader.wrong(node, field, "names no single place", "write either header or query")
        return None
    if with_value and not texts.get("is"):
        reader.wrong(node, field, "does not say which value means a stream", "write `is: value`")
        return None
    if "header" in texts and not _HEADER.fullmatch(texts["header"]):
        reader.wrong(members["header"], f"{field}.header", "is not a header's name", "write e.g. x-model-id")
        return None
    return Sign(texts.get("header", "").lower(), texts.get("query", ""), texts.get("is", "").lower())
