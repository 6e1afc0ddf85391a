"""What happened on an invented network in three days, and what a log that saw it must come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol

__all__ = ["AI", "NOISE", "Event", "Sample", "Seen", "events", "seconds", "tally"]

SECOND = 1_000_000
START = 1_794_816_000 * SECOND  # 2026-11-16 08:00:00 UTC; three days follow, and two midnights

# Hosts of services that are in the catalogue, under a name of their own.
AI = (
    "chatgpt.com",
    "api.openai.com",
    "claude.ai",
    "api.anthropic.com",
    "chat.deepseek.com",
    "www.perplexity.ai",
    "api.mistral.ai",
    "gemini.google.com",
)
NOISE = (
    "www.example.org",
    "intranet.corp.example",
    "login.bank.example",
    "cdn.shop.example",
    "xn--mnchen-3ya.example",
    "updates.vendor.example",
    "mail.corp.example",
    "not-openai.com.example",
)
PEOPLE = (
    ("alice", "LAP-0417", "Finance", "10.20.1.17"),
    ("bob", "LAP-0533", "Research & Development", "10.20.7.5"),
    ("zoë", "WS-ZÜRICH-9", "Legal, Risk", "2001:db8:20::31"),
    ("dmitri", "MAC-771", "Sales", "10.20.9.240"),
    ("", "", "", "10.20.30.4"),  # nobody logged in
)
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "OpenAI/Python 1.109.1",
    "curl/8.9.1",
)


@dataclass(frozen=True)
class Event:
    """One request or connection, as far as one log can tell it. ``at`` is µs since the epoch, None: never said."""

    at: int
    host: str
    path: str
    user: str
    device: str
    department: str
    source: str
    blocked: bool
    up: int | None
    down: int | None
    agent: str

    def without(self, *names: str) -> Event:
        """The same by a log which lacks these columns."""
        gone: dict[str, str | int | bool | None] = {"up": None, "down": None, "blocked": False}
        return replace(self, **{name: gone.get(name, "") for name in names})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Sample:
    """A log: its format's name, what it is in particular, its bytes, what can be read there, and how much is junk."""

    format: str
    name: str
    content: bytes = field(repr=False)
    told: tuple[Event, ...] = field(repr=False)
    rejected: int = 0  # lines that name no destination, or are no line of this format
    dated: bool = True  # False: the log's times lack a year


@dataclass
class Seen:
    """All that is known of a host's use."""

    requests: int = 0
    blocked: int = 0
    users: set[str] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)
    departments: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    up: int | None = None
    down: int | None = None
    first: int = 0
    last: int = 0


class Used(Protocol):
    """The part of ``weir.logs.use.Use`` that is compared."""

    host: str
    user: str
    device: str
    department: str
    source: str
    action: str
    requests: int
    first: int
    last: int
    bytes_up: int | None
    bytes_down: int | None


def events(seed: int, many: int = 60) -> list[Event]:
    """``many`` events in the order of their time, a third of them of AI services, every AI host at least twice."""
    rng = Random(seed)
    at = START
    made = []
    for number in range(many):
        at += rng.randrange(SECOND, 2 * 3 * 86_400 * SECOND // many)
        host = AI[(number // 3) % len(AI)] if number % 3 == 0 else rng.choice(NOISE)
        user, device, department, source = rng.choice(PEOPLE)
        made.append(
            Event(
                at,
                host,
                rng.choice(("/", "/v1/messages", "/search?q=a,b&c=%22d%22", "/a%20b")),
                user,
                device,
                department,
                source,
                rng.random() < 0.2,
                rng.randrange(200, 90_000),
                rng.randrange(0, 5_000_000),
                rng.choice(AGENTS),
            )
        )
    return made


def seconds(event: Event, per: int = 1) -> Event:
    """The event by a clock of 1/``per`` seconds."""
    unit = SECOND // per
    return replace(event, at=event.at // unit * unit)


def tally(told: Iterable[Event] | None = None, uses: Iterable[Used] | None = None) -> dict[str, Seen]:
    """By host, what events or uses come to; the two are equal when a log was read rightly."""
    seen: dict[str, Seen] = {}
    for event in told or ():
        one = seen.setdefault(event.host, Seen())
        _add(one, event.user.lower(), event.device, event.department, event.source)
        _count(one, 1, event.blocked, event.up, event.down, event.at, event.at)
    for use in uses or ():
        one = seen.setdefault(use.host, Seen())
        _add(one, use.user, use.device, use.department, use.source)
        _count(one, use.requests, use.action == "blocked", use.bytes_up, use.bytes_down, use.first, use.last)
    return seen


def _add(one: Seen, user: str, device: str, department: str, source: str) -> None:
    for known, value in (
        (one.users, user),
        (one.devices, device),
        (one.departments, department),
        (one.sources, source),
    ):
        if value:
            known.add(value)


def _count(one: Seen, many: int, blocked: bool, up: int | None, down: int | None, first: int, last: int) -> None:
    one.requests += many
    one.blocked += many if blocked else 0
    one.up = one.up if up is None else (one.up or 0) + up
    one.down = one.down if down is None else (one.down or 0) + down
    one.first = min(one.first or first, first)
    one.last = max(one.last, last)
