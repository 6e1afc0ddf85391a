"""The compiled policy in force (`Snapshot`, immutable, swapped whole) and what outlives it (`State`)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mitmproxy import http

from weir.audit.content.choose import NO_TEXTS, ContentPolicy
from weir.audit.content.writer import ContentWriter
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.writer import Spool
from weir.datadir import DataDir
from weir.destinations import Guard
from weir.dlp.core.engine import Engine
from weir.dlp.standins.conversations import Conversations
from weir.edge.content.talks import Talks
from weir.edge.firstseen import FirstSeen
from weir.edge.limits.keybudgets import KeyBudgets
from weir.edge.process.fleet.seat import Seat
from weir.edge.process.workers import Workers
from weir.edge.trace import Trace, link_of, start_trace
from weir.identity.build import Sources
from weir.identity.desk import Desk
from weir.identity.throttle import Throttle
from weir.keys.company import Company, CompanyKey
from weir.keys.refresh import Refresher
from weir.keys.virtual import VirtualKeys
from weir.model import OnFailure, Service
from weir.policy.coach import Coaching
from weir.policy.decide import Policy
from weir.policy.replies import ReplyPolicy
from weir.providers.services.registry import Registry
from weir.providers.wire import depth
from weir.routing.breaker import Board
from weir.settings import Settings
from weir.shadow.alternatives import Alternatives
from weir.shadow.catalogue import Catalogue
from weir.shadow.opinion import Opinion
from weir.shadow.remembered import Remembered
from weir.tenants.restrict import NOTHING, Restrictions
from weir.tls.ca import Authority
from weir.tls.decide import Interception
from weir.tls.pins import Pins
from weir.usage.prices import Prices
from weir.usage.tokens import Counter

if TYPE_CHECKING:
    from weir.limits.admission import Admission
    from weir.limits.plan import Plan

__all__ = ["Snapshot", "State"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that follows from one policy file. A reload builds a new one and swaps the reference."""

    settings: Settings
    policy: Policy
    registry: Registry
    catalogue: Catalogue
    interception: Interception
    engine: Engine
    sources: Sources
    desk: Desk
    secrets: Mapping[str, CompanyKey]  # by service id; `secret_problems` says which had no value, and why
    secret_problems: Mapping[str, str]
    prices: Prices
    limits: Plan | None = None  # None: the policy has no budgets and no rates
    tenants: Restrictions = NOTHING
    content: ContentPolicy = NO_TEXTS  # whose texts are kept
    opinion: Opinion = field(init=False)  # of each service
    destinations: Guard = field(init=False)  # where nothing is connected to
    alternatives: Alternatives = field(init=False)  # to those that are not sanctioned
    replies: ReplyPolicy = field(init=False)  # what of the policy is about replies

    def __post_init__(self) -> None:
        object.__setattr__(self, "replies", ReplyPolicy.of(self.policy))
        object.__setattr__(self, "opinion", Opinion(self.catalogue, self.settings.services))
        where = self.settings.destinations
        object.__setattr__(
            self,
            "destinations",
            Guard(where.private == "block", where.metadata == "block", where.loopback == "block", exempt=where.exempt),
        )
        named = self.settings.services.alternatives
        object.__setattr__(self, "alternatives", Alternatives(self.catalogue, self.opinion, named))

    def body_limit(self, is_ai: bool) -> int:
        """How many request bytes are buffered for inspection; others are looked at only as far as a peek."""
        limits = self.settings.limits
        return limits.body_bytes_max if is_ai else limits.peek_bytes_max

    def judged(self, service: Service) -> Service:
        """The service with the status that this policy gives it."""
        return self.opinion.judge(service)


@dataclass(slots=True)
class State:
    """What the process keeps over policy reloads."""

    data: DataDir
    snapshot: Snapshot
    spool: Spool
    boot_id: str
    authority: Authority
    upstream_bundle: Path
    virtual_keys: VirtualKeys
    conversations: Conversations
    counter: Counter
    fingerprint_key: bytes
    throttle: Throttle = field(default_factory=Throttle)  # wrong credentials: no reload forgets them
    company: Company = field(default_factory=lambda: Company(Refresher()))
    coaching: Coaching = field(default_factory=Coaching)
    board: Board = field(default_factory=Board)  # upstream hosts that rest
    workers: Workers = field(default_factory=Workers)
    found: dict[str, None] = field(default_factory=dict)  # hosts on which AI was discovered; the newest
    answering: Remembered = field(default_factory=Remembered)  # where AI showed itself in replies alone
    pins: Pins = field(default_factory=Pins)  # clients that don't take our certificate
    drain_s: float = 30.0
    draining: bool = False
    gentle_s: float = 0.0  # at the end: so long connections at rest may still bring a request
    seat: Seat | None = None  # of one worker among several
    admission: Admission | None = None  # made for the first request that a limit is about
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    content: ContentWriter | None = None  # None: the policy keeps nobody's texts
    sealing: set[asyncio.Task[None]] = field(default_factory=set)  # texts that are being encrypted, with their records
    talks: Talks = field(default_factory=Talks)
    first_seen: FirstSeen | None = None  # None: nobody asks what is new
    key_budgets: KeyBudgets = field(init=False)

    def __post_init__(self) -> None:
        self.key_budgets = KeyBudgets(self.virtual_keys.where, self.data.owed)
        self.virtual_keys.tell_budgets(self.key_budgets.take)
        self.take(self.snapshot)

    def take(self, snapshot: Snapshot) -> None:
        """Put a policy in force, with those of its limits that are the process's."""
        self.snapshot = snapshot
        limits = snapshot.settings.limits
        depth.take(limits.json_depth_max)
        self.workers.resize(limits.queues.by_lane)

    @property
    def limits(self) -> Plan | None:
        """The limits in force: the policy's, and those that virtual keys bring along; None when there are none."""
        return self.key_budgets.plan(self.snapshot.limits, self.snapshot.settings)

    def trace(self, flow: http.HTTPFlow) -> Trace:
        """Begin the trace of a flow under the policy now in force."""
        link = link_of(flow.client_conn)
        link.exchanges += 1
        trace = Trace(
            state=self,
            snapshot=self.snapshot,
            link=link,
            exchange_id=new_event_id(),
            started_us=now_us(),
            started_ns=time.monotonic_ns(),
            method=flow.request.method,
            principal=link.principal,
        )
        start_trace(flow, trace)
        return trace

    def met(self, record: AuditRecord) -> None:
        """Take notice of the service that a record is about: what is new is news, if policy wants it told."""
        if self.first_seen is not None and self.snapshot.settings.discover.first_seen:
            self.first_seen.look(record)

    def record(self, record: AuditRecord) -> Awaitable[None] | None:
        """Write to the audit as policy's `durability` says: what to await when it is `strict`, else None.

        Awaiting raises SpoolUnavailable when the disk did not take the record. While the disk has less free than the
        policy's floor nothing is written, and `on_failure` decides: `block` refuses whatever `durability` says, `allow`
        goes on and counts.
        """
        if self.strict:
            return self.spool.durable(record)
        self.spool.put(record)
        return None

    @property
    def strict(self) -> bool:
        """Whether a record, with its texts, is waited for now."""
        settings = self.snapshot.settings
        if self.spool.full:
            return settings.on_failure is OnFailure.BLOCK
        return settings.audit.durability == "strict"
