"""Which limits a policy has, and where they are counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weir.datadir import DataDir
from weir.keys.backends import SecretUnavailable
from weir.keys.secrets import resolve
from weir.settings import Settings

if TYPE_CHECKING:
    from weir.limits.plan import Plan

__all__ = ["address", "ledger_file", "plan_for"]

_SCHEMES = {
    "budgets": ("postgresql://", "postgres://", "postgresql+psycopg://"),
    "rates": ("redis://", "rediss://", "redis+unix://"),
}


def ledger_file(data: Path) -> Path:
    """Where budgets are counted when the policy names no other place."""
    return data / "limits.db"


def address(settings: Settings, store: str) -> str:
    """The URL of the store for ``budgets`` or ``rates``; empty where the policy names none.

    Raises ValueError, one line without the address, when the reference yields none that can be used.
    """
    reference: str | None = getattr(settings.stores, store)
    if reference is None:
        return ""
    try:
        found = resolve(reference, (f"{store}.invalid",), store).reveal()
    except SecretUnavailable as error:
        raise ValueError(f"stores.{store}: {str(error).removeprefix(f'keys.{store}: ')}") from None
    schemes = _SCHEMES[store]
    if not found.startswith(schemes):
        raise ValueError(f"stores.{store}: what the reference yields is no {schemes[0]} URL")
    return found


def plan_for(settings: Settings, data: DataDir) -> Plan | None:
    """The limits of a policy and their stores; None when it has none. Raises ValueError as ``address`` does."""
    if not settings.rates and not settings.budgets and not any(team.budget for team in settings.teams.values()):
        return None
    from weir.limits.plan import MEMORY, plan_of

    ledger = address(settings, "budgets") or ledger_file(data.path)
    return plan_of(settings, ledger, address(settings, "rates") or MEMORY, data.owed)
