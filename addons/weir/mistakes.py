"""What an operator reads about a policy that cannot be used: field errors and contradictions between fields.

Both work on the data as read, so that one run names every mistake, whatever else is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from weir.fields import nearest
from weir.overlaps import overlaps
from weir.sections_shadow import contradictions
from weir.yamlpos import Document, Position, shown

__all__ = ["cross_check", "explain"]


_TYPES: Mapping[str, tuple[str, str]] = {
    "string_type": ("must be text", "write text, in quotes if it looks like a number"),
    "int_type": ("must be a whole number", "write a number without quotes or unit"),
    "float_type": ("must be a number", "write a number without quotes"),
    "bool_type": ("must be true or false", "write true or false"),
    "too_short": ("is empty", "give at least one"),
    "tuple_type": ("must be a list", "write [a, list]"),
    "list_type": ("must be a list", "write [a, list]"),
    "dict_type": ("must be a mapping", "write key: value lines below it"),
    "mapping_type": ("must be a mapping", "write key: value lines below it"),
    "model_type": ("must be a mapping", "write key: value lines below it"),
    "model_attributes_type": ("must be a mapping", "write key: value lines below it"),
}


def explain(error: ValidationError, document: Document, model: type[BaseModel]) -> None:
    """Add one mistake to ``document`` for each error of a failed validation of its data by ``model``."""
    told = {(mistake.line, mistake.field) for mistake in document.mistakes}
    items = error.errors(include_url=False, include_input=False)
    for item in items:
        if item["type"] == "too_short" and any(_within(other["loc"], item["loc"]) for other in items):
            continue  # it is short of what is wrong in it, which is told
        full: Position = tuple(part for part in item["loc"] if part != "[key]")
        place = _as_written(document, full)
        if (document.line(place), document.name(document.known(place))) in told and item["type"] != "missing":
            continue  # the reader already said what is wrong with this very value
        context = item.get("ctx", {})
        if item["type"] == "weir":
            _tell(document, place, str(context["problem"]), str(context["remedy"]))
        elif item["type"] == "missing":
            document.add(place, "is missing", f"write {_example(place)}")
        elif item["type"] == "extra_forbidden":
            names = _names(model, full[:-1])
            guess = nearest(place[-1], names)
            document.add(place, "is not known here", f"write {guess}" if guess else f"use one of: {', '.join(names)}")
        else:
            problem, remedy = _TYPES.get(item["type"], ("cannot be used", "see the policy section of the README"))
            _tell(document, place, problem, remedy)


def _within(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _as_written(document: Document, place: Position) -> Position:
    """``place`` without the numbers of lists that the file writes as the one thing in them."""
    kept: Position = ()
    for part in place:
        if part != 0 or (*kept, 0) in document.lines:
            kept = (*kept, part)
    return kept


def _tell(document: Document, place: Position, problem: str, remedy: str) -> None:
    # A short form (`intercept: all`, one word for a list) has no deeper place of its own: name what stands in the file.
    document.add(document.known(place) or place, problem, remedy)


def _example(place: Position) -> str:
    name = str(place[-1]) if place else ""
    return {"version": "version: 1", "if": "if: {finding: …}", "cidr": "cidr: 10.20.0.0/16"}.get(
        name, f"{shown(name)}: …"
    )


def _names(model: type[BaseModel], place: Position) -> list[str]:
    """The keys that may stand at ``place``."""
    kind: Any = model
    for part in place:
        kind = _inner(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {info.alias or name: info.annotation for name, info in kind.model_fields.items()}
            kind = fields.get(str(part))
        else:
            kind = get_args(kind)[-1 if get_origin(kind) is not tuple else 0]
    kind = _inner(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [info.alias or name for name, info in kind.model_fields.items()]
    return []


def _inner(kind: Any) -> Any:
    """``kind`` without Annotated and without ``| None``."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
            continue
        rest = [arg for arg in get_args(kind) if arg is not type(None)]
        if type(None) in get_args(kind) and len(rest) == 1:
            kind = rest[0]
            continue
        return kind


def cross_check(document: Document, reserved: Sequence[str], base: Path | None) -> None:
    """Add the mistakes that no single field shows. ``reserved`` are rule ids that the file may not take."""
    data = document.data if isinstance(document.data, dict) else {}
    _rules(document, data.get("rules"), reserved)
    _services(document, data.get("services"))
    _networks(document, data.get("identity"))
    overlaps(document, data)
    contradictions(document, data)
    _credentials(document, data)
    _kept_texts(document, data, reserved)
    for index, directory in _strings(_get(data.get("dlp"), "rules")):
        if base is not None and not (base / directory).is_dir():
            document.add(("dlp", "rules", index), "is not a directory", "name a folder that exists")


