"""The forms that a tenant's name may have, each with what to write instead. No message quotes a value."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["FORMS", "Form"]

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}"


@dataclass(frozen=True, slots=True)
class Form:
    """One form. ``folds``: case does not count, and small letters are what is sent."""

    pattern: re.Pattern[str]
    problem: str
    remedy: str
    folds: bool = True

    def read(self, value: str) -> str | None:
        """``value`` as it is sent and compared; None when it does not have this form."""
        value = value.lower() if self.folds else value
        # No form has a space, a comma or a control character: a value can't become two, nor another header.
        return value if self.pattern.fullmatch(value) else None


def _form(pattern: str, problem: str, remedy: str, *, folds: bool = True) -> Form:
    return Form(re.compile(pattern, re.ASCII), problem, remedy, folds)


_UUID_EXAMPLE = "write it like 550e8400-e29b-41d4-a716-446655440000, one value an item, without spaces"

FORMS: dict[str, Form] = {
    "uuid": _form(_UUID, "is not a UUID", _UUID_EXAMPLE),
    "domain": _form(_DOMAIN, "is not a domain", "write it like example.com, without scheme, @ or spaces"),
    "tenant": _form(
        f"{_UUID}|{_DOMAIN}",
        "is not a tenant",
        "write a domain of the tenant such as example.com, or its directory id (a UUID)",
    ),
    "tenant-policy": _form(
        f"{_UUID}:{_UUID}",
        "is not a tenant id and a policy id",
        "write both UUIDs with a colon between them: <tenant id>:<policy id>",
    ),
    "openai-organization": _form(
        r"org-[A-Za-z0-9]{4,64}", "is not an organization id", "write it like org-…, as the settings page shows it",
        folds=False,
    ),
    "slack-id": _form(
        r"[TE][A-Z0-9]{6,20}", "is not an id of a workspace or organization", "write it like T0123ABCD or E0123ABCD",
        folds=False,
    ),
    "slug": _form(
        r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?", "is not an enterprise id",
        "write the id that the enterprise's settings show, one an item, without spaces", folds=False,
    ),
    "word": _form(
        r"[A-Za-z0-9][A-Za-z0-9:._-]{0,99}", "is not a team id", "write the id that the console shows, without spaces",
        folds=False,
    ),
    "block": _form(r"block", "is not a word known here", "write block, or remove the entry"),
}  # fmt: skip
