"""The nouns of weir: frozen values.

No I/O, no third-party import. Every concern may import this module; it imports none of them. The Protocols by which
one concern lends another its ability stand in `weir.ports`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from weir.frozen import quick

__all__ = [
    "ANONYMOUS", "NO_USAGE", "Action", "Attachment", "AuthPlace", "Cost", "Endpoint", "Exchange", "Finding",
    "Inspection", "Mode", "OnFailure", "Principal", "Reply", "Secret", "Segment", "Service", "Status", "Unparsed",
    "Usage", "Verdict",
]  # fmt: skip


class Action(IntEnum):
    """What a rule asks for. Ordered by strength: verdicts combine by maximum, so rule order cannot matter."""

    ALLOW = 0
    ALERT = 1
    REDACT = 2
    PSEUDONYMISE = 3
    DOWNGRADE = 4
    COACH = 5  # held back until a person states a reason; for whoever can't be asked it is a block
    BLOCK = 6

    word: str  # the name operators write in a policy and read in the audit, e.g. `pseudonymise`

    def __init__(self, _value: int) -> None:
        self.word = self.name.lower()


class Inspection(StrEnum):
    """How far weir saw into one exchange; every audit record carries exactly one of these."""

    INSPECTED = "inspected"
    PARTIAL = "partial"
    METERED = "metered"
    PINNED = "pinned"
    UNPARSED = "unparsed"
    FAILED = "failed"


class Status(StrEnum):
    """What the company thinks of a service."""

    SANCTIONED = "sanctioned"
    TOLERATED = "tolerated"
    UNSANCTIONED = "unsanctioned"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """``observe`` records the verdict that would have been taken and changes nothing; ``enforce`` acts."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


class OnFailure(StrEnum):
    """What becomes of an exchange that could not be inspected."""

    BLOCK = "block"
    ALLOW = "allow"


class Unparsed(ValueError):
    """A body or path that no dialect understands. The message is a reason for the audit: it never quotes content."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, how that was established, and how strong the proof is (0 none … 3 virtual key)."""

    user: str = ""
    team: str = ""
    app: str = ""
    device: str = ""
    groups: tuple[str, ...] = ()
    method: str = "none"  # none | network | process | peer | basic | ldap | jwt | certificate | virtual_key
    strength: int = 0
    key_id: str = ""  # public id of the virtual key, never the key


ANONYMOUS = Principal()


@dataclass(frozen=True, slots=True)
class Service:
    """An AI service as the catalogue knows it, with the status that policy gives it."""

    id: str
    name: str = ""
    vendor: str = ""
    category: str = ""
    status: Status = Status.UNKNOWN


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Which service, wire format and operation a request addresses."""

    service: str
    dialect: str  # "" when nothing is known of the wire format
    operation: str  # chat | responses | embeddings | … | "" when unknown
    path_template: str = ""  # path with its variable parts named, e.g. /v1beta/models/{model}:generateContent
    model: str = ""  # only when the path names it
    stream: bool = False  # only when the path says so


@dataclass(frozen=True, slots=True)
class Segment:
    """One text of an exchange and where it stands: a JSON pointer (RFC 6901) into the body or frame."""

    pointer: str
    role: str  # system | user | assistant | tool | tool_definition | parameter
    text: str = field(repr=False)
    part: str = "body"
    frame: int = 0


@dataclass(frozen=True, slots=True)
class Attachment:
    """Bytes that travel inside a request and are a file of their own: a multipart part, a base64 member, a frame."""

    pointer: str  # where it stands, as in Segment; its texts get pointers that begin with #file
    data: bytes = field(repr=False)
    name: str = field(default="", repr=False)  # the file's name as the client gave it
    media_type: str = ""  # as the client declared it
    role: str = "user"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as its dialect reads it."""

    endpoint: Endpoint
    model: str
    stream: bool
    segments: tuple[Segment, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    tools: tuple[str, ...] = ()
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    inspection: Inspection = Inspection.INSPECTED
    reason: str = ""  # why inspection is not `inspected`
    asks_usage: bool = True  # the reply will carry usage without our asking


@dataclass(frozen=True, slots=True)
class Finding:
    """A detector's hit in one segment. Never the matched text: only where, what, and a keyed fingerprint of it."""

    detector: str  # e.g. secret/openai-key, pii/EMAIL_ADDRESS
    category: str  # secret | pii | …
    segment: int  # index into Exchange.segments
    start: int  # characters into the segment's text
    end: int
    score: float  # 0..1
    severity: str = "medium"  # low | medium | high | critical
    fingerprint: str = ""  # keyed HMAC of the matched text, hex
    direction: str = "request"  # request | response


@dataclass(frozen=True, slots=True)
class Verdict:
    """The one decision on an exchange: the strongest action of all rules that matched."""

    action: Action = Action.ALLOW
    rule_id: str = ""
    reason: str = ""  # for the audit: which rules, which detectors
    say: str = ""  # for the client, on a block
    treatments: tuple[Action, ...] = ()  # one a finding, aligned with the findings decided on
    rules: tuple[str, ...] = ()  # every rule that matched


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one exchange. ``input_tokens`` counts the whole prompt, cache reads and writes included."""

    input_tokens: int = 0
    output_tokens: int = 0  # reasoning included
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    source: str = "none"  # reported | estimated | none
    parts: tuple[tuple[str, int], ...] = ()  # what of the counts, or beside them, has a price of its own
    tier: str = ""  # batch | flex | priority | fast …: prices differ by it; "" is the usual one

    def plus(self, other: Usage) -> Usage:
        """Both as one, at the other's tier; it is estimated when either is."""
        parts = dict(self.parts)
        for name, count in other.parts:
            parts[name] = parts.get(name, 0) + count
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            "estimated" if self.source == "estimated" else other.source,
            tuple(parts.items()),
            other.tier,
        )

    def beyond(self, other: Usage) -> Usage:
        """What of this, a sum, the other doesn't hold yet; never less than nothing."""
        known = dict(other.parts)
        return Usage(
            max(self.input_tokens - other.input_tokens, 0),
            max(self.output_tokens - other.output_tokens, 0),
            max(self.cache_read_tokens - other.cache_read_tokens, 0),
            max(self.cache_write_tokens - other.cache_write_tokens, 0),
            max(self.reasoning_tokens - other.reasoning_tokens, 0),
            self.source,
            tuple((name, count - known.get(name, 0)) for name, count in self.parts if count > known.get(name, 0)),
            self.tier,
        )


NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Cost:
    """Money in integer nano-dollars; None when no price is known, and then ``price_id`` is ``unpriced``."""

    nano_usd: int | None = None
    price_id: str = "unpriced"


class Secret:
    """A credential and the hosts it may be sent to. It cannot be printed, pickled or compared by accident."""

    __slots__ = ("_value", "hosts", "name")

    def __init__(self, value: str, *, name: str = "", hosts: tuple[str, ...] = ()) -> None:
        self._value = value
        self.name = name
        self.hosts = hosts

    def reveal(self) -> str:
        """The value itself: call it only where it goes onto the wire to a bound host."""
        return self._value

    def may_go_to(self, host: str) -> bool:
        """True when ``host`` is bound: an exact name, below a ``*.`` suffix, or a ``*`` for (part of) one label."""
        host = host.lower().rstrip(".")
        return any(host == h or ("*" in h and _below_or_like(host, h)) for h in self.hosts)

    def __repr__(self) -> str:
        return f"Secret({self.name or 'unnamed'}, hidden)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")


def _below_or_like(host: str, pattern: str) -> bool:
    head, _, tail = pattern.partition("*")
    fits = len(host) > len(head) + len(tail) and host.startswith(head) and host.endswith(tail)
    return fits and (pattern.startswith("*.") or "." not in host[len(head) : len(host) - len(tail)])


@dataclass(frozen=True, slots=True)
class AuthPlace:
    """Where a provider takes its credential: a header, a query parameter, or a subprotocol of a WebSocket."""

    header: str = ""
    scheme: str = ""  # the word before it in the header, if any
    query: str = ""
    subprotocol: str = ""  # behind this word if it ends in a dot, else the one after it


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply said so far; ``text`` is bounded and kept only to estimate tokens and to inspect."""

    model: str = ""
    response_id: str = ""
    usage: Usage | None = None
    text: str = field(default="", repr=False)
    tool_calls: tuple[tuple[str, str], ...] = ()  # (call id, tool name)
    complete: bool = False  # the provider's own end mark was seen
    finish_reason: str = ""
    inspection: Inspection = Inspection.INSPECTED
    reason: str = ""
    by_model: tuple[tuple[str, Usage], ...] = ()  # a result file answers many requests: usage of each model
    usage_of: str = ""  # what the usage belongs to when it is no part of this exchange, e.g. a batch's result file
    arguments: tuple[str, ...] = field(default=(), repr=False)  # one a tool call, or none; no part of `text`


for _many in (Principal, Segment, Exchange, Finding, Verdict, Usage, Reply):  # several of each for every exchange
    quick(_many)
