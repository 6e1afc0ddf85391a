"""Several keys for one provider: shared out by weight, and one that the provider turns away rests for a while."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from weir.model import Secret

__all__ = ["Change", "Health", "Member", "Pool"]

log = logging.getLogger("weir.keys")

_DENIED_FIRST_S, _DENIED_MAX_S = 60.0, 3600.0
_LIMITED_FIRST_S, _LIMITED_MAX_S = 5.0, 600.0
_WELL_S = 60.0  # a key that answered somebody so lately is not bad: a 401 then is about who asked, or what for
_CALLERS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Member:
    """One key: ``id`` is a label for the records (``openai-2``), ``weight`` its share beside the others'."""

    id: str
    secret: Secret
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Change:
    """A key was taken out (``rest_s`` > 0 seconds) or came back (0), and the status that says why: for the record.

    ``own``: it was taken from the caller who was turned away with it, and from nobody else.
    """

    id: str
    status: int
    rest_s: float
    own: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """How it stands with one key: ``state`` is ``good``, ``resting`` or ``missing`` (its backend has no value)."""

    id: str
    state: str
    status: int
    rest_s: float
    failures: int


@dataclass(slots=True)
class _Rest:
    until: float = 0.0
    status: int = 0
    failures: int = 0


class Pool:
    """Picks a key for a request and hears how the provider took it. Never blocks.

    Raises ValueError without members, with two of one id, or with a weight below 1.
    """

    def __init__(self, members: Sequence[Member], *, mono: Callable[[], float] = time.monotonic) -> None:
        if not members or len({member.id for member in members}) != len(members):
            raise ValueError("a pool needs at least one key, and an id of its own for each")
        if any(member.weight < 1 for member in members):
            raise ValueError("the weight of a key is a whole number from 1 up")
        self._members = tuple(members)
        self._mono = mono
        self._lock = threading.Lock()
        self._rests = {member.id: _Rest() for member in members}
        self._credit = {member.id: 0 for member in members}
        self._well: dict[str, float] = {}  # when it was taken last
        self._own: OrderedDict[tuple[str, str], float] = OrderedDict()  # until when a caller does not get it

    @property
    def members(self) -> tuple[Member, ...]:
        """All keys, in the order of the policy."""
        return self._members

    def pick(self, host: str, affinity: str = "") -> Member | None:
        """The key for a request to ``host``; None when no key with a value is bound to it.

        With an ``affinity`` (the caller, say) the same one gets the same key as long as that is healthy: files,
        stored answers and prompt caches belong to the project behind a key. Without one, keys take turns by weight.
        When every key rests, the one that is back first is tried all the same: the provider's own refusal tells a
        client more than ours would.
        """
        with self._lock:
            now = self._mono()
            usable = [member for member in self._members if member.secret.may_go_to(host) and _there(member.secret)]
            if not usable:
                return None
            good = [
                member
                for member in usable
                if self._rests[member.id].until <= now and self._own.get((affinity, member.id), now) <= now
            ]
            if not good:
                return min(usable, key=lambda member: self._rests[member.id].until)
            if len(good) == 1:
                return good[0]
            return max(good, key=lambda m: _share(affinity, m)) if affinity else self._turn(good)

    def another(
        self, host: str, affinity: str = "", *, label: str = "", without: Collection[str] = (), tired: bool = False
    ) -> Member | None:
        """A key for ``host`` to go on with where one has failed: of that id if ``label`` says, none of ``without``.

        Unlike with `pick` a key that rests is none; with ``tired`` one may that was told to wait, if no other is left.
        """
        with self._lock:
            now, fit, waiting = self._mono(), [], []
            for member in self._members:
                if member.id in without or (label and member.id != label) or not member.secret.may_go_to(host):
                    continue
                rest = self._rests[member.id]
                if not _there(member.secret) or self._own.get((affinity, member.id), now) > now:
                    continue
                if rest.until <= now:
                    fit.append(member)
                elif rest.status == 429 and tired:
                    waiting.append(member)
            if not fit:
                return min(waiting, key=lambda member: self._rests[member.id].until, default=None)
            return max(fit, key=lambda m: _share(affinity, m)) if affinity else self._turn(fit)

    def report(
        self, member_id: str, status: int, retry_after_s: float | None = None, affinity: str = ""
    ) -> Change | None:
        """Hear the provider's status for a request with this key; the change that follows, if any.

        401: the key is refused and rests a minute, twice as long each time in a row, up to an hour. 429: for as long
        as ``Retry-After`` says (at most ten minutes), else five seconds and twice as long each time. Any status below
        400 brings it back. A 401 to a caller (``affinity``) with a key that was taken a moment ago takes it from that
        caller only: nobody takes everybody's key out by asking for what makes a provider say 401. 403 is often one
        model's or one operation's, 5xx the provider's: neither is the key's fault.

        Raises KeyError for an id that is not here.
        """
        with self._lock:
            rest, now = self._rests[member_id], self._mono()
            if status < 400:
                self._well[member_id] = now
            if status not in (401, 429):
                if status >= 400 or not rest.failures:
                    return None
                # What was under way when the key was taken out does not bring it back.
                if rest.until > now:
                    return None
                self._rests[member_id] = _Rest()
                change = Change(member_id, status, 0.0)
            elif rest.until > now and rest.status == 401:
                return None  # one refusal, heard from many requests that were under way
            elif status == 401 and affinity and now - self._well.get(member_id, -_WELL_S) < _WELL_S:
                return self._take_from(affinity, member_id, now)
            elif rest.until > now and status == 429 and not (retry_after_s and now + retry_after_s > rest.until):
                return None
            else:
                wait = _wait(status, rest.failures, retry_after_s)
                self._rests[member_id] = _Rest(now + wait, status, rest.failures + 1)
                change = Change(member_id, status, wait)
        log.warning(
            "key %s: %s", change.id, f"rests {change.rest_s:.0f} s after {status}" if change.rest_s else "is back"
        )
        return change

    def health(self) -> tuple[Health, ...]:
        """How it stands with each key, in the order of the policy."""
        with self._lock:
            now = self._mono()
            return tuple(self._health(member, self._rests[member.id], now) for member in self._members)

    def _take_from(self, affinity: str, member_id: str, now: float) -> Change | None:
        if self._own.get((affinity, member_id), now) > now:
            return None
        self._own[affinity, member_id] = now + _DENIED_FIRST_S
        self._own.move_to_end((affinity, member_id))
        while len(self._own) > _CALLERS_MAX:
            self._own.popitem(last=False)
        return Change(member_id, 401, _DENIED_FIRST_S, own=True)

    def _health(self, member: Member, rest: _Rest, now: float) -> Health:
        left = max(0.0, rest.until - now)
        state = "missing" if not _there(member.secret) else "resting" if left else "good"
        return Health(member.id, state, rest.status, left, rest.failures)

    def _turn(self, good: Sequence[Member]) -> Member:
        # Smooth weighted round robin: 5:1 gives aaabaa rather than aaaaab.
        for member in good:
            self._credit[member.id] += member.weight
        chosen = max(good, key=lambda member: self._credit[member.id])
        self._credit[chosen.id] -= sum(member.weight for member in good)
        return chosen


def _share(affinity: str, member: Member) -> float:
    # Weighted rendezvous hashing: taking one key out moves only the callers who had it.
    digest = hashlib.blake2b(f"{affinity}\0{member.id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return -member.weight / math.log((int.from_bytes(digest) + 1) / (2**64 + 2))


def _there(secret: Secret) -> bool:
    available = getattr(secret, "available", None)
    return bool(available()) if callable(available) else True


def _wait(status: int, failures: int, retry_after_s: float | None) -> float:
    first, most = (_DENIED_FIRST_S, _DENIED_MAX_S) if status == 401 else (_LIMITED_FIRST_S, _LIMITED_MAX_S)
    if status == 429 and retry_after_s is not None and math.isfinite(retry_after_s) and retry_after_s > 0:
        return min(retry_after_s, most)
    return min(most, first * 2.0 ** min(failures, 16))
