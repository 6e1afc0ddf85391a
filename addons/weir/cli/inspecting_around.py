"""What of a recorded exchange stands around its bodies: the request's target, what headers say of bodies, the time.

Read as a running weir reads them, and total: a recording may hold anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from weir.dlp.replies.reply import segment_of
from weir.model import Segment
from weir.providers.wire.words import SHORT, is_plain_word

if TYPE_CHECKING:
    from weir.cli.inspecting import Inspected
    from weir.dlp.core.engine import Engine
    from weir.providers.services.provider import Provider

__all__ = ["charset_problem", "moment", "target_texts", "unseen_reply", "without_finds"]

_HIDDEN: Final = "[hidden]"
_URL: Final = "#url"
_DECODINGS: Final = 3  # times that percent encoding is undone: each server on the way may do it once
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";,]*)", re.IGNORECASE)
_BINARY: Final = ("image/", "audio/", "video/", "application/octet-stream", "application/pdf", "application/zip")
_SECONDS_MAX: Final = 253_402_300_799  # the last of the year 9999


def target_texts(method: str, target: str, path_template: str, provider: Provider | None) -> tuple[Segment, ...]:
    """What the request target says beyond the operation's own path, and a method that is none.

    Left out is the provider's own key in the place that it has in the query.
    """
    path, _, query = target.partition("?")
    texts = [] if method.isascii() and method.isalpha() and len(method) <= 7 else [method]
    if path != path_template:
        texts.append(path)
    places = {place.query for place in (provider.auth if provider else ()) if place.query}
    patterns = provider.key_patterns if provider else ()
    for part in query.split("&"):
        name, _, value = part.partition("=")
        texts.append(name)
        if unquote(name) not in places or not any(p.fullmatch(unquote(value)) for p, _ in patterns):
            texts.append(value)
    lines = dict.fromkeys(line for text in texts for line in _readings(text))
    text = "\n".join(line for line in lines if len(line) >= SHORT and not is_plain_word(line))
    return (Segment(_URL, "parameter", text, part="url"),) if text else ()


def _readings(text: str) -> Iterator[str]:
    for _ in range(_DECODINGS):
        coded, text = text, unquote(text)
        yield text.replace("+", " ")
        yield text
        if text == coded:
            return


def charset_problem(headers: Sequence[tuple[str, str]]) -> str:
    """Why a body can't be read, by what its content type says of it; "" when it can."""
    named = (word for name, value in headers if name.lower() == "content-type" for word in _CHARSET.findall(value))
    return "" if all(word.lower() in ("utf-8", "utf8") for word in named) else "charset other than UTF-8"


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
