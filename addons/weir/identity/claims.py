"""From the claims of a checked token to a principal, as policy maps them. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from weir.model import Principal

__all__ = ["STRENGTH", "principal_of", "value_at"]

STRENGTH = 3
VALUE_MAX = 256
GROUPS_MAX = 200


def principal_of(
    claims: Mapping[str, Any], mapping: Mapping[str, str], teams: Mapping[str, str], require: Mapping[str, str]
) -> Principal | None:
    """Whom ``claims`` name; None when a required claim differs or neither user nor app is there.

    ``mapping`` is field → claim (dots lead into objects; the whole name is tried first, as it may be an address).
    ``teams`` turns values of the team claim, or else of the groups, into teams: with it, any other value gives none.
    A value that is no text of at most ``VALUE_MAX`` printable characters counts as missing.
    """
    for name, wanted in require.items():
        value = value_at(claims, name)
        held = value if isinstance(value, list) else [value]
        if not any(_scalar(one) == wanted for one in held[:GROUPS_MAX]):
            return None
    fields = {
        name: _text(value_at(claims, mapping[name])) for name in ("user", "team", "app", "device") if name in mapping
    }
    groups = _groups(value_at(claims, mapping["groups"])) if "groups" in mapping else ()
    if not (fields.get("user") or fields.get("app")):
        return None
    if teams:
        told = fields.get("team", "")
        fields["team"] = teams.get(told, "") or next((teams[group] for group in groups if group in teams), "")
    return Principal(groups=groups, method="jwt", strength=STRENGTH, **fields)


def value_at(claims: Mapping[str, Any], name: str) -> object:
    """The claim of that name, or the one that the dotted path leads to; None when there is none."""
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return None
        value = value[part]
    return value


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= VALUE_MAX:
        return ""
    text = unicodedata.normalize("NFC", value)
    return text if text == text.strip() and text.isprintable() else ""


def _groups(value: object) -> tuple[str, ...]:
    # One text is one group: "roles": "admin guest" could be either, and splitting would invent groups.
    listed = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(text for one in listed[:GROUPS_MAX] if (text := _text(one))))
