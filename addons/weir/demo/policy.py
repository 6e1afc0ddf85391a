"""The policy of the demo: a shipped one, with no more added to ``intercept`` than its scenes need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from weir import settings
from weir.sections import Intercept
from weir.tls.decide import Interception

__all__ = ["policy_for"]


def policy_for(base: Path, decrypted: str, metered: str, folder: Path) -> tuple[Path, dict[str, str]]:
    """A policy under which ``decrypted`` is decrypted and ``metered`` is not, both being hosts of no catalogue.

    That is ``base`` itself when it does so already. Otherwise a copy in ``folder`` with the host added to
    ``intercept.include`` or ``intercept.exclude``; the second value names what was added, e.g. ``{"include": HOST}``.
    Raises PolicyError when ``base`` is wrong, OSError.
    """
    intercept = settings.load(base).intercept
    added = {}
    # A sample may or may not take a host in: neither scene can rest on chance.
    if not _decrypts(intercept, decrypted, 0.0):
        added["include"] = decrypted
    if _decrypts(intercept, metered, intercept.sample and 100.0):
        added["exclude"] = metered
    if not added:
        return base, {}
    document: dict[str, Any] = yaml.safe_load(base.read_text("utf-8"))
    section = document.get("intercept") or {}
    section = {"scope": section} if isinstance(section, str) else dict(section)
    for name, host in added.items():
        section[name] = [*(section.get(name) or []), host]
    document["intercept"] = section
    derived = folder / f"{base.stem}-demo.yaml"
    derived.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
    return derived, added


def _decrypts(intercept: Intercept, host: str, sample: float) -> bool:
    decided = Interception(intercept.scope, sample, intercept.include, intercept.exclude)
    return decided.decide(host, host, "127.0.0.1").intercept
