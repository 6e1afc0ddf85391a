"""What is fetched may hold the usage of an earlier request: whose it is, and whether it has been counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from weir.model import NO_USAGE, Cost, Endpoint, Exchange, Reply, Usage
from weir.usage.account import Counts, Priced, settle
from weir.usage.later import Later
from weir.usage.prices import NO_CHARGE

__all__ = ["Settled", "Target", "account", "is_later", "is_slow", "noted"]

Settled = tuple[Usage, Cost, Mapping[str, str]]  # and what the record says of it

_FETCHES: Final = frozenset({"cancel", "poll", "read"})
_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
# A response is only counted when it is fetched if it was made in the background: all others have been counted.
_AWAITED: Final = frozenset({"openai_responses", "gemini_interactions", "replicate"})


class Target(NamedTuple):
    """Where an exchange went and how it ended."""

    provider: str  # weir's id of it
    path: str  # the request target
    status: int  # of the upstream's answer; 0 when there was none
    whole: bool = True  # the reply came to its end
    media: int = 0  # tokens of the request's pictures and sounds
    gone: bool = False  # its client hung up; the provider may be at work all the same


def is_later(exchange: Exchange, reply: Reply) -> bool:
    """Whether the usage of this exchange is told later, or is that of an earlier one."""
    if exchange.endpoint.operation in _FETCHES:
        return reply.usage is not None or bool(reply.by_model)
    return reply.usage is None and bool(reply.response_id) and exchange.parameters.get("background") is True


def is_slow(exchange: Exchange, reply: Reply, chars_max: int) -> bool:
    """Whether `account` has more than ``chars_max`` characters to count, or a disk to ask."""
    chars = 0
    if reply.usage is None or not reply.complete:  # of a cut stream the reply is counted whatever was reported
        chars += sum(map(len, (reply.text, *reply.arguments)))
    if reply.usage is None:
        chars += sum(len(segment.text) for segment in exchange.segments)
    return chars > chars_max or is_later(exchange, reply)


def account(exchange: Exchange, reply: Reply, target: Target, counter: Counts, prices: Priced, later: Later) -> Settled:
    """`settle` for an exchange that is over, with usage that is told later counted once. May block for a moment."""
    at, answered = datetime.now(UTC), 0 < target.status < 300 or (target.gone and not target.status)
    extra: Mapping[str, str] = {}
    if answered and is_later(exchange, reply):
        counts, extra = _counts(exchange, reply, target, later)
        if not counts:
            return NO_USAGE, NO_CHARGE, extra
    usage, cost = settle(exchange, reply, counter, prices, target.provider, at, answered=answered, media=target.media)
    return usage, cost, {**extra, **noted(usage)}


def noted(usage: Usage) -> Mapping[str, str]:
    """What a record says of a usage beside its columns: kinds with a price of their own, and the tier."""
    found = {"usage_parts": " ".join(f"{name}={count}" for name, count in usage.parts), "usage_tier": usage.tier}
    return {name: text for name, text in found.items() if text}


def _counts(exchange: Exchange, reply: Reply, target: Target, later: Later) -> tuple[bool, Mapping[str, str]]:
    endpoint = exchange.endpoint
    if endpoint.operation not in _FETCHES:
        later.expect(f"{endpoint.service}:{reply.response_id}")
        return True, {"usage_later": reply.response_id}
    name = reply.usage_of or _id_in(endpoint, target.path) or reply.response_id
    # A file that broke off says only a part; it will be fetched again.
    if not _ID.fullmatch(name) or not target.whole or target.status != 200:
        return False, {}
    if later.claim(f"{endpoint.service}:{name}", awaited=endpoint.dialect in _AWAITED):
        return True, {"usage_of": name}
    return False, {"usage_counted_before": name}


def _id_in(endpoint: Endpoint, path: str) -> str:
    """What stands in ``path`` where the operation's template has ``{id}``; the path's own prefix may be longer."""
    wanted = endpoint.path_template.strip("/").split("/")
    given = path.partition("?")[0].strip("/").split("/")
    if "{id}" not in wanted or len(given) < len(wanted):
        return ""
    return given[wanted.index("{id}") - len(wanted)]
