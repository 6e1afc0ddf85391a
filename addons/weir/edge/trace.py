"""What weir knows of one client connection and of one flow while they live.

`Trace` is the one mutable thing of the chain: each concern reads what stands before it and adds its own piece.
Both kinds are kept beside mitmproxy's objects, never in `flow.metadata`, so that saving a flow cannot leak them.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mitmproxy import connection, http

from weir.audit.record import now_us
from weir.edge.bounds.kept import Bounds
from weir.edge.head import Head
from weir.model import (
    ANONYMOUS,
    Cost,
    Endpoint,
    Exchange,
    Finding,
    Inspection,
    OnFailure,
    Principal,
    Reply,
    Secret,
    Segment,
    Service,
    Usage,
    Verdict,
)
from weir.ports import Dialect, Masker
from weir.usage.multimodal import NO_MEDIA, MediaTokens

if TYPE_CHECKING:
    import asyncio

    from weir.dlp.core.engine import Scan
    from weir.edge.identity.callers import Settled
    from weir.edge.replies import ReplyLook
    from weir.edge.routing import Route
    from weir.edge.state import Snapshot, State
    from weir.edge.websockets.socket import Socket
    from weir.edge.websockets.turnlimits import Turns
    from weir.edge.wire.pipe import ReplyPipe
    from weir.identity.desk import Said
    from weir.identity.sources import Answer
    from weir.keys.credentials import Presented
    from weir.keys.raw import Raw
    from weir.limits.admission import Hold
    from weir.providers.services.registry import Provider
    from weir.shadow.hints import Rhythm
    from weir.tenants.restrict import Restriction

__all__ = ["Link", "Trace", "link_of", "open_flows", "open_links", "open_traces", "start_trace", "trace_of"]


@dataclass(slots=True, weakref_slot=True, eq=False)
class Link:
    """One client connection: who opened it, where to, and what became of it."""

    started_us: int
    host: str = ""  # CONNECT or original destination
    port: int = 0  # of it
    sni: str = ""
    principal: Principal = ANONYMOUS
    heard: Mapping[str, Answer] = field(
        default_factory=dict
    )  # what was shown for the whole connection: CONNECT, SOCKS5
    shown: str = field(default="", repr=False)  # the very credentials: they are asked about again while it lasts
    shown_until: float = 0.0  # monotonic
    asking: asyncio.Task[Said] | None = None  # when they are asked about just now
    settled: Settled | None = None  # who that and the connection itself prove, under one policy
    auth_asked: str = ""  # what each source said
    refused_by: str = ""  # the rule that turned the connection away, or would have in `enforce`
    refused_why: str = ""
    identity_rule: str = ""  # of a connection that passes undecrypted: what allowed it
    failures: int = 0  # wrong credentials counted so far
    exchanges: int = 0
    failed: str = ""  # hook that failed for the connection: what becomes of its flows is a decision
    broken: str = ""  # what came last and never became a request
    refused: bool = False  # nothing of this connection is forwarded as it stands
    metered: bool = False
    meter_reason: str = ""
    tenant_only: bool = False  # decrypted for a tenant's header and nothing else
    looked: bool = False  # decrypted to look what the host is, and for nothing else
    who: tuple[str, str] | None = None  # the client as its handshake shows it, where weir answered that
    pinned: bool = False  # passes undecrypted because its client does not take weir's certificate
    rhythm: Rhythm | None = None  # of a connection that passes undecrypted
    tries: int = 0  # how often this client has turned the certificate down here
    overtaken: bool = False  # passes undecrypted and is not to any more: ends with its next byte
    exchange_id: str = ""  # of the metered connection's records
    service: str = ""
    service_status: str = ""
    bytes_up: int = 0
    bytes_down: int = 0
    closed: bool = False
    # what the connection proves (see `evidence`)
    chain: tuple[bytes, ...] = field(default=(), repr=False)  # the client's certificates, DER, its own first
    chain_until: float = 0.0  # monotonic: when they are verified again
    tunnelled: bool | None = None  # came through WireGuard; None: not looked at yet
    process_name: str = ""  # the program at the other end, when policy looks at programs
    head: Head | None = field(default=None, repr=False)  # of the request before
    bounds: Bounds = field(default_factory=Bounds, repr=False)  # what its limits are counted in

    @property
    def hint(self) -> str:
        """Why what passes undecrypted could be AI use, by its rhythm: never a fact."""
        return self.rhythm.hint() if self.rhythm is not None else ""

    @property
    def condemned(self) -> bool:
        """True when a hook failed for this connection and policy wants its flows blocked."""
        return self.refused and bool(self.failed)


@dataclass(slots=True, weakref_slot=True, eq=False)
class Trace:
    """Everything known of one exchange. Fields are grouped by the concern that writes them."""

    state: State
    snapshot: Snapshot
    link: Link
    exchange_id: str
    started_us: int
    started_ns: int  # monotonic
    # edge
    host: str = ""
    head: Head = field(default_factory=Head, repr=False)
    method: str = ""
    names: tuple[str, ...] = ()  # every host name the request claims: destination, SNI, Host header
    address: str = ""  # where it really went
    req_bytes: int = 0
    resp_bytes: int = 0
    first_byte_ns: int = 0
    forwarded_ns: int = 0
    held_ns: int = 0  # time spent in our own hooks before forwarding
    oversize: bool = False
    body: bytes | None = None  # decoded request body
    pipe: ReplyPipe | None = None
    failed: str = ""  # hook that failed, as `concern.hook: ErrorClass`
    failed_open: bool = False
    abort: str = ""  # why the reply must be cut
    # identity
    principal: Principal = ANONYMOUS
    auth_asked: str = ""  # what each source said
    heard: Mapping[str, Answer] = field(default_factory=dict)
    shown: str = field(default="", repr=False)  # credentials of the request itself: asked about again on a socket
    shown_until: float = 0.0  # monotonic
    said: Said | None = None  # what they proved when they were asked about last
    conflict: str = ""  # what the tunnel and the request prove differently: user, team or app
    identity_rule: str = ""  # the permission that allowed it
    early: bool = False  # refused by its headers: answered before its body is read
    account: str = ""  # company | personal: of a web app, where it shows
    restriction: Restriction | None = None  # to the company's tenant
    unread: bool = False  # neither body is looked at, nor is the request's buffered
    # providers, shadow
    provider: Provider | None = None
    service: Service = field(default_factory=lambda: Service(""))
    endpoint: Endpoint | None = None
    dialect: Dialect | None = None
    exchange: Exchange | None = None
    named: tuple[Exchange, tuple[str, ...]] | None = field(default=None, repr=False)  # the models it names besides
    discovered: bool = False
    suspected: tuple[int, str] | tuple[()] | None = None  # a long body began like one for AI; None: nobody has looked
    remembered: bool = False  # by replies alone: what it asks is read as far as it can be, and no more is wanted
    signals: tuple[str, ...] = ()
    inspection: Inspection = Inspection.PARTIAL
    reason: str = ""
    is_ai: bool = False
    # dlp, policy
    findings: tuple[Finding, ...] = ()
    dlp_us: int | None = None  # scanning what was sent; of a socket all messages together
    dlp_chars: int | None = None  # scanned and not known already
    masker: Masker | None = None
    verdict: Verdict = field(default_factory=Verdict)
    acted: bool = False  # the verdict was carried out (enforce), not only recorded
    edited: bool = False
    replaced: tuple[str, ...] = field(default=(), repr=False)  # the texts that took the place of others
    own_page: bool = False  # asks for weir itself; never forwarded
    coach_reason: str = ""  # what a person stated, findings struck out
    coach_grant: str = ""
    conversation: str = ""
    # keys
    presented: tuple[Presented, ...] = ()
    presented_in: tuple[tuple[tuple[bytes, bytes], ...], str] = field(default=((), ""), repr=False)  # headers, path
    raw: tuple[Raw, ...] = ()  # every credential that is no virtual key
    credential: str = "none"  # raw | session | virtual | none
    key_fingerprint: str = ""
    key_kind: str = ""
    managed_key: str = ""  # label of the company's key that went in
    unkeyed: tuple[tuple[tuple[bytes, bytes], ...], bytes] | None = field(default=None, repr=False)  # before it went in
    route: Route | None = None  # where else the request may go
    given: Secret | None = field(default=None, repr=False)  # its very value, where it goes out as it is
    refused_by: str = ""  # a rule of a concern other than policy that refused, e.g. virtual-key
    refused_why: str = ""
    # limits
    hold: Hold | None = None
    turns: Turns | None = None  # of a socket
    model_asked: str = ""  # of a downgrade: what the client had asked for
    # usage, audit
    strip_usage: bool = False
    media: MediaTokens = NO_MEDIA  # what the request's pictures and sounds are in tokens
    look: ReplyLook | None = None  # what the reply is looked at with, and what it shows
    reply: Reply | None = None
    header_usage: Usage | None = None  # what the reply's headers report; counts where its body doesn't
    usage: Usage | None = None
    cost: Cost | None = None
    recorded: bool = False  # the request record stands
    texts_kept: bool = False  # and the request's texts with it
    closed: bool = False  # the last record stands
    socket: Socket | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def set_body(self, flow: http.HTTPFlow) -> None:
        """Send `body` instead of what the client sent; it is decoded, so a content-encoding no longer holds."""
        assert self.body is not None
        headers = flow.request.headers
        headers.pop("content-encoding", None)
        flow.request.raw_content = self.body
        if "transfer-encoding" not in headers:
            headers["content-length"] = str(len(self.body))

    def scan(
        self, segments: Sequence[Segment], deadline_s: float, direction: str = "request", glance: int | None = None
    ) -> Scan:
        """Look for what must not pass; note how much work it was for what the client sent. ``glance``: see
        `Engine.scan`."""
        began = time.monotonic_ns()
        scan = self.snapshot.engine.scan(segments, direction, deadline_s=deadline_s, glance=glance)
        if direction == "request":
            self.dlp_us = (self.dlp_us or 0) + (time.monotonic_ns() - began) // 1000
            self.dlp_chars = (self.dlp_chars or 0) + scan.scanned_chars
        return scan

    def fail(self, what: str) -> None:
        """Mark as not inspected because of `what`; the first failure is the one that is told."""
        self.failed = self.failed or what
        self.inspection, self.reason = Inspection.FAILED, self.failed

    @property
    def on_failure(self) -> OnFailure:
        """What policy wants of an exchange that could not be inspected."""
        return self.snapshot.settings.on_failure

    @property
    def enforcing(self) -> bool:
        """True when verdicts are carried out and not only recorded."""
        return self.snapshot.settings.mode == "enforce"


_traces: weakref.WeakKeyDictionary[http.HTTPFlow, Trace] = weakref.WeakKeyDictionary()
_BESIDE = "weir_trace"  # asking the dictionary takes six times as long, and everybody asks
_LINK = "weir_link"
_links: weakref.WeakKeyDictionary[connection.Client, Link] = weakref.WeakKeyDictionary()


def link_of(client: connection.Client) -> Link:
    """The state of a client connection, made when first asked for."""
    link: Link | None = client.__dict__.get(_LINK)
    if link is None:
        started = int(client.timestamp_start * 1e6) if client.timestamp_start else now_us()
        link = _links[client] = client.__dict__[_LINK] = Link(started_us=started)
    return link


def trace_of(flow: http.HTTPFlow) -> Trace | None:
    """The trace of a flow; None before `requestheaders` or after an unknown flow."""
    found: Trace | None = flow.__dict__.get(_BESIDE)
    return found


def start_trace(flow: http.HTTPFlow, trace: Trace) -> None:
    """Attach a new trace to its flow."""
    _traces[flow] = flow.__dict__[_BESIDE] = trace  # a copy of a flow, or a saved one, is made without it


def open_links() -> list[tuple[connection.Client, Link]]:
    """All client connections that have not ended yet."""
    return [(client, link) for client, link in list(_links.items()) if not link.closed]


def open_flows(link: Link) -> list[tuple[http.HTTPFlow, Trace]]:
    """The exchanges of one client connection that have not ended yet."""
    return [(flow, trace) for flow, trace in list(_traces.items()) if trace.link is link and not trace.closed]


def open_traces() -> list[Trace]:
    """All traces whose exchange has not ended yet: what a shutdown waits for."""
    return [trace for trace in list(_traces.values()) if not trace.closed]
