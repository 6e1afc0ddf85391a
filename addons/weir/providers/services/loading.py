"""Provider files: YAML to `Provider`, every mistake of a directory reported at once with its file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from weir.model import AuthPlace
from weir.providers.services.hosts import overlap, problem, public_suffix
from weir.providers.services.operations import WORD, read_operations
from weir.providers.services.provider import MANAGED, Noted, Operation, Provider
from weir.providers.services.reader import FieldReader, ProviderFileError, compose, line_of

__all__ = ["Loaded", "ProviderFileError", "load_directory", "read_directory", "read_text"]

_BYTES_MAX = 256 * 1024
_STREAM_USAGE = ("on_request", "always")
_FIELDS = frozenset(
    {
        "id", "name", "hosts", "shared_hosts", "key_hosts", "auth", "key_patterns", "operations", "stream_usage",
        "virtual_key_operations", "headers", "session_cookies", "shapes", "pages", "unverified", "evidence", "bearer",
    }
)  # fmt: skip
_DOUBTABLE = frozenset({"hosts", "auth", "key_patterns", "operations", "stream_usage", "headers", "session_cookies"})
_SOURCES = frozenset({"sdk", "traffic", "documentation", "prices", "gateways", "code", "scanners"})
_HEADER = re.compile(r"[A-Za-z0-9_-]+\*?")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A provider and the place (``file:line``) of its id and of each of its host patterns."""

    provider: Provider
    places: Mapping[str, str]


def read_directory(directory: Path, dialects: frozenset[str]) -> list[Provider]:
    """The providers of all ``*.yaml`` files in ``directory``. Raises ProviderFileError."""
    return [loaded.provider for loaded in load_directory(directory, dialects)]


def load_directory(directory: Path, dialects: frozenset[str], *, trusted: bool = False) -> list[Loaded]:
    """The providers of all ``*.yaml`` files in ``directory``, with places. Raises ProviderFileError.

    ``trusted`` leaves out the look at public suffixes, which takes a tenth of a second.
    """
    mistakes: list[str] = []
    found: list[Loaded] = []
    for path in sorted(directory.glob("*.yaml")):
        try:
            raw = path.read_bytes()
            if len(raw) > _BYTES_MAX:
                raise ProviderFileError([f"{path}:1: file: is larger than {_BYTES_MAX} bytes; split it"])
            found.append(_read(raw.decode("utf-8"), str(path), dialects, trusted=trusted))
        except ProviderFileError as error:
            mistakes.extend(error.mistakes)
        except UnicodeDecodeError:
            mistakes.append(f"{path}:1: file: is not UTF-8; save it as UTF-8")
    mistakes.extend(_between(found))
    if mistakes:
        raise ProviderFileError(mistakes)
    return found


def read_text(text: str, file: str, dialects: frozenset[str]) -> Provider:
    """The provider that ``text`` describes; ``dialects`` are the ids it may name. Raises ProviderFileError."""
    return _read(text, file, dialects, trusted=False).provider


