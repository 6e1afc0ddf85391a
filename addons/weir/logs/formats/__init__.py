"""The formats of logs: each module here with a ``FORMAT``, or ``FORMATS``, is found by standing in this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from weir.logs.format import Format

__all__ = ["formats"]


@cache
def formats() -> Mapping[str, Format]:
    """All formats by name, in order of their names."""
    found: dict[str, Format] = {}
    for module in pkgutil.iter_modules(__path__):
        loaded = importlib.import_module(f"{__name__}.{module.name}")
        for format in (*getattr(loaded, "FORMATS", ()), *filter(None, [getattr(loaded, "FORMAT", None)])):
            if format.name in found:
                raise RuntimeError(f"two formats are called {format.name}")
            found[format.name] = format
    return dict(sorted(found.items()))
