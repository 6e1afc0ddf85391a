"""The kinds of values a policy file holds, and the words for what is wrong with one.

No message quotes a value of the file: someone will paste a key into the wrong place.
"""

from __future__ import annotations

import contextlib
import difflib
import ipaddress
import re
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StrictBool, StrictFloat, StrictInt
from pydantic import ValidationInfo as Info
from pydantic_core import PydanticCustomError

from weir.model import Inspection, Status

__all__ = [
    "Bytes",
    "Cidr",
    "Credential",
    "Credentials",
    "Direction",
    "Directions",
    "FilePath",
    "Flag",
    "Globs",
    "HostPatterns",
    "Hosts",
    "Inspections",
    "Int",
    "Method",
    "Methods",
    "Name",
    "Percent",
    "Ratio",
    "Reference",
    "RuleId",
    "Say",
    "ServiceRefs",
    "Statuses",
    "Text",
    "choices",
    "listed",
    "nearest",
    "placeholders",
    "within",
    "wrong",
]

SAY_PLACEHOLDERS = ("finding", "service", "model", "team", "rule")
LIST_MAX = 5_000
TEXT_MAX = 2_000

_UNITS = {"": 1, "b": 1, "kb": 1000, "kib": 1 << 10, "mb": 10**6, "mib": 1 << 20, "gb": 10**9, "gib": 1 << 30}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,255}}\Z)(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_PATTERN = re.compile(rf"(?=.{{1,255}}\Z)(?:[a-z0-9_*-]+\.)*{_LABEL}")
# The schemes are the modules of keys/backends, which this floor can't ask; a test holds them together.
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|(?:file|exec|keyring|vault|secretsmanager):[^\x00-\x1f]+")


def wrong(problem: str, remedy: str) -> PydanticCustomError:
    """An error for validators to raise: ``problem`` ("is not …") and ``remedy`` ("write …") quote no value."""
    return PydanticCustomError("weir", "{problem}", {"problem": problem, "remedy": remedy})


def nearest(word: object, known: Iterable[str]) -> str:
    """The known word that ``word`` was probably meant to be; empty when none is near."""
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return close[0] if close else ""


def _matching(pattern: str, problem: str, remedy: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise wrong(problem, remedy)
        return value

    return AfterValidator(check)


def listed(value: object) -> object:
    """Before-validator for tuples of text: one word may stand for a list of one, an empty list is a mistake."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        if not value:
            raise wrong("is an empty list, which names nothing", "write at least one entry, or remove it")
        if len(value) > LIST_MAX:
            raise wrong(f"has more than {LIST_MAX} entries", "use globs or categories")
        return tuple(value)
    raise wrong("must be text or a list of texts", 'write one "text" or [a, list]')


def _bytes(value: object) -> object:
    found = re.fullmatch(r"(\d{1,15})\s*([A-Za-z]*)", value) if isinstance(value, str) else None
    if found and found[2].lower() in _UNITS:
        return int(found[1]) * _UNITS[found[2].lower()]
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise wrong("is not a size", "write a number of bytes or a size such as 32MiB")


def _percent(value: object) -> object:
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?)\s*%", value) if isinstance(value, str) else None
    number = float(found[1]) if found else None
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        number = 0.0
    if number is None or not 0 <= number <= 100:
        raise wrong("is not a percentage", "write a value from 0% to 100%, with the percent sign")
    return number


def _host(value: str, form: re.Pattern[str]) -> str:
    host = value.lower().rstrip(".")
    with contextlib.suppress(ValueError):  # a name, then
        return str(ipaddress.ip_address(host.strip("[]")))
    if not form.fullmatch(host):
        raise wrong(
            "is not a host name", "write a name such as api.example.com or *.example.com, without scheme, port or path"
        )
    return host


def _host_name(value: str) -> str:
    return _host(value, _HOST)


def _host_pattern(value: str) -> str:
    return _host(value, _PATTERN)


def _cidr(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=True))
    except ValueError:
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise wrong("is not a network", "write a network such as 10.20.0.0/16 or 2001:db8::/32") from None
        raise wrong("has bits set beyond its prefix length", f"write {network}") from None


def _path(value: object, info: Info) -> object:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise wrong("is not a path", "write a path, relative to the policy file or absolute")
    base = (info.context or {}).get("base")
    return Path(base) / value if base is not None else Path(value)


def _reference(value: str, info: Info) -> str:
    if not _REFERENCE.fullmatch(value):
        raise wrong(
            "is not a reference to a secret (the key itself must not stand in a policy)",
            'write "env:NAME", "file:/path", "exec:COMMAND", "keyring:SERVICE/USER", "vault:MOUNT/PATH#FIELD" or'
            ' "secretsmanager:NAME"',
        )
    base = (info.context or {}).get("base")
    if value.startswith("file:") and base is not None:
        return f"file:{Path(base) / value.removeprefix('file:')}"
    return value


def placeholders(template: str) -> tuple[str, ...]:
    """The placeholder names of a ``say`` text. Raises ValueError when its braces do not pair up."""
    names = []
    for _text, name, spec, conversion in string.Formatter().parse(template):
        if name is not None:
            # "{finding.x}", "{finding!r}" and "{finding:>9}" would reach into Python objects: not part of the grammar.
            names.append(name if not spec and not conversion else f"{name}:")
    return tuple(names)


def _say(value: str) -> str:
    known = ", ".join(f"{{{name}}}" for name in SAY_PLACEHOLDERS)
    try:
        names = placeholders(value)
    except ValueError:
        raise wrong("has a brace without its partner", f"write {{{{ for a brace, or one of {known}") from None
    for name in names:
        if name not in SAY_PLACEHOLDERS:
            guess = nearest(name, SAY_PLACEHOLDERS)
            raise wrong("has an unknown placeholder", f"write {{{guess}}}" if guess else f"write one of {known}")
    return value


def _short(value: str) -> str:
    if len(value) > TEXT_MAX:
        raise wrong(f"is longer than {TEXT_MAX} characters", "shorten it")
    return value


def _filled(value: str) -> str:
    if not value.strip():
        raise wrong("is empty", "write a name, or remove it")
    return value


def within(low: int, high: int, unit: str = "") -> AfterValidator:
    """A whole number from ``low`` to ``high``; ``unit`` is for the remedy."""

    def check(value: int) -> int:
        if not low <= value <= high:
            raise wrong("is out of bounds", f"write a value from {low} to {high} {unit}".rstrip())
        return value

    return AfterValidator(check)


def _ratio(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise wrong("is out of bounds", "write a value from 0 to 1")
    return value


def choices(*words: str) -> BeforeValidator:
    """The value is one of ``words``; who writes another is told all of them, and after a near miss which it was."""

    def check(value: object) -> object:
        if value not in words:
            guess, known = nearest(value, words), ", ".join(words)
            remedy = f"write {guess} (known: {known})" if guess else f"write one of {known}"
            raise wrong("is not a word known here", remedy)
        return value

    return BeforeValidator(check)


Direction = Annotated[str, choices("request", "response")]
# Principal.method
Method = Annotated[
    str, choices("none", "network", "process", "peer", "basic", "ldap", "jwt", "certificate", "virtual_key")
]
Credential = Annotated[str, choices("raw", "session", "virtual", "none")]
Directions = Annotated[tuple[Direction, ...], BeforeValidator(listed)]
Methods = Annotated[tuple[Method, ...], BeforeValidator(listed)]
Credentials = Annotated[tuple[Credential, ...], BeforeValidator(listed)]
Statuses = Annotated[tuple[Annotated[str, choices(*Status)], ...], BeforeValidator(listed)]
Inspections = Annotated[tuple[Annotated[str, choices(*Inspection)], ...], BeforeValidator(listed)]

Flag = StrictBool
Int = StrictInt
Text = Annotated[str, AfterValidator(_short)]
Name = Annotated[Text, AfterValidator(_filled)]
Globs = Annotated[tuple[Name, ...], BeforeValidator(listed)]
HostPatterns = Annotated[tuple[Annotated[Name, AfterValidator(_host_pattern)], ...], BeforeValidator(listed)]
Hosts = Annotated[tuple[Annotated[Name, AfterValidator(_host_name)], ...], BeforeValidator(listed)]
Bytes = Annotated[int, BeforeValidator(_bytes)]
Percent = Annotated[float, BeforeValidator(_percent)]
Cidr = Annotated[Name, AfterValidator(_cidr)]
FilePath = Annotated[Path, BeforeValidator(_path)]
Reference = Annotated[Name, AfterValidator(_reference)]
Say = Annotated[Text, AfterValidator(_say)]
Ratio = Annotated[StrictFloat, AfterValidator(_ratio)]
RuleId = Annotated[
    Name,
    _matching(r"[a-z0-9][a-z0-9-]{0,63}", "is not a rule id", "write small letters, digits and hyphens, at most 64"),
]
_ServiceRef = Annotated[
    Name,
    _matching(
        r"(?:(?:vendor|category|risk|country):)?[A-Za-z0-9][A-Za-z0-9 ._&-]{0,79}",
        "is not a service",
        "write a service id, vendor:NAME, category:NAME, risk:WORD or country:XX",
    ),
]
ServiceRefs = Annotated[tuple[_ServiceRef, ...], BeforeValidator(lambda v: () if v == [] else listed(v))]
