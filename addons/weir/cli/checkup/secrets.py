"""The company's keys: can each be had; what a running weir says of them. No secret is ever shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weir.cli.checkup import Result, fail, ok, warn

if TYPE_CHECKING:
    from weir.settings import Settings

__all__ = ["keys", "told"]

_REFUSED = "mend the reference, or give weir access to it again"
_DOWN = "bring the backend back; weir asks it again at least once a minute"


def told(data: Path) -> Mapping[str, Any] | None:
    """What the weir that runs on this data directory last wrote of its keys; None when it wrote nothing readable."""
    try:
        found = json.loads((data / "run" / "secrets.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def keys(settings: Settings, running: Mapping[str, Any] | None = None) -> list[Result]:
    """Whether each secret that the policy names can be had. No secret is ever shown.

    By what a ``running`` weir says (see `told`), else here and now. One that cannot be had is a warning, since nobody
    needs every service, unless none can.
    """
    if not settings.keys:
        return []
    if running is not None:
        return list(_running(running))
    return _here(settings)


def _running(found: Mapping[str, Any]) -> Iterator[Result]:
    said = [(str(one.get("name")), str(one.get("state")), one) for one in found.get("secrets", ())]
    resting = {str(one.get("name")): one.get("status") for one in found.get("resting", ())}
    say = warn if any(state in ("fresh", "stale") for _, state, _ in said) else fail
    for name, state, one in said:
        remedy = _REFUSED if one.get("refused") else _DOWN
        if state == "fresh" and name in resting:
            why = f"{name}: the provider answered {resting[name]}; it rests for a while"
            yield warn("keys", why, "if it was revoked, put a new one where it is kept; weir fetches that by itself")
        elif state == "fresh":
            yield ok("keys", f"{name}: fresh")
        elif state == "stale":
            until = f"stale since {one.get('failing_since')}, in use until {one.get('expires')}"
            yield warn("keys", f"{name}: {until}: {one.get('problem')}", remedy)
        else:
            yield say("keys", f"{name}: {state}: {one.get('problem') or 'not fetched yet'}", remedy)
    for problem in found.get("problems", ()):
        yield say("keys", str(problem), "mend the policy; weir takes it by itself")


def _here(settings: Settings) -> list[Result]:
    from weir.keys.backends import SecretUnavailable
    from weir.keys.secrets import yields
    from weir.keys.virtual import looks_virtual
    from weir.providers.services.registry import Registry

    registry = Registry.load()
    found, missing = [], []
    for service, key in settings.keys.items():
        hosts = key.hosts or registry.bound_hosts(service)
        if not hosts:
            missing.append(f"keys.{service}: no hosts are given that the secret may go to; add hosts: […]")
            continue
        for number, (reference, _) in enumerate(key.entries, 1):
            name = service if len(key.entries) == 1 else f"{service}-{number}"
            try:
                value = yields(reference, key.form)
            except SecretUnavailable as error:
                missing.append(f"keys.{name}: {error}")
                continue
            if looks_virtual(value):
                why = f"keys.{name}: what the reference yields is a virtual key, which no provider knows"
                found.append(fail("keys", why, f"put {service}'s real key there; virtual keys are for clients"))
            else:
                found.append(ok("keys", f"{name}: there, for {', '.join(hosts[:3])}"))
    say = warn if found else fail
    # An env: secret belongs to the environment of the service, which need not be that of this shell.
    remedy = "run weir doctor where weir starts; remove keys you don't use"
    return found + [say("keys", problem, remedy) for problem in missing]
