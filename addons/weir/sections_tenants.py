"""The policy's section ``tenants``: for which vendors sign-in is confined to the company's own tenant.

Which vendors there are, and what form their tenants' names have, stands in files of ``tenants/data``: this is the
shape alone, and ``weir.tenants.restrict`` reads the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator

from weir.fields import Name, listed, wrong

__all__ = ["Tenants"]


def _entry(value: object) -> object:
    """An entry as a mapping; a bare list or word is what the vendor's file calls the short form, here under ""."""
    if isinstance(value, str | list):
        return {"": value}
    if not isinstance(value, dict) or not value:
        raise wrong("is not a restriction", "write a list such as [example.com], or key: value lines below it")
    return value


Values = Annotated[tuple[Name, ...], BeforeValidator(listed)]
Tenants = Mapping[Name, Annotated[Mapping[str, Values], BeforeValidator(_entry)]]
