"""The policy of the demo: a shipped one, with no more added to it than its scenes need."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from weir import settings
from weir.sections import Intercept
from weir.tls.decide import Interception

__all__ = ["policy_for"]


def policy_for(
    base: Path, decrypted: str, metered: str, teams: Mapping[str, Any], folder: Path
) -> tuple[Path, dict[str, str]]:
    """A policy under which ``decrypted`` is decrypted and ``metered`` is not, both being hosts of no catalogue, and
    that has ``teams``.

    That is ``base`` itself when it does so already. Otherwise a copy in ``folder`` with the host added to
    ``intercept.include`` or ``intercept.exclude``, and the teams; the second value says what was added, in YAML by
    section, e.g. ``{"intercept": "{include: [HOST]}"}``. Raises PolicyError when ``base`` is wrong, OSError.
    """
    loaded = settings.load(base)
    hosts = {}
    # A sample may or may not take a host in: neither scene can rest on chance.
    if not _decrypts(loaded.intercept, decrypted, 0.0):
        hosts["include"] = decrypted
    if _decrypts(loaded.intercept, metered, loaded.sample and 100.0):
        hosts["exclude"] = metered
    lacking = {name: team for name, team in teams.items() if name not in loaded.teams}
    if not hosts and not lacking:
        return base, {}
    document: dict[str, Any] = yaml.safe_load(base.read_text("utf-8"))
    section = document.get("intercept") or {}
    section = {"scope": section} if isinstance(section, str) else dict(section)
    for name, host in hosts.items():
        section[name] = [*(section.get(name) or []), host]
    document["intercept"] = section
    if lacking:
        document["teams"] = {**(document.get("teams") or {}), **lacking}
    derived = folder / f"{base.stem}-demo.yaml"
    derived.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
    added = {"intercept": _flow({name: [host] for name, host in hosts.items()}), "teams": _flow(lacking)}
    return derived, {name: text for name, text in added.items() if text != "{}"}


def _flow(value: Mapping[str, Any]) -> str:
    """In one line of YAML, as people write it."""
    return yaml.safe_dump(json.loads(json.dumps(value)), default_flow_style=True, sort_keys=False, width=1000).strip()


def _decrypts(intercept: Intercept, host: str, sample: float) -> bool:
    decided = Interception(intercept.scope, sample, intercept.include, intercept.exclude)
    return decided.decide(host, host, "127.0.0.1").intercept
