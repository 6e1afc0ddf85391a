"""Every credential of a request that is no virtual key: which kind, which one again, and where it stands. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from weir.keys.credentials import Presented, find, fingerprint
from weir.keys.kinds import Foreign, known
from weir.model import AuthPlace

__all__ = ["LISTED_MAX", "SIGNED", "Raw", "listed", "raw_credentials"]

SIGNED = "its client has signed the request with it"
LISTED_MAX = 8  # credentials of one request that are kept beside its first
_FOREIGN_MAX = 16  # and looked up among other providers' forms
_COOKIES_MAX = 16

# Where credentials stand in general. A provider that names none of these may still be sent one there.
ANYWHERE = (
    AuthPlace(header="authorization", scheme="Bearer"),
    *(AuthPlace(header=name) for name in ("x-api-key", "api-key", "x-goog-api-key", "xi-api-key", "x-key")),
    *(AuthPlace(query=name) for name in ("key", "api_key", "apikey", "api-key", "access_token", "X-Amz-Credential")),
    AuthPlace(subprotocol="openai-insecure-api-key."),
)
_SUBPROTOCOL = "sec-websocket-protocol"
_TOLD = frozenset({"jwt", "oauth", "unknown"})  # what a page's token is when its form says no more


@dataclass(frozen=True, slots=True)
class Raw:
    """One raw credential, without its value."""

    kind: str
    fingerprint: str
    place: AuthPlace
    at: tuple[int, ...] = ()  # positions among the presented ones; none for one that stands elsewhere
    of: str = ""  # the provider whose it is by its form, where that is another than the one it goes to
    why_not: str = ""  # why no other key can take its place


def raw_credentials(
    headers: Sequence[tuple[str, str]],
    query: str,
    presented: Sequence[Presented],
    places: Sequence[AuthPlace],
    patterns: Sequence[tuple[re.Pattern[str], str]],
    foreign: Foreign,
    key: bytes,
    *,
    cookies: Sequence[str] = (),
    page: bool = False,
) -> tuple[Raw, ...]:
    """All raw credentials in ``headers`` and the raw ``query``, each once: the provider's places first.

    ``presented`` is what `find` gave for the provider's ``places``, ``patterns`` are its forms, ``foreign`` all
    others'; ``cookies`` are globs of names that hold a sign-in, ``page`` says that the provider is a web app.
    """
    found: dict[tuple[str, str], Raw] = {}
    # Only lines that may hold one: the rest has been looked through for virtual keys already.
    others, names = _others(tuple(places))
    lines = [line for line in headers if line[0].lower() in names]
    elsewhere = find(lines, query, others) if lines or query else ()
    for at, credential in [*(((n,), one) for n, one in enumerate(presented)), *(((), one) for one in elsewhere)]:
        if not credential.virtual:
            known_forms = foreign if len(found) < _FOREIGN_MAX else ()
            _add(found, _raw(credential, at, patterns, known_forms, key, page=page))
    for value in _sessions(headers, cookies):
        _add(found, Raw("session", fingerprint(key, value), AuthPlace(header="cookie"), why_not="it is a cookie"))
    return tuple(found.values())


@lru_cache(maxsize=256)
def _others(places: tuple[AuthPlace, ...]) -> tuple[tuple[AuthPlace, ...], frozenset[str]]:
    """The other places, and the headers in which they are."""
    taken = {(place.header.lower(), place.query, place.subprotocol) for place in places}
    others = tuple(place for place in ANYWHERE if (place.header, place.query, place.subprotocol) not in taken)
    return others, frozenset(place.header or _SUBPROTOCOL for place in others if place.header or place.subprotocol)


def _raw(
    credential: Presented,
    at: tuple[int, ...],
    patterns: Sequence[tuple[re.Pattern[str], str]],
    foreign: Foreign,
    key: bytes,
    *,
    page: bool,
) -> Raw:
    what = known(credential.place, credential.value, patterns, foreign)
    kind = "session" if page and what.kind in _TOLD else what.kind
    why_not = ""
    if not at or not credential.declared:
        why_not = "it stands where this service takes no key"
    elif what.lasting != credential.value and not what.within:
        why_not = SIGNED
    return Raw(kind, fingerprint(key, what.lasting), credential.place, at, what.of, why_not)


def _add(found: dict[tuple[str, str], Raw], raw: Raw) -> None:
    """The same credential twice is one, in two places: when it has to stay in one of them, it stays in both."""
    first = found.get((raw.kind, raw.fingerprint))
    if first is not None:
        raw = replace(first, at=(*first.at, *raw.at), why_not=first.why_not or raw.why_not)
    found[raw.kind, raw.fingerprint] = raw


@lru_cache(maxsize=64)
def _cookie(names: tuple[str, ...]) -> re.Pattern[str]:
    """Finds the cookies of these names (globs) in a line of them, which may be long."""
    globs = "|".join("[^=;]*".join(map(re.escape, name.split("*"))) for name in names)
    return re.compile(rf"(?:^|;)[ \t]*({globs})=([^;]+)")


def _sessions(headers: Iterable[tuple[str, str]], names: Sequence[str]) -> list[str]:
    if not names:
        return []
    pattern = _cookie(tuple(names))
    found = [pair for name, line in headers if name.lower() == "cookie" for pair in pattern.findall(line)]
    # A long session comes in numbered pieces: together they are one.
    sessions: dict[str, str] = {}
    for name, value in sorted(found)[:_COOKIES_MAX]:
        stem, dot, number = name.rpartition(".")
        whole = stem if dot and number.isdigit() else name
        sessions[whole] = sessions.get(whole, "") + value
    return list(sessions.values())


def listed(raw: Sequence[Raw]) -> Mapping[str, str]:
    """What the audit keeps beside the first one's columns: the others as ``kind:fingerprint[:provider]``."""
    told = {}
    if raw and raw[0].of:
        told["credential_of"] = raw[0].of
    more = [":".join(filter(None, (one.kind, one.fingerprint, one.of))) for one in raw[1 : LISTED_MAX + 1]]
    if more:
        told["credentials"] = " ".join(more)
    if len(raw) > LISTED_MAX + 1:
        told["credentials_more"] = str(len(raw) - LISTED_MAX - 1)
    return told
