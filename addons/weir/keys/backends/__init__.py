"""Where real keys come from: one module a scheme, each with ``fetch(reference) -> str``.

The module's name is the scheme: ``env.py`` answers ``env:NAME``. A new file here is a new backend. A backend may block,
but never without a bound of its own, and what it raises names the place and never the value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

__all__ = ["MAX_BYTES", "TIMEOUT_S", "SecretUnavailable", "field_of", "named", "require"]

MAX_BYTES = 64 * 1024
TIMEOUT_S = 10.0


class SecretUnavailable(Exception):
    """A secret cannot be had. The message names where it was looked for, never what was found there.

    ``refused``: the backend answered, and its answer was no (403, 404, deleted); otherwise it could not be asked.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


def named(reference: str) -> tuple[str, str]:
    """``place#field`` as (place, field); the field is "" when the whole of the place is meant."""
    place, _, field = reference.partition("#")
    return place, field


def field_of(values: Mapping[str, object], field: str, where: str) -> str:
    """The text of one field of a structured secret; with no ``field``, that of the only one there is.

    A field that is itself an object (a service account, say) is given as JSON. Raises SecretUnavailable, which tells
    the fields' names and none of their values.
    """
    if not field and len(values) != 1:
        raise SecretUnavailable(f"{where}: holds {len(values)} fields; name one of them: …#FIELD", refused=True)
    name = field or next(iter(values))
    if name not in values:
        raise SecretUnavailable(f"{where}: has no field of the name that follows #", refused=True)
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value)


def require(value: str, where: str) -> str:
    """``value`` without outer white space. Raises SecretUnavailable when nothing is left, or too much."""
    text = value.strip()
    if not text:
        raise SecretUnavailable(f"{where}: is empty", refused=True)
    if len(text) > MAX_BYTES:
        raise SecretUnavailable(f"{where}: is larger than {MAX_BYTES} bytes", refused=True)
    return text
