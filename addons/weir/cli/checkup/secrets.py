"""The company's keys: can each be had; what a running weir says of them. No secret is ever shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weir.cli.checkup import Result, fail, ok, warn

if TYPE_CHECKING:
    from weir.settings import Settings

__all__ = ["keys", "remedy", "told"]

_REFUSED = "mend the reference, or give weir access to it again"
_DOWN = "bring the backend back; weir asks it again at least once a minute"
_WRITE = "write the reference as it says; the secret itself does not belong into the policy"
# By what a problem says: the first of these words in it; what is to be done.
_REMEDIES = (
    ("what follows ", _WRITE),
    ("is not a reference", _WRITE),
    ("no hosts are given", "add the hosts under the service's key in the policy"),
    ("is not installed", "install it where weir runs, as it says"),
    # An env: secret belongs to the environment of the service, which need not be that of this shell.
    ("environment variable", "run weir doctor where weir starts, in its environment; remove keys you don't use"),
    ("VAULT_", "set it as it says, in the environment weir starts in, and run weir doctor there"),
    ("; set ", "set it as it says, in the environment weir starts in, and run weir doctor there"),
    ("is open to other users", "run the chmod that it names"),
    ("other users may write", "run the chmod that it names"),
    ("cannot be started", "mend the command's path, or let weir's account run it"),
    ("Permission denied", "give the account that weir runs as the right to read it, and nobody else"),
    ("No such file", "put it there, or mend the reference's path"),
    ("is it locked?", "unlock it for the account that weir runs as"),
    ("ended with status", "run the command by hand as weir's account, and mend what it says"),
    ("cannot stand in a header", "put the key alone there, on one line"),
)


def told(data: Path) -> Mapping[str, Any] | None:
    """What the weir that runs on this data directory last wrote of its keys; None when it wrote nothing readable."""
    try:
        found = json.loads((data / "run" / "secrets.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def remedy(problem: str, *, refused: bool = False) -> str:
    """What to do about a secret that cannot be had, by what its backend says of it."""
    found = next((mend for words, mend in _REMEDIES if words in problem), "")
    return found or (_REFUSED if refused else _DOWN)


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
        mend = remedy(str(one.get("problem")), refused=bool(one.get("refused")))
        if state == "fresh" and name in resting:
            why = f"{name}: the provider answered {resting[name]}; it rests for a while"
            yield warn("keys", why, "if it was revoked, put a new one where it is kept; weir fetches that by itself")
        elif state == "fresh":
            yield ok("keys", f"{name}: fresh")
        elif state == "stale":
            until = f"stale since {one.get('failing_since')}, in use until {one.get('expires')}"
            yield warn("keys", f"{name}: {until}: {one.get('problem')}", mend)
        else:
            yield say("keys", f"{name}: {state}: {one.get('problem') or 'not fetched yet'}", mend)
    for problem in found.get("problems", ()):
        yield say("keys", str(problem), "mend the policy; weir takes it by itself")


def _here(settings: Settings) -> list[Result]:
    from weir.keys.backends import SecretUnavailable
    from weir.keys.secrets import yields
    from weir.keys.virtual import looks_virtual
    from weir.providers.services.registry import Registry

    registry = Registry.load()
    found: list[Result] = []
    missing: list[tuple[str, str]] = []
    for service, key in settings.keys.items():
        hosts = key.hosts or registry.bound_hosts(service)
        if not hosts:
            problem = f"keys.{service}: no hosts are given that the secret may go to; add hosts: […]"
            missing.append((problem, remedy(problem)))
            continue
        for name, (reference, _) in zip(key.labels(service), key.entries, strict=True):
            try:
                value = yields(reference, key.form)
            except SecretUnavailable as error:
                missing.append((f"keys.{name}: {error}", remedy(str(error), refused=error.refused)))
                continue
            if looks_virtual(value):
                why = f"keys.{name}: what the reference yields is a virtual key, which no provider knows"
                found.append(fail("keys", why, f"put {service}'s real key there; virtual keys are for clients"))
            else:
                found.append(ok("keys", f"{name}: there, for {', '.join(hosts[:3])}"))
    say = warn if found else fail
    return found + [say("keys", problem, mend) for problem, mend in missing]