def _read(text: str, file: str, dialects: frozenset[str], *, trusted: bool) -> Loaded:
    reader = FieldReader(file)
    root = compose(text, file)
    nodes = reader.members(root, "provider", _FIELDS)
    for name in ("id", "name", "operations"):
        if name not in nodes:
            reader.wrong(root, name, "is missing", f"write `{name}: …`")
    if "hosts" not in nodes and "shared_hosts" not in nodes:
        reader.wrong(root, "hosts", "is missing", "write `hosts: …`, or shared_hosts where only paths tell")
    provider_id = reader.text(nodes.get("id"), "id")
    if provider_id and not WORD.fullmatch(provider_id):
        reader.wrong(nodes["id"], "id", "is not an id", "write lower-case words joined by hyphens")
    usage = reader.text(nodes.get("stream_usage"), "stream_usage", "on_request")
    if usage not in _STREAM_USAGE:
        reader.wrong(nodes["stream_usage"], "stream_usage", "is not known", f"write {' or '.join(_STREAM_USAGE)}")
    operations = read_operations(reader, nodes.get("operations"), dialects)
    hosts = _hosts(reader, nodes, trusted=trusted)
    provider = Provider(
        id=provider_id,
        name=reader.text(nodes.get("name"), "name"),
        hosts=tuple(host for host, (field, _) in hosts.items() if field == "hosts"),
        auth=tuple(_auth(reader, n, f"auth[{i}]") for i, n in enumerate(reader.items(nodes.get("auth"), "auth"))),
        key_patterns=_key_patterns(reader, nodes),
        operations=operations,
        virtual_key_operations=_managed(reader, nodes, frozenset(o.operation for o in operations)),
        stream_usage=usage,
        shared_hosts=tuple(host for host, (field, _) in hosts.items() if field == "shared_hosts"),
        key_hosts=_key_hosts(reader, nodes, hosts) if "key_hosts" in nodes else None,
        bearer=reader.text(nodes.get("bearer"), "bearer"),
        session_cookies=tuple(name for _, name in reader.texts(nodes.get("session_cookies"), "session_cookies")),
        headers=_noted(reader, nodes.get("headers")),
        shapes=reader.flag(nodes.get("shapes"), "shapes"),
        pages=reader.flag(nodes.get("pages"), "pages"),
        evidence=_evidence(reader, nodes),
    )
    if provider.bearer and provider.bearer not in {kind for _, kind in provider.key_patterns}:
        reader.wrong(nodes["bearer"], "bearer", "is no kind of key here", "write a kind of key_patterns")
    marked = any(operation.shared for operation in operations)
    if marked != bool(provider.hosts and provider.shared_hosts):
        remedy = "mark the operations of shared_hosts with `shared: true`, where there are hosts too"
        reader.wrong(nodes.get("shared_hosts", root), "shared_hosts", "don't fit the operations", remedy)
    doubts = _unverified(reader, nodes, provider)
    if reader.mistakes:
        raise ProviderFileError(reader.mistakes)
    places = {host: f"{file}:{line_of(node)}" for host, (_, node) in hosts.items()}
    return Loaded(replace(provider, unverified=doubts), {**places, provider_id: f"{file}:{line_of(nodes['id'])}"})


def _between(found: list[Loaded]) -> Iterable[str]:
    """What files contradict each other about."""
    ids: dict[str, Loaded] = {}
    near: dict[str, list[tuple[str, Loaded]]] = {}  # by their last two labels, which no pattern leaves open
    sharing: list[Loaded] = []
    for later in found:
        mine = later.provider
        earlier = ids.setdefault(mine.id, later)
        if earlier is not later:
            yield f"{later.places[mine.id]}: {mine.id}: is already taken by {earlier.places[mine.id]}; rename one"
        for host in mine.hosts:
            others = near.setdefault(".".join(host.split(".")[-2:]), [])
            for other, owner in others:
                if owner is not later and overlap(host, other):
                    what = "is already taken by" if host == other else f"overlaps {other} of"
                    yield f"{later.places[host]}: {host}: {what} {owner.places[other]}; remove it from one of them"
            others.append((host, later))
        if mine.shared_hosts:
            for earlier in sharing:
                yield from _same_paths(later, earlier)
            sharing.append(later)


def _same_paths(later: Loaded, earlier: Loaded) -> Iterable[str]:
    mine, theirs = later.provider, earlier.provider
    shared = [(a, b) for a in mine.shared_hosts for b in theirs.shared_hosts if overlap(a, b)]
    if not shared:
        return
    claimed = {(o.method, o.template.text.lower()) for o in theirs.operations}
    for operation in mine.operations:
        if (operation.method, operation.template.text.lower()) in claimed:
            where = f"{operation.method} {operation.template.text}"
            host = shared[0][0]
            place = earlier.places[shared[0][1]]
            yield f"{later.places[host]}: {host}: {where} there is also in {place}; remove it from one of them"


def _hosts(reader: FieldReader, nodes: Mapping[str, yaml.Node], *, trusted: bool) -> dict[str, tuple[str, yaml.Node]]:
    """Host pattern → (field it stands in, its node)."""
    hosts: dict[str, tuple[str, yaml.Node]] = {}
    for name in ("hosts", "shared_hosts"):
        for place, (node, host) in enumerate(reader.texts(nodes.get(name), name)):
            field = f"{name}[{place}]"
            wrong = problem(host)
            if wrong:
                reader.wrong(node, field, wrong, "write api.example.com, *.example.com or api.*.example.com")
                continue
            suffix = "" if trusted else public_suffix(host)
            if suffix:
                remedy = "write the owner's own domain"
                reader.wrong(node, field, f"would catch everybody's domains below {suffix}", remedy)
            if host in hosts and hosts[host][0] != name:
                reader.wrong(node, field, "stands in hosts and in shared_hosts", "remove one")
            hosts[host] = (name, node)
    return hosts


