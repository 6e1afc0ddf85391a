"""The conversations that have pseudonyms: bounded, forgotten when idle, and over a restart where policy says so."""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from weir.dlp.standins.pseudonyms import Pseudonyms
from weir.dlp.standins.vault import Vault

__all__ = ["Beginning", "Conversations", "Link"]


@dataclass(frozen=True, slots=True)
class Link:
    """What a reply stands at the end of: its conversation, and the placeholders that the provider has seen there."""

    conversation: str
    names: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Known:
    pseudonyms: Pseudonyms
    seen: float  # monotonic, as in `Conversations._clock`
    stored: float  # when the vault last heard of it


class Conversations:
    """The pseudonyms of a bounded number of conversations, and which replies belong to them.

    The least used are forgotten first, and whatever was idle for ``hours``. A forgotten conversation starts anew and,
    as clients send the whole history, numbers its values as before. ``key`` keys the digests under which values are
    known. With ``keep`` all of it also goes into the vault; without, what the vault holds is erased.
    """

    def __init__(
        self,
        key: bytes,
        max_conversations: int = 10_000,
        max_values: int = 1_000,
        *,
        max_total: int = 500_000,
        max_links: int = 50_000,
        vault: Vault | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = hmac.digest(key, b"weir-dlp-pseudonyms", "sha256")
        self._max_conversations, self._max_values = max_conversations, max_values
        self._max_total, self._max_links = max_total, max_links
        self._vault, self._clock = vault, clock
        self._kept = True  # what a vault may hold from before is policy's to say at first use
        self._lock, self._counting = threading.RLock(), threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._links: OrderedDict[str, tuple[Link, float]] = OrderedDict()
        self._total = 0
        self._linked_names = 0

    def get(self, conversation_id: str, *, hours: int = 24, keep: bool = False, tag: str = "") -> Pseudonyms:
        """The pseudonyms of a conversation, new ones (beginning with the form ``tag``) if it is not known."""
        now = self._clock()
        with self._lock:
            self._choose(keep)
            self._expire(now, hours * 3600)
            return self._entered(conversation_id, now, hours, keep, tag)

    def begun(
        self, conversation_id: str, *, hours: int = 24, keep: bool = False, tag: str = ""
    ) -> Pseudonyms | Beginning:
        """As `get`, but of a conversation that is not known nothing is remembered until there is something to.

        Most have no pseudonyms ever, and each would be some objects for the collector to walk.
        """
        now = self._clock()
        with self._lock:
            self._choose(keep)
            self._expire(now, hours * 3600)
            if not keep and conversation_id not in self._known:
                return Beginning(self, conversation_id, hours, tag)
            return self._entered(conversation_id, now, hours, keep, tag)

    def enter(self, conversation_id: str, hours: int, tag: str) -> Pseudonyms:
        """What `begun` gave is begun now, under the policy that held then."""
        with self._lock:
            return self._entered(conversation_id, self._clock(), hours, False, tag)

    def known(self, conversation_id: str) -> Pseudonyms | None:
        """The pseudonyms of a conversation if it has any; nothing else changes."""
        with self._lock:
            found = self._known.get(conversation_id)
            return None if found is None else found.pseudonyms

    def _entered(self, conversation_id: str, now: float, hours: int, keep: bool, tag: str) -> Pseudonyms:
        found = self._known.get(conversation_id)
        if found is None:
            found = self._known[conversation_id] = self._make(conversation_id, now, hours, keep, tag)
        found.seen = now
        self._known.move_to_end(conversation_id)
        if keep and len(found.pseudonyms) and now - found.stored > 3600:
            self._store(conversation_id, hours)  # so that the vault knows it is in use
        while self._known and (len(self._known) > self._max_conversations or self._total > self._max_total):
            self._forget(next(iter(self._known)))
        return found.pseudonyms

    def link(self, owner: str, response_id: str, link: Link, *, hours: int = 24, keep: bool = False) -> None:
        """Remember what ``owner``'s reply ``response_id`` stands at the end of."""
        name = self._link_name(owner, response_id)
        with self._lock:
            old = self._links.pop(name, None)
            self._linked_names += len(link.names) - (len(old[0].names) if old else 0)
            self._links[name] = (link, self._clock())
            while len(self._links) > self._max_links or self._linked_names > 4 * self._max_total:
                gone, _ = self._links.popitem(last=False)[1]
                self._linked_names -= len(gone.names)
        if keep and self._vault and link.names:
            data = json.dumps([link.conversation, sorted(link.names)]).encode()
            self._vault.put(name, lambda: data, hours * 3600)

    def linked(self, owner: str, response_id: str, *, hours: int = 24, keep: bool = False) -> Link | None:
        """What a reply stands at the end of; None when it is not known, or was given to somebody else."""
        name = self._link_name(owner, response_id)
        with self._lock:
            self._choose(keep)
            found = self._links.get(name)
            if found is not None:
                return found[0] if self._clock() - found[1] <= hours * 3600 else None
        data = self._vault.get(name, hours * 3600) if keep and self._vault else None
        if data is None:
            return None
        try:
            conversation, names = json.loads(data)
            return Link(str(conversation), frozenset(map(str, names)))
        except (ValueError, TypeError):
            return None

    def forget(self, conversation_ids: Iterable[str]) -> None:
        """Their values are to be nowhere any more: neither in memory nor in the vault. May wait for the disk."""
        names = set(conversation_ids)
        with self._lock:
            for name in names & self._known.keys():
                self._forget(name)
        if self._vault is not None:
            self._vault.forget(names)

    def _link_name(self, owner: str, response_id: str) -> str:
        parts = f"link\0{len(owner)}\0{owner}\0{response_id}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, parts, "sha256").hex()

    def _make(self, conversation_id: str, now: float, hours: int, keep: bool, tag: str) -> _Known:
        key = hmac.digest(self._key, conversation_id.encode(), "sha256")

        def changed() -> None:
            self._store(conversation_id, hours)

        made = Pseudonyms(key, self._max_values, tag=tag, grown=self._grown, changed=changed if keep else None)
        data = self._vault.get(conversation_id, hours * 3600) if keep and self._vault else None
        if data is not None:
            try:
                made.load(data)
            except ValueError:
                made = Pseudonyms(key, self._max_values, tag=tag, grown=self._grown, changed=changed)
        return _Known(made, now, now)

    def _store(self, conversation_id: str, hours: int) -> None:
        with self._lock:
            known = self._known.get(conversation_id)
        if known is not None and self._vault is not None:
            known.stored = self._clock()
            self._vault.put(conversation_id, known.pseudonyms.dump, hours * 3600)

    def _grown(self, count: int) -> None:
        with self._counting:  # not the other lock: whoever calls holds that of a conversation
            self._total += count

    def _choose(self, keep: bool) -> None:
        if keep != self._kept:
            self._kept = keep
            if self._vault and not keep:
                self._vault.erase()

    def _expire(self, now: float, idle_s: float) -> None:
        while self._known and now - (first := next(iter(self._known.items())))[1].seen > idle_s:
            self._forget(first[0])
        while self._links and now - (oldest := next(iter(self._links.values())))[1] > idle_s:
            self._linked_names -= len(oldest[0].names)
            self._links.popitem(last=False)

    def _forget(self, conversation_id: str) -> None:
        gone = self._known.pop(conversation_id).pseudonyms
        self._grown(-gone.detach())

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"Conversations({len(self)}, hidden)"


class Beginning:
    """The pseudonyms of a conversation in which nothing stands for anything yet: entered when something does.

    Turns of the same conversation that run at the same time find the same ones. Safe to use from several threads.
    """

    __slots__ = ("_conversations", "_entered", "_hours", "_id", "_tag")

    def __init__(self, conversations: Conversations, conversation_id: str, hours: int, tag: str) -> None:
        self._conversations, self._id, self._hours, self._tag = conversations, conversation_id, hours, tag
        self._entered: Pseudonyms | None = None  # kept: it stays this exchange's when it is forgotten

    def _enter(self) -> Pseudonyms:
        if self._entered is None:
            self._entered = self._conversations.enter(self._id, self._hours, self._tag)
        return self._entered

    def issue(self, values: Sequence[tuple[str, str]], taken: Iterable[str] = ()) -> list[str | None]:
        """As `Pseudonyms.issue`."""
        return self._enter().issue(values, taken)

    def said(self, taken: Collection[str]) -> None:
        """As `Pseudonyms.said`."""
        self._enter().said(taken)

    def values(self, names: Collection[str]) -> dict[str, str]:
        """As `Pseudonyms.values`."""
        if not names:
            return {}
        found = self._conversations.known(self._id) if self._entered is None else self._entered
        return {} if found is None else found.values(names)

    def names(self) -> frozenset[str]:
        """As `Pseudonyms.names`."""
        found = self._conversations.known(self._id) if self._entered is None else self._entered
        return frozenset() if found is None else found.names()

    def __repr__(self) -> str:
        return "Beginning(hidden)"
