"""Whether this process should be given traffic now, and why not. Looks at what is known: it waits for nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from weir.edge.health.looking import Looked
from weir.edge.health.page import Readiness, Reason

if TYPE_CHECKING:
    from weir.edge.state import State

__all__ = ["INGESTER_S", "STALE_S", "Runs", "Watched", "readiness"]

INGESTER_S = 20.0  # it is started again when it dies: for so long that is no reason to send traffic elsewhere
STALE_S = 30.0  # for so long what was found when somebody last looked at disks and stores is believed


class Runs(Protocol):
    """Who keeps the ingester running."""

    @property
    def runs(self) -> bool:
        """Whether there is one now."""
        ...


class Watched:
    """The ingester, and since when there is none. ``runs`` of None: somebody else looks after it."""

    def __init__(self, runs: Runs | None) -> None:
        self._runs = runs
        self._gone_since: float | None = None

    @property
    def alive(self) -> bool | None:
        """Whether it runs now; None when that is not known here."""
        return None if self._runs is None else self._runs.runs

    def missing_s(self, now: float) -> float:
        """For how long there has been none; to be asked again and again."""
        if self.alive is not False:
            self._gone_since = None
            return 0.0
        if self._gone_since is None:
            self._gone_since = now
        return now - self._gone_since


def readiness(state: State, looked: Looked, ingester: Watched, now: float | None = None) -> Readiness:
    """What `/readyz` says. ``looked``: what was found on disks and in stores; ``now`` by the monotonic clock."""
    now = time.monotonic() if now is None else now
    reasons: list[Reason] = []
    if state.draining:
        reasons.append(Reason("draining", "weir ends: it takes no new connections"))
    elif not state.spool.healthy:
        reasons.append(Reason("audit-spool", "the audit's spool cannot be written"))
    if state.content is not None and not state.content.healthy:
        reasons.append(Reason("audit-texts", "texts that the policy wants kept cannot be written"))
    if ingester.missing_s(now) > INGESTER_S:
        reasons.append(Reason("ingester", "the ingester does not run"))
    if state.virtual_keys.trouble:
        reasons.append(Reason("keys-store", "the store of virtual keys cannot be read"))
    if looked.at == 0.0:
        reasons.append(Reason("starting", "the stores have not been looked at yet"))
    elif now - looked.at > STALE_S:
        reasons.append(Reason("stores", f"disks and stores have not answered for more than {STALE_S:.0f} s"))
    codes = {reason.code for reason in reasons}
    reasons += [reason for reason in looked.reasons if reason.code not in codes]
    settings = state.snapshot.settings
    return Readiness(tuple(reasons), {"mode": str(settings.mode), "policy": settings.hash[:12]})
