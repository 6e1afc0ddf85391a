"""Provider files: YAML to `Provider`, every mistake of a directory reported at once with its file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from weir.model import AuthPlace
from weir.providers.services.paths import Template
from weir.providers.services.provider import MANAGED, Operation, Provider

__all__ = ["ProviderFileError", "read_directory", "read_text"]

_BYTES_MAX = 256 * 1024
_HOST = re.compile(r"(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+")
_WORD = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_STREAM_USAGE = ("on_request", "always")
_FIELDS = frozenset(
    {"id", "name", "hosts", "auth", "key_patterns", "operations", "stream_usage", "virtual_key_operations"}
)


class ProviderFileError(ValueError):
    """Provider files that can't be used; each of ``mistakes`` is ``file:line: field: problem; what to write``."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(mistakes))


class _Reader:
    """Reads one file's nodes; what is wrong goes to ``mistakes`` and reads as something empty."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[str] = []

    def wrong(self, node: yaml.Node | None, field: str, problem: str, remedy: str) -> None:
        line = node.start_mark.line + 1 if node is not None else 1
        self.mistakes.append(f"{self.file}:{line}: {field}: {problem}; {remedy}")

    def members(self, node: yaml.Node, field: str, known: frozenset[str]) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, field, "is not a mapping", "write `name: value` pairs")
            return {}
        out: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in known:
                self.wrong(key, f"{field}.{name}", "is not known", f"write one of {', '.join(sorted(known))}")
            elif name in out:
                self.wrong(key, f"{field}.{name}", "stands twice", "remove one")
            else:
                out[name] = value
        return out

    def items(self, node: yaml.Node | None, field: str) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, field, "is not a list", "write `- …` items")
            return []
        return list(node.value)

    def text(self, node: yaml.Node | None, field: str, default: str = "") -> str:
        if node is None:
            return default
        if isinstance(node, yaml.ScalarNode) and isinstance(node.value, str) and node.value:
            return node.value
        self.wrong(node, field, "is not text", "write a word or a quoted text")
        return default

    def flag(self, node: yaml.Node | None, field: str) -> bool:
        if node is None:
            return False
        if isinstance(node, yaml.ScalarNode) and node.value in ("true", "false"):
            return bool(node.value == "true")
        self.wrong(node, field, "is not a yes or no", "write true or false")
        return False


def read_directory(directory: Path, dialects: frozenset[str]) -> list[Provider]:
    """The providers of all ``*.yaml`` files in ``directory``. Raises ProviderFileError."""
    mistakes: list[str] = []
    providers: list[Provider] = []
    owners: dict[str, str] = {}
    for path in sorted(directory.glob("*.yaml")):
        try:
            raw = path.read_bytes()
            if len(raw) > _BYTES_MAX:
                raise ProviderFileError([f"{path}:1: file: is larger than {_BYTES_MAX} bytes; split it"])
            provider = read_text(raw.decode("utf-8"), str(path), dialects)
        except ProviderFileError as error:
            mistakes.extend(error.mistakes)
            continue
        except UnicodeDecodeError:
            mistakes.append(f"{path}:1: file: is not UTF-8; save it as UTF-8")
            continue
        for claim in (provider.id, *provider.hosts):
            if claim in owners:
                mistakes.append(f"{path}:1: {claim}: is already taken by {owners[claim]}; remove it from one of them")
            owners[claim] = path.name
        providers.append(provider)
    if mistakes:
        raise ProviderFileError(mistakes)
    return providers


def read_text(text: str, file: str, dialects: frozenset[str]) -> Provider:
    """The provider that ``text`` describes; ``dialects`` are the ids it may name. Raises ProviderFileError."""
    reader = _Reader(file)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ProviderFileError([f"{file}:{line}: file: is not YAML ({error.problem}); correct it"]) from None
    except yaml.YAMLError:
        raise ProviderFileError([f"{file}:1: file: is not YAML; correct it"]) from None
    if root is None:
        raise ProviderFileError([f"{file}:1: file: is empty; write id, name, hosts and operations"])
    provider = _provider(reader, root, dialects)
    if reader.mistakes:
        raise ProviderFileError(reader.mistakes)
    return provider


def _provider(reader: _Reader, root: yaml.Node, dialects: frozenset[str]) -> Provider:
    nodes = reader.members(root, "provider", _FIELDS)
    for name in ("id", "name", "hosts", "operations"):
        if name not in nodes:
            reader.wrong(root, name, "is missing", f"write `{name}: …`")
    provider_id = reader.text(nodes.get("id"), "id")
    if provider_id and not _WORD.fullmatch(provider_id):
        reader.wrong(nodes["id"], "id", "is not an id", "write lower-case words joined by hyphens")
    usage = reader.text(nodes.get("stream_usage"), "stream_usage", "on_request")
    if usage not in _STREAM_USAGE:
        reader.wrong(nodes["stream_usage"], "stream_usage", "is not known", f"write {' or '.join(_STREAM_USAGE)}")
    operations = _operations(reader, nodes, dialects)
    return Provider(
        id=provider_id,
        name=reader.text(nodes.get("name"), "name"),
        hosts=_hosts(reader, nodes),
        auth=tuple(_auth(reader, n, f"auth[{i}]") for i, n in enumerate(reader.items(nodes.get("auth"), "auth"))),
        key_patterns=_key_patterns(reader, nodes),
        operations=operations,
        virtual_key_operations=_managed(reader, nodes, frozenset(o.operation for o in operations)),
        stream_usage=usage,
    )


def _hosts(reader: _Reader, nodes: Mapping[str, yaml.Node]) -> tuple[str, ...]:
    hosts: list[str] = []
    for place, node in enumerate(reader.items(nodes.get("hosts"), "hosts")):
        host = reader.text(node, f"hosts[{place}]")
        if not _HOST.fullmatch(host):
            reader.wrong(node, f"hosts[{place}]", "is not a host", "write api.example.com or *.example.com")
        elif host in hosts:
            reader.wrong(node, f"hosts[{place}]", "stands twice", "remove one")
        hosts.append(host)
    return tuple(hosts)


def _auth(reader: _Reader, node: yaml.Node, field: str) -> AuthPlace:
    members = reader.members(node, field, frozenset({"header", "scheme", "query"}))
    texts = {name: reader.text(value, f"{field}.{name}") for name, value in members.items()}
    if members and ("header" in members) == ("query" in members):
        reader.wrong(node, field, "names no single place", "write either header (with a scheme, if any) or query")
    return AuthPlace(**texts)


def _key_patterns(reader: _Reader, nodes: Mapping[str, yaml.Node]) -> tuple[tuple[re.Pattern[str], str], ...]:
    patterns: list[tuple[re.Pattern[str], str]] = []
    for place, node in enumerate(reader.items(nodes.get("key_patterns"), "key_patterns")):
        field = f"key_patterns[{place}]"
        members = reader.members(node, field, frozenset({"kind", "regex"}))
        kind = reader.text(members.get("kind"), f"{field}.kind")
        regex = reader.text(members.get("regex"), f"{field}.regex")
        if not kind or not regex:
            reader.wrong(node, field, "is not whole", "write kind and regex")
            continue
        try:
            patterns.append((re.compile(regex), kind))
        except re.error as error:
            reader.wrong(members["regex"], f"{field}.regex", f"is not a regex ({error.msg})", "correct it")
    return tuple(patterns)


def _managed(reader: _Reader, nodes: Mapping[str, yaml.Node], known: frozenset[str]) -> frozenset[str]:
    field = "virtual_key_operations"
    if field not in nodes:
        return MANAGED
    words: list[str] = []
    for place, node in enumerate(reader.items(nodes[field], field)):
        word = reader.text(node, f"{field}[{place}]")
        if word and word not in known:
            remedy = f"write one of {', '.join(sorted(known))}"
            reader.wrong(node, f"{field}[{place}]", "is no operation of this provider", remedy)
        words.append(word)
    return frozenset(words)


def _operations(reader: _Reader, nodes: Mapping[str, yaml.Node], dialects: frozenset[str]) -> tuple[Operation, ...]:
    operations: list[Operation] = []
    seen: set[tuple[str, str]] = set()
    for place, node in enumerate(reader.items(nodes.get("operations"), "operations")):
        operation = _operation(reader, node, f"operations[{place}]", dialects)
        if operation is None:
            continue
        claim = (operation.method, operation.template.text)
        if claim in seen:
            reader.wrong(node, f"operations[{place}]", "stands twice", "remove one")
        seen.add(claim)
        operations.append(operation)
    return tuple(operations)


def _operation(reader: _Reader, node: yaml.Node, field: str, dialects: frozenset[str]) -> Operation | None:
    known = frozenset({"method", "path", "dialect", "operation", "stream"})
    members = reader.members(node, field, known)
    method = reader.text(members.get("method"), f"{field}.method")
    path = reader.text(members.get("path"), f"{field}.path")
    dialect = reader.text(members.get("dialect"), f"{field}.dialect")
    name = reader.text(members.get("operation"), f"{field}.operation")
    stream = reader.flag(members.get("stream"), f"{field}.stream")
    if method not in _METHODS:
        reader.wrong(members.get("method", node), f"{field}.method", "is not known", f"write {', '.join(_METHODS)}")
    if not _WORD.fullmatch(name):
        reader.wrong(members.get("operation", node), f"{field}.operation", "is not a word", "write chat, models, …")
    if dialect and dialect not in dialects:
        remedy = f"write one of {', '.join(sorted(dialects))}, or leave it out"
        reader.wrong(members["dialect"], f"{field}.dialect", "is not known", remedy)
    try:
        template = Template.parse(path)
    except ValueError as error:
        reader.wrong(members.get("path", node), f"{field}.path", str(error), "write e.g. /v1/models/{model}:verb")
        return None
    return Operation(method, template, dialect, name, stream)
