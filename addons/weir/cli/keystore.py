"""What the commands of ``weir keys`` share: the store that the running weir has too, and keys as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weir.cli.output import fail

if TYPE_CHECKING:
    from weir.keys.virtual import Uses, VirtualKey, VirtualKeys

__all__ = ["as_json", "known_names", "opened", "refuse_a_key", "refuse_no_use"]


@contextmanager
def opened(command: str, data: Path, policy: Path | None, *, make: bool = False) -> Iterator[VirtualKeys]:
    """The keys of a data directory: in the store of ``policy``, else in the one that weir was last started with.
    Whatever goes wrong with them ends the command in one line."""
    from weir.datadir import DataDir, DataDirError
    from weir.keys.virtual import VirtualKeysError

    if not make and not data.is_dir():
        raise fail(command, f"{data} is no data directory; name weir's with --data")
    keys = None
    try:
        keys = _keys(command, DataDir(data), policy)
        yield keys
    except (DataDirError, VirtualKeysError, ValueError) as error:
        raise fail(command, str(error)) from None
    finally:
        if keys is not None:
            keys.stop()


def _keys(command: str, data: Any, policy: Path | None) -> VirtualKeys:
    from weir import settings as policies
    from weir.cli.scan import load_policy
    from weir.edge.keys.keystore import keys_of, named

    if policy is not None:
        return keys_of(load_policy(command, policy), data)
    reference = named(data.path)
    text = f"version: 1\nstores: {{budgets: {json.dumps(reference)}}}\n" if reference else "version: 1\n"
    return keys_of(policies.loads(text), data)


def refuse_a_key(command: str, given: str) -> None:
    """End the command where somebody wrote a key in place of its id."""
    from weir.keys.virtual import looks_virtual

    if looks_virtual(given):
        raise fail(command, "that is a key, and now it is in your shell's history; give its ID: vk-…", 2)


def known_names(option: str, text: str) -> tuple[str, ...]:
    """The ids of a comma-separated list of ``services`` or ``operations``. Raises ValueError for one nobody knows."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if text and not names:
        raise ValueError(f"--{option} is empty; name {option}, or leave it out for all of them")
    if not names:
        return ()
    from weir.fields import nearest
    from weir.providers.services.registry import Registry
    from weir.shadow.catalogue import Catalogue

    every = Registry.load().providers
    if option == "services":
        likely = sorted(provider.id for provider in every if provider.virtual_key_operations)
        known, one = {*likely, *Catalogue.load().services}, "service"
        otherwise = "weir providers lists those with a key of their own"
    else:
        likely = sorted({name for provider in every for name in provider.virtual_key_operations})
        known, one, otherwise = set(likely), "operation", f"write some of {', '.join(likely)}"
    for name in names:
        if name not in known:
            guess = nearest(name, likely) or nearest(name, known)
            remedy = f"write {guess}" if guess else otherwise
            raise ValueError(f"--{option}: no {one} is called {name!r}; {remedy}")
    return names


def refuse_no_use(services: tuple[str, ...], operations: tuple[str, ...]) -> None:
    """Raises ValueError where a service has none of the operations: such a key would open nothing there."""
    if not services or not operations:
        return
    from weir.providers.services.registry import Registry

    by_id = {provider.id: provider for provider in Registry.load().providers}
    for service in services:
        if service not in by_id:
            continue
        opened_here = by_id[service].virtual_key_operations & {one.operation for one in by_id[service].operations}
        if not opened_here & set(operations):
            own = ", ".join(sorted(opened_here)) or "none that a virtual key opens"
            raise ValueError(f"--operations: {service} has none of these; its own are {own}")


def as_json(record: VirtualKey, uses: Uses | None = None, old_until: datetime | None = None) -> dict[str, Any]:
    """A key as JSON shows it: no key, no hash. With ``uses``, also how it was used."""
    from weir.keys.virtual.record import stamp, to_json

    told = to_json(record)
    first = {"id": told.pop("id"), "state": record.state(datetime.now(UTC))}
    if uses is None:
        return {**first, **told}
    times = {"last_used": uses.last, "old_key_until": old_until, "old_key_last_used": uses.old_last}
    shown = {name: stamp(time) if time else None for name, time in times.items()}
    return {**first, **told, "uses": uses.count, "last_address": uses.address or None, **shown}
