"""Which part of a folder is evidence for which control of which framework, and what weir can not show for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Control", "Framework", "frameworks"]

_FILE = Path(__file__).with_name("controls.yaml")


@dataclass(frozen=True, slots=True)
class Control:
    """``evidence``: ids of sections."""

    id: str
    asks: str
    evidence: tuple[str, ...]
    cannot: str


@dataclass(frozen=True, slots=True)
class Framework:
    """A law, a standard or a framework; ``note`` is what must be said before its controls."""

    name: str
    edition: str
    note: str
    controls: tuple[Control, ...]


@cache
def frameworks() -> tuple[Framework, ...]:
    """All of them, in the order of the file."""
    read: list[dict[str, Any]] = yaml.safe_load(_FILE.read_text("utf-8"))
    return tuple(
        Framework(
            item["framework"],
            item["edition"],
            item["note"],
            tuple(Control(one["id"], one["asks"], tuple(one["evidence"]), one["cannot"]) for one in item["controls"]),
        )
        for item in read
    )