def _key_hosts(reader: FieldReader, nodes: Mapping[str, yaml.Node], hosts: Mapping[str, object]) -> tuple[str, ...]:
    out = []
    for place, (node, host) in enumerate(reader.texts(nodes.get("key_hosts"), "key_hosts")):
        if host not in hosts:
            reader.wrong(node, f"key_hosts[{place}]", "is no host of this provider", f"write one of {', '.join(hosts)}")
        out.append(host)
    return tuple(out)


def _auth(reader: FieldReader, node: yaml.Node, field: str) -> AuthPlace:
    members = reader.members(node, field, frozenset({"header", "scheme", "query", "subprotocol"}))
    texts = {name: reader.text(value, f"{field}.{name}") for name, value in members.items()}
    places = [name for name in ("header", "query", "subprotocol") if name in texts]
    if members and len(places) != 1:
        remedy = "write one of header (with a scheme, if any), query and subprotocol"
        reader.wrong(node, field, "names no single place", remedy)
    elif "scheme" in texts and "header" not in texts:
        reader.wrong(members["scheme"], f"{field}.scheme", "stands beside no header", "remove it")
    return AuthPlace(**texts)


def _key_patterns(reader: FieldReader, nodes: Mapping[str, yaml.Node]) -> tuple[tuple[re.Pattern[str], str], ...]:
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
            pattern = re.compile(regex)
        except re.error as error:
            reader.wrong(members["regex"], f"{field}.regex", f"is not a regex ({error.msg})", "correct it")
            continue
        if pattern.fullmatch(""):
            reader.wrong(members["regex"], f"{field}.regex", "matches the empty text", "say how long a key is")
        patterns.append((pattern, kind))
    return tuple(patterns)


def _managed(reader: FieldReader, nodes: Mapping[str, yaml.Node], known: frozenset[str]) -> frozenset[str]:
    field = "virtual_key_operations"
    if field not in nodes:
        return MANAGED
    found = reader.texts(nodes[field], field)
    for place, (node, word) in enumerate(found):
        if word and word not in known:
            remedy = f"write one of {', '.join(sorted(known))}"
            reader.wrong(node, f"{field}[{place}]", "is no operation of this provider", remedy)
    return frozenset(word for _, word in found)


def _noted(reader: FieldReader, node: yaml.Node | None) -> Noted:
    if node is None:
        return Noted()
    members = reader.members(node, "headers", frozenset({"request", "response"}))
    names: dict[str, tuple[str, ...]] = {}
    for side, listed in members.items():
        field = f"headers.{side}"
        found = reader.texts(listed, field)
        for place, (item, name) in enumerate(found):
            if not _HEADER.fullmatch(name):
                reader.wrong(item, f"{field}[{place}]", "is not a header's name", "write x-request-id or x-ratelimit-*")
            elif name.lower() in ("authorization", "cookie", "set-cookie"):
                reader.wrong(item, f"{field}[{place}]", "holds credentials", "remove it")
        names[side] = tuple(name.lower() for _, name in found)
    return Noted(**names)


def _evidence(reader: FieldReader, nodes: Mapping[str, yaml.Node]) -> tuple[str, ...]:
    out: list[str] = []
    for place, (node, source) in enumerate(reader.texts(nodes.get("evidence"), "evidence")):
        if source not in _SOURCES and not source.startswith("https://"):
            remedy = f"write an address, or one of {', '.join(sorted(_SOURCES))}"
            reader.wrong(node, f"evidence[{place}]", "is not a source", remedy)
        out.append(source)
    return tuple(out)


def _unverified(reader: FieldReader, nodes: Mapping[str, yaml.Node], provider: Provider) -> tuple[str, ...]:
    """What the file doubts: a field, or one host, path, header or kind of key that stands in it."""
    operations: tuple[Operation, ...] = provider.operations
    known = {
        *(_DOUBTABLE & set(nodes)),
        *provider.hosts,
        *provider.shared_hosts,
        *(operation.template.text for operation in operations),
        *(kind for _, kind in provider.key_patterns),
        *(place.header or place.query or place.subprotocol for place in provider.auth),
        *provider.headers.request,
        *provider.headers.response,
    }
    found = reader.texts(nodes.get("unverified"), "unverified")
    for place, (node, word) in enumerate(found):
        if word and word not in known:
            remedy = f"write one of {', '.join(sorted(_DOUBTABLE & set(nodes)))}, or a host, path or kind of key"
            reader.wrong(node, f"unverified[{place}]", "does not stand in this file", remedy)
    return tuple(word for _, word in found)