def _rules(document: Document, rules: object, reserved: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for index, rule in enumerate(rules if isinstance(rules, list) else []):
        if not isinstance(rule, dict):
            continue
        place: Position = ("rules", index)
        rule_id = rule.get("id")
        if isinstance(rule_id, str):
            if rule_id in reserved:
                document.add((*place, "id"), "is the id of a built-in rule", "write another id")
            elif rule_id in first:
                document.add(
                    (*place, "id"),
                    f"is taken by the rule on line {document.line(('rules', first[rule_id]))}",
                    "rename it",
                )
            first.setdefault(rule_id, index)
        when, unless = _mapping(rule.get("if")), _mapping(rule.get("unless"))
        if "if" in rule and when == {}:
            document.add((*place, "if"), "is empty", 'write at least one condition; host: "*" matches everything')
        if "unless" in rule and unless == {}:
            document.add((*place, "unless"), "is empty", "write at least one condition, or remove it")
        if rule.get("then") in ("redact", "pseudonymise") and "finding" not in (when or {}):
            document.add((*place, "then"), "changes findings, but the rule names none", 'write finding: "*" under if')
        # An exception by something a request may carry beside the rest would let a client talk itself out of the rule.
        for subject in ("finding", "tool"):
            if subject in (unless or {}) and subject not in (when or {}):
                document.add(
                    (*place, "unless", subject), "has no counterpart under if", f'write {subject}: "*" under if'
                )


def _services(document: Document, services: object) -> None:
    seen: dict[str, str] = {}
    for status in ("sanctioned", "tolerated", "unsanctioned"):
        for index, name in _strings(_get(services, status)):
            if name in seen:
                where = "here" if seen[name] == status else f"under {seen[name]}"
                document.add(("services", status, index), f"stands already {where}", "remove one of the two")
            seen.setdefault(name, status)


def _networks(document: Document, identity: object) -> None:
    seen: set[str] = set()
    networks = _get(identity, "networks")
    for index, network in enumerate(networks if isinstance(networks, list) else []):
        if not isinstance(network, dict):
            continue
        place: Position = ("identity", "networks", index)
        cidr = network.get("cidr")
        if isinstance(cidr, str):
            if cidr in seen:
                document.add((*place, "cidr"), "stands here twice", "remove one of the two")
            seen.add(cidr)
        if not any(network.get(name) for name in ("user", "team", "app", "device")):
            document.add(place, "says nothing about who calls from there", "write a user, team, app or device")


def _credentials(document: Document, data: Mapping[str, object]) -> None:
    section, keys = data.get("credentials"), _mapping(data.get("keys")) or {}
    groups: list[tuple[Position, object, bool]] = [(("credentials", "kinds"), _get(section, "kinds"), bool(keys))]
    for service, kinds in (_mapping(_get(section, "services")) or {}).items():
        groups.append((("credentials", "services", service), kinds, service in keys))
    for place, kinds, has_key in groups:
        for kind, treatment in (_mapping(kinds) or {}).items():
            if not has_key and "replace" in (treatment, _get(treatment, "then")):
                document.add((*place, kind), "wants a key of the company's, and keys names none", "add it to keys")


def _kept_texts(document: Document, data: Mapping[str, object], reserved: Sequence[str]) -> None:
    """Rules by which texts are kept otherwise: one that nobody has would keep nothing, or everything."""
    rules = data.get("rules")
    ids = {rule.get("id") for rule in (rules if isinstance(rules, list) else []) if isinstance(rule, dict)}
    known = sorted({*reserved, *(name for name in ids if isinstance(name, str))})
    exceptions = _get(_get(data.get("audit"), "content"), "except")
    for at, exception in enumerate(exceptions if isinstance(exceptions, list) else []):
        for index, name in _strings(_get(exception, "rules")):
            if name not in known:
                guess = nearest(name, known)
                remedy = f"write {guess}" if guess else "write the id of one of the rules"
                document.add(("audit", "content", "except", at, "rules", index), "is the id of no rule", remedy)


def _get(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, dict) else None


def _mapping(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, dict) else None


def _strings(value: object) -> Iterator[tuple[int, str]]:
    for index, item in enumerate([value] if isinstance(value, str) else value if isinstance(value, list) else []):
        if isinstance(item, str):
            yield index, item
