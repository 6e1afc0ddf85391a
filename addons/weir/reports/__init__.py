"""Reports on the audit store: one module each, found by being in this folder.

A report module has ``TITLE`` and ``run(connection, since) -> Table``. Its name on the command line is the module's with
dashes: ``shadow_ai.py`` is ``weir report shadow-ai``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

__all__ = ["REPORTS", "discover"]


def _modules() -> Iterator[tuple[str, ModuleType]]:
    for found in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{found.name}")
        if hasattr(module, "TITLE") and hasattr(module, "run"):
            yield found.name.replace("_", "-"), module


def discover() -> dict[str, ModuleType]:
    """The reports by the name that people type."""
    return dict(sorted(_modules()))


REPORTS: dict[str, ModuleType] = discover()
