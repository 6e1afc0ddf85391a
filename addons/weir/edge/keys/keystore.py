"""Where virtual keys are kept: with the budgets. The weir that runs and `weir keys` must come to the same place."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from weir.datadir import DataDir, DataDirError, read_private, write_private
from weir.edge.limits.keybudgets import budget_of
from weir.edge.limits.limitstores import address, ledger_file
from weir.keys.virtual import VirtualKeys, VirtualKeysError
from weir.settings import Settings

if TYPE_CHECKING:
    from weir.limits.plan import Plan

__all__ = ["keys_of", "named", "running_keys", "with_budgets_of_keys"]

log = logging.getLogger("weir.keys")
_REFERENCE_MAX = 4096


def keys_of(settings: Settings, data: DataDir, *, later: bool = False) -> VirtualKeys:
    """The virtual keys of a data directory under a policy; read at once unless ``later``.

    Raises ValueError when ``stores.budgets`` yields no address, DataDirError, and VirtualKeysError.
    """
    server, file = address(settings, "budgets"), ledger_file(data.path)
    return VirtualKeys(
        server or file,
        data.secret("virtual-keys"),
        old=data.keys / "virtual.json",
        file=file if server else None,
        timeout_s=settings.stores.timeout_ms / 1000,
        later=later,
    )


def running_keys(settings: Settings, data: DataDir) -> VirtualKeys:
    """As `keys_of`, for the weir that runs: it starts without a server, too, and takes no virtual keys until that
    answers. Leaves a note of the store's reference, for commands that are not told the policy."""
    keys, reference = keys_of(settings, data, later=True), settings.stores.budgets
    try:
        keys.refresh()
    except VirtualKeysError as error:
        if reference is None:
            raise
        log.warning("virtual keys are refused until their store answers: %s", error)
    note = _note(data.path)
    if reference is None:
        note.unlink(missing_ok=True)
    else:
        write_private(note, reference.encode())
    return keys


def with_budgets_of_keys(plan: Plan | None, settings: Settings, data: DataDir) -> Plan | None:
    """The plan of a policy with the budgets of the keys that are good, one by one; for those who show it.

    Raises as `keys_of` does.
    """
    keys, now = keys_of(settings, data), datetime.now(UTC)
    try:
        good = [(one.id, one.budget) for one in keys.list() if one.budget and one.state(now) == "active"]
    finally:
        keys.stop()
    if not good:
        return plan
    from weir.limits.plan import plan_of

    plan = plan or plan_of(settings, keys.where)
    return replace(plan, budgets=(*plan.budgets, *(budget_of(key_id, budget) for key_id, budget in good)))


def named(data: Path) -> str:
    """The reference of the store that a weir last used with this data directory; "" for the file in it."""
    try:
        return read_private(_note(data), _REFERENCE_MAX).decode()
    except (DataDirError, UnicodeDecodeError):
        return ""


def _note(data: Path) -> Path:
    return data / "keys" / "store"
