"""The checks of ``weir doctor``, by what they look at. Each gives back results and makes nothing that is not there.

A check imports what it looks at inside its function: whatever cannot be imported is a result, not a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Result", "fail", "ok", "warn"]


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the doctor's answer. ``remedy`` says what to do, and is empty when all is well."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def ok(name: str, detail: str) -> Result:
    """All is well."""
    return Result(name, "ok", detail)


def warn(name: str, detail: str, remedy: str) -> Result:
    """weir works, yet not as well as it could."""
    return Result(name, "warn", detail, remedy)


def fail(name: str, detail: str, remedy: str) -> Result:
    """weir will not work, or not do what it promises."""
    return Result(name, "fail", detail, remedy)
