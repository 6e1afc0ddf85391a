"""Which exchanges' texts are kept, and for how long: one pure decision from what the policy says.

The first exception that fits decides, as operators read a list: an exception for the works council stands above the one
that keeps everything of a service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = ["NOTHING", "NO_TEXTS", "WORDS", "ContentPolicy", "ContentRule", "Keep", "choose"]

WORDS = ("off", "findings", "full")
DAYS_MAX = 36_500


@dataclass(frozen=True, slots=True)
class ContentRule:
    """An exception: ``keep`` (one of WORDS) for what all the given lists name. An empty list names everything.

    ``services`` and ``teams`` are globs; ``rules`` are ids of policy rules, one of which must have matched. ``days``
    None takes the policy's. Raises ValueError for another word, days out of bounds, or an exception that names nothing.
    """

    keep: str
    days: int | None = None
    services: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.keep, self.days)
        if not (self.services or self.teams or self.rules):
            raise ValueError("an exception needs services, teams or rules")

    def fits(self, service: str, team: str, matched: Sequence[str]) -> bool:
        """True when the exchange is one that this exception is about."""
        return (
            (not self.services or any(fnmatchcase(service, glob) for glob in self.services))
            and (not self.teams or any(fnmatchcase(team, glob) for glob in self.teams))
            and (not self.rules or not set(self.rules).isdisjoint(matched))
        )


@dataclass(frozen=True, slots=True)
class ContentPolicy:
    """What holds where no exception fits. The default keeps nothing: texts are what a company must decide to keep."""

    keep: str = "off"
    days: int = 30
    exceptions: tuple[ContentRule, ...] = ()

    def __post_init__(self) -> None:
        _check(self.keep, self.days)

    @property
    def keeps_any(self) -> bool:
        """False when no exchange can ever be kept, so that nobody needs a key or a directory."""
        return self.keep != "off" or any(one.keep != "off" for one in self.exceptions)


@dataclass(frozen=True, slots=True)
class Keep:
    """The decision: whether to keep, for how many days, and by which word."""

    keep: bool
    days: int = 0
    word: str = "off"

    def expires_day(self, ts_us: int) -> int:
        """The last day (days since the epoch, UTC) on which an exchange of ``ts_us`` may be read."""
        return ts_us // 86_400_000_000 + self.days


NOTHING = Keep(False)


def choose(policy: ContentPolicy, *, service: str, team: str, matched: Sequence[str], findings: bool) -> Keep:
    """Whether this exchange's texts are kept.

    ``matched``: ids of all policy rules that matched. ``findings``: whether any detector found anything, so far; ask
    again with the reply, since what was clean when it went out may come back with a finding.
    """
    said: ContentPolicy | ContentRule = policy
    for exception in policy.exceptions:
        if exception.fits(service, team, matched):
            said = exception
            break
    if said.keep == "off" or (said.keep == "findings" and not findings):
        return Keep(False, word=said.keep)
    return Keep(True, policy.days if said.days is None else said.days, said.keep)


def _check(keep: str, days: int | None) -> None:
    if keep not in WORDS:
        raise ValueError(f"content is one of {', '.join(WORDS)}")
    if days is not None and not 0 <= days <= DAYS_MAX:
        raise ValueError(f"days are 0 to {DAYS_MAX}")


NO_TEXTS = ContentPolicy()
