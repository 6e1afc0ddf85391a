"""Use that could not be written down because the store was away: kept in a file too, so that a restart forgets none.

Charging goes by a claim's id and may be repeated, so an entry that was paid and stands in the file still does no harm
while the store remembers the id. It does for a day; older entries are dropped.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from weir.limits.budget import Claim
from weir.limits.rows import Actual
from weir.model import Principal

__all__ = ["Debt", "Owed"]

log = logging.getLogger("weir.limits")
MOST = 20_000
KEPT_S = 86_400
_BYTES_MAX = 64 << 20


@dataclass(frozen=True, slots=True)
class Debt:
    """One use: ``actual`` None for all that was claimed, ``held`` when room was held for it."""

    claim: Claim
    actual: Actual | None
    held: bool
    at: int  # seconds since 1970


class Owed:
    """Debts in the order they were made; used by one thread."""

    def __init__(self, file: Path | None, clock: Callable[[], float] = time.time) -> None:
        """Take over what ``file`` holds; None keeps nothing beyond the process."""
        self._file, self._clock = file, clock
        self._debts: deque[Debt] = deque(self._read())

    def __len__(self) -> int:
        return len(self._debts)

    def add(self, claim: Claim, actual: Actual | None, *, held: bool) -> None:
        """One more, in memory and in the file. Of more than can be kept the newest is dropped, and that is logged."""
        if len(self._debts) >= MOST:
            log.error("use could not be charged: the store is away, and too much is owed already")
            return
        debt = Debt(claim, actual, held, int(self._clock()))
        self._debts.append(debt)
        if self._file is None:
            return
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(self._file, flags, 0o600), "wb") as file:
                file.write(_line(debt))
        except OSError as error:
            log.error("what is owed is kept in memory alone: %s cannot be written (%s)", self._file, error.strerror)

    @property
    def first(self) -> Debt:
        """The oldest one. Raises IndexError when nothing is owed."""
        return self._debts[0]

    def paid(self) -> None:
        """The oldest one is written down; the file goes with the last."""
        self._debts.popleft()
        if not self._debts and self._file is not None:
            self._file.unlink(missing_ok=True)

    def _read(self) -> list[Debt]:
        if self._file is None or not self._file.exists():
            return []
        try:
            with self._file.open("rb") as file:
                lines = file.read(_BYTES_MAX).splitlines()
        except OSError as error:
            log.error("what is owed cannot be read: %s (%s)", self._file, error.strerror)
            return []
        found = [debt for debt in map(_debt, lines) if debt is not None]
        young = [debt for debt in found if debt.at > self._clock() - KEPT_S][:MOST]
        if len(young) < len(lines):
            log.error("%d entries of %s are damaged or too old to be charged", len(lines) - len(young), self._file)
        if not young:
            self._file.unlink(missing_ok=True)
        return young


def _line(debt: Debt) -> bytes:
    claim, actual = debt.claim, debt.actual
    who = claim.principal
    row = {
        "id": claim.id,
        "who": [who.user, who.team, who.app, who.key_id],
        "what": [claim.service, claim.model],
        "claimed": [claim.tokens, claim.nano_usd],
        "used": None if actual is None else [actual.tokens, actual.nano_usd],
        "held": debt.held,
        "at": debt.at,
    }
    return json.dumps(row).encode("ascii") + b"\n"


def _debt(line: bytes) -> Debt | None:
    try:
        row = json.loads(line)
        user, team, app, key_id = (str(word) for word in row["who"])
        service, model = (str(word) for word in row["what"])
        claim = Claim(
            str(row["id"]), Principal(user=user, team=team, app=app, key_id=key_id), service, model, *row["claimed"]
        )
        actual = None if row["used"] is None else Actual(*row["used"])
        return Debt(claim, actual, row["held"] is True, int(row["at"]))
    except (ValueError, TypeError, KeyError):
        return None  # counted by the caller: the last line of a process that was killed may be half a line
