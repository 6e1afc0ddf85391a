"""What of a recorded exchange stands around its bodies: the request's target, what headers say of bodies, the time.

Read as a running weir reads them, and total: a recording may hold anything.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from weir.dlp.replies.reply import segment_of
from weir.model import Segment
from weir.providers.requests.target import target_texts

if TYPE_CHECKING:
    from weir.cli.inspecting import Inspected
    from weir.dlp.core.engine import Engine
    from weir.providers.services.provider import Provider

__all__ = ["moment", "texts_of_target", "unseen_reply", "without_finds"]

_HIDDEN: Final = "[hidden]"
_BINARY: Final = ("image/", "audio/", "video/", "application/octet-stream", "application/pdf", "application/zip")
_SECONDS_MAX: Final = 253_402_300_799  # the last of the year 9999


def texts_of_target(method: str, target: str, template: str, provider: Provider | None) -> tuple[Segment, ...]:
    """What the request target says, but for the provider's own key in the place that it has in the query."""
    names = {place.query for place in (provider.auth if provider else ()) if place.query}
    patterns = provider.key_patterns if provider else ()
    return target_texts(method, target, template, names, lambda value: any(p.fullmatch(value) for p, _ in patterns))


def unseen_reply(content_type: str) -> str:
    """Why a reply of this type is not seen whole; "" when it is."""
    kind = content_type.partition(";")[0].strip().lower()
    return f"reply is {kind.partition('/')[0]}" if kind.startswith(_BINARY) else ""


def moment(at: float) -> datetime:
    """Seconds since the epoch as a time; the epoch itself for what is none."""
    return datetime.fromtimestamp(at if 0 <= at <= _SECONDS_MAX else 0, UTC)


def without_finds(line: Inspected, engine: Engine) -> Inspected:
    """``line`` without names in which a detector finds something: a client may call a tool whatever it likes.

    Of hosts and methods only those that hold a secret are hidden: an address is what a host has to be.
    """

    def plain(name: str, *, secrets: bool = False) -> str:
        found = engine.scan(segment_of(name)).findings if name else ()
        return _HIDDEN if any(not secrets or finding.category == "secret" for finding in found) else name

    return replace(
        line,
        method=plain(line.method, secrets=True),
        host=plain(line.host, secrets=True),
        service=plain(line.service, secrets=True),
        model=plain(line.model),
        tools=tuple(map(plain, line.tools)),
        calls=tuple(map(plain, line.calls)),
    )
