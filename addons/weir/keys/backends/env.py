"""``env:NAME``: the value of an environment variable of the weir process."""

from __future__ import annotations

import os
import re

from weir.keys.backends import SecretUnavailable

__all__ = ["fetch"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def fetch(reference: str) -> str:
    """The variable's value, without outer white space. Raises SecretUnavailable when it is not set or empty."""
    if not _NAME.fullmatch(reference):
        # Not quoted: somebody may have put the key itself where its name belongs.
        raise SecretUnavailable("what follows env: is not a variable name; write env:OPENAI_API_KEY")
    value = os.environ.get(reference, "").strip()
    if not value:
        raise SecretUnavailable(f"the environment variable {reference} is not set; set it where weir starts")
    return value
