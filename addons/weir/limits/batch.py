"""What many ask of the ledger, done in one transaction. Each has an answer of its own, as if it had asked alone: what
ends comes first, then those who want room, in the order in which they came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from weir.limits import rows
from weir.limits.budget import Account, Budget, Claim, Refused, Standing, Unit, narrow, refusal
from weir.limits.rows import Actual
from weir.limits.store import LedgerError, Store

__all__ = ["Answer", "Asked", "Batch", "Charge", "Narrow", "NoAccount", "Overtaken", "Release", "Renew", "Reservation",
    "Reserve", "Settle", "Settled", "Trim"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room that is held. ``standings`` shows each account with this claim in it; none when no budget is about it,
    and then nothing is stored and there is nothing to settle."""

    id: str
    expires_at: int  # microseconds; from then on it is held no more
    standings: tuple[Standing, ...] = ()

    @property
    def warnings(self) -> tuple[Standing, ...]:
        """The accounts that have reached ``warn_at``."""
        return tuple(standing for standing in self.standings if standing.warned)


@dataclass(frozen=True, slots=True)
class Settled:
    """``first``: by this call. ``crossed``: accounts that reached ``warn_at`` by it; each is told of once a window."""

    first: bool
    crossed: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class Reserve:
    """Asks for room in these accounts."""

    claim: Claim
    drawn: tuple[Account, ...]

    @property
    def id(self) -> str:
        """The claim's."""
        return self.claim.id


@dataclass(frozen=True, slots=True)
class Settle:
    """Tells what was used; None: all that was held."""

    id: str
    actual: Actual | None


@dataclass(frozen=True, slots=True)
class Charge:
    """Tells what was used where nothing may have been held."""

    claim: Claim
    drawn: tuple[Account, ...]
    actual: Actual

    @property
    def id(self) -> str:
        """The claim's."""
        return self.claim.id


@dataclass(frozen=True, slots=True)
class Release:
    """Says that nothing was used."""

    id: str


@dataclass(frozen=True, slots=True)
class Renew:
    """Asks for more time."""

    id: str


@dataclass(frozen=True, slots=True)
class Trim:
    """Asks to hold no more than ``claim``, of the same id, wants: what is held for it was a bound."""

    claim: Claim

    @property
    def id(self) -> str:
        """The claim's."""
        return self.claim.id


@dataclass(frozen=True, slots=True)
class Narrow:
    """Nothing is held: a rough claim is to be counted first, for little is left of these ``accounts`` (ids)."""

    accounts: tuple[str, ...]


Asked = Reserve | Settle | Charge | Release | Renew | Trim
Answer = Reservation | Refused | Narrow | Settled | bool | LedgerError


class NoAccount(Exception):
    """Accounts have no row yet. They get them in a transaction of its own: made here it could lock out of order."""

    def __init__(self, missing: list[Account]) -> None:
        self.missing = missing


class Overtaken(Exception):
    """Another transaction made a claim of the same id meanwhile: what was looked at is no longer so."""


@dataclass
class _View:
    """What one run of the transaction has seen and is about to write."""

    connection: Connection
    states: dict[str, str]
    held: dict[str, list[rows.Hold]]
    accounts: dict[str, rows.Row]
    now: int
    answers: dict[str, Answer] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    settled: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    claims: list[tuple[str, str, int]] = field(default_factory=list)
    holds: list[tuple[str, str, int, int]] = field(default_factory=list)


class Batch:
    """``asked``, each of another claim, against ``budgets``. ``work`` is what ``Store.run`` runs, twice if need be."""

    def __init__(
        self,
        store: Store,
        asked: Sequence[Asked],
        budgets: Mapping[str, Budget],
        hold: int,
        clock: Callable[[], int],
    ) -> None:
        self._store, self._asked, self._budgets, self._hold, self._clock = store, asked, budgets, hold, clock
        self._earlier: dict[str, Answer] = {}

    def work(self, connection: Connection) -> list[Answer]:
        """An answer for each, in order. Raises NoAccount, Overtaken."""
        states, held = rows.claims(connection, [one.id for one in self._asked])
        drawn = {one.id: one for asked in self._asked if isinstance(asked, Reserve | Charge) for one in asked.drawn}
        ids = drawn.keys() | {one.account for each in held.values() for one in each}
        accounts = rows.lock(connection, sorted(ids)) if ids else {}
        missing = [one for name, one in drawn.items() if name not in accounts]
        if missing:
            raise NoAccount(missing)
        # The time is taken with the accounts locked: nobody acts upon a later one before this commits.
        view = _View(connection, states, held, accounts, self._clock())
        for one in self._asked:
            if not isinstance(one, Reserve):
                view.answers[one.id] = self._ended(view, one, states.get(one.id))
        rows.end(connection, view.settled, view.released)
        rows.trim(connection, [cut for one in self._asked if isinstance(one, Trim) for cut in _cuts(view, one)])
        self._renew(view, [one.id for one in self._asked if isinstance(one, Renew) and states.get(one.id) == "held"])
        self._admit(view, [one for one in self._asked if isinstance(one, Reserve)])
        if view.changed:
            rows.change(connection, [view.accounts[name] for name in sorted(view.changed)])
        if view.claims and not rows.hold(connection, view.claims, view.holds):
            raise Overtaken
        # Should the connection break at the commit, nobody knows whether it took place. If it did, the next run finds
        # everything done already, and these answers are the right ones.
        self._earlier = view.answers
        return [view.answers[one.id] for one in self._asked]

    def _ended(self, view: _View, one: Asked, state: str | None) -> Answer:
        match one:
            case Settle(id=name, actual=actual) | Charge(claim=Claim(id=name), actual=actual):
                if state == "settled":
                    return self._earlier.get(name, Settled(False))
                if state is not None:
                    view.settled.append(name)
                    uses = [(hold.account, hold.amount) for hold in view.held[name]]
                    return Settled(True, self._spend(view, uses, actual))
                if not isinstance(one, Charge):
                    return Settled(False)
                view.claims.append((name, "settled", view.now))
                uses = [(account.id, one.claim.amount(account.budget.unit) or 0) for account in one.drawn]
                return Settled(True, self._spend(view, uses, actual))
            case Release(id=name):
                if state != "held":
                    return self._earlier.get(name, False) if state == "released" else False
                view.released.append(name)
                return True
            case Trim():
                return state == "held"
        return False  # of Renew, until it is seen to be held

    def _spend(self, view: _View, uses: Iterable[tuple[str, int]], actual: Actual | None) -> tuple[Standing, ...]:
        """Add to what is spent; the accounts that reach ``warn_at`` by it."""
        crossed = []
        for name, held in uses:
            row = view.accounts.get(name)
            if row is None:
                continue  # its window ended long ago, and it was cleared away
            row.spent += held if actual is None else actual.of(row.unit, held)
            view.changed.add(name)
            after = row.standing(self._budgets)
            if after is not None and after.warned and not row.warned:
                row.warned = 1
                crossed.append(after)
        return tuple(crossed)

    def _renew(self, view: _View, ids: list[str]) -> None:
        if not ids:
            return
        # Read again, with the accounts locked: a hold that somebody has seen expire does not come back.
        held = rows.holds(view.connection, ids)
        alive = [name for name in ids if held[name] and min(hold.expires for hold in held[name]) > view.now]
        if alive:
            rows.prolong(view.connection, alive, view.now + self._hold)
            view.answers |= dict.fromkeys(alive, True)

    def _admit(self, view: _View, asked: Sequence[Reserve]) -> None:
        if not asked:
            return
        ids = sorted({account.id for one in asked for account in one.drawn})
        reserved, over = rows.live(view.connection, ids, view.now)
        if over:
            rows.bury(view.connection, ids, view.now)
        states = view.states
        known = [one.id for one in asked if one.id in states]
        held = rows.holds(view.connection, known) if known else {}  # as it is with the accounts locked
        for one in asked:
            before = [
                Standing(account, view.accounts[account.id].spent, reserved.get(account.id, 0)) for account in one.drawn
            ]
            if one.id in states:
                view.answers[one.id] = _again(view, one.id, states[one.id], held[one.id], before)
                continue
            little = narrow(one.claim, before)
            refused = Narrow(little) if little else refusal(one.claim, before)
            view.answers[one.id] = refused or self._held(view, one, before, reserved)

    def _held(self, view: _View, one: Reserve, before: Iterable[Standing], reserved: dict[str, int]) -> Reservation:
        expires = view.now + self._hold
        view.claims.append((one.id, "held", expires))
        after = []
        for standing in before:
            account = standing.account
            amount = one.claim.amount(account.budget.unit) or 0
            view.holds.append((one.id, account.id, amount, expires))
            reserved[account.id] = standing.reserved + amount
            after.append(replace(standing, reserved=standing.reserved + amount))
        return Reservation(one.id, expires, tuple(after))


def _cuts(view: _View, trim: Trim) -> Iterable[tuple[int, str, str]]:
    for hold in view.held.get(trim.id, ()) if view.states.get(trim.id) == "held" else ():
        row = view.accounts.get(hold.account)
        if row is not None:
            yield trim.claim.amount(Unit(row.unit)) or 0, trim.id, hold.account


def _again(view: _View, name: str, state: str, held: Sequence[rows.Hold], before: Sequence[Standing]) -> Answer:
    expires = min((hold.expires for hold in held), default=0)
    if state != "held" or expires <= view.now:
        return LedgerError("the claim's id is that of one that has ended")
    return Reservation(name, expires, tuple(before))
