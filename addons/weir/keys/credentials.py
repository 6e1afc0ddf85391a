"""Finds the credentials in a request's headers and query, and puts the real key where a virtual one stood. Pure."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, unquote_plus

from weir.keys.virtual import PREFIX
from weir.model import AuthPlace

__all__ = ["Presented", "find", "fingerprint", "found_again", "kind_of", "remove", "replace"]

type Headers = list[tuple[str, str]]

_VIRTUAL = re.compile(re.escape(PREFIX) + r"[0-9A-Za-z]*", re.IGNORECASE)  # in capitals it is a damaged one
_SIGNER = re.compile(rf"Credential=({re.escape(PREFIX)}[0-9A-Za-z]+)/")
_PATH = AuthPlace(header=":path")
_SUBPROTOCOL = "sec-websocket-protocol"
_ITEMS_MAX = 100
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]+(?=\S)")
# Only these are taken for a scheme where the provider declares another: any other first word may be the key itself,
# and the scheme is shown where the value is hidden.
_OTHER_SCHEMES = frozenset({"basic", "bearer", "token", "key", "api-key", "digest", "negotiate", "aws4-hmac-sha256"})
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")


@dataclass(frozen=True, slots=True)
class Presented:
    """One credential of a request.

    ``declared``: it stands where the provider takes one, in the form it takes it. ``virtual``: it carries the prefix of
    a virtual key, whole or damaged, and must not go upstream as it is. ``index`` counts header lines, or the
    ``&``-separated parts of the query. ``replace``: a raw one that policy wants the company's key put in the place of.
    """

    place: AuthPlace
    value: str = field(repr=False)
    index: int
    declared: bool
    virtual: bool
    replace: bool = False


def find(
    headers: Sequence[tuple[str, str]], query: str, places: Sequence[AuthPlace], path: str = ""
) -> list[Presented]:
    """Every credential in ``headers`` (name, value), the raw ``query`` (without ``?``) and the ``path``, in order.

    That is whatever stands in one of the provider's ``places``, in the expected scheme or another, and every virtual
    key anywhere else: in another header, a cookie, a Basic credential, another parameter, the path.
    """
    by_header: dict[str, list[str]] = {}
    for place in places:
        if place.header:
            by_header.setdefault(place.header.lower(), []).append(place.scheme)
    parameters = {place.query for place in places if place.query}
    words = [place.subprotocol for place in places if place.subprotocol]
    found: list[Presented] = []
    for index, (name, value) in enumerate(headers):
        name = name.lower()
        chosen = bool(words) and name == _SUBPROTOCOL
        if not chosen and name not in by_header and _plain(name, value):
            continue
        behind = _in_subprotocols(index, value, words) if chosen else []
        found.extend(behind or _in_header(index, name, value, by_header.get(name)))
    for index, part in enumerate(query.split("&") if query else ()):
        found.extend(_in_parameter(index, part, parameters))
    path = unquote(path) if "%" in path else path
    found.extend(Presented(_PATH, key, -1, declared=False, virtual=True) for key in _spelled(path))
    return found


def found_again(
    presented: Iterable[Presented],
    headers: Sequence[tuple[str, str]],
    query: str,
    places: Sequence[AuthPlace],
    path: str = "",
) -> tuple[Presented, ...]:
    """`find` in what has become of the request since, with the marks that ``presented`` got: lines move when one before
    them goes, as ``content-encoding`` does with a body that policy changes."""
    marked = {(one.place, one.value) for one in presented if one.replace}
    return tuple(
        dataclasses.replace(one, replace=(one.place, one.value) in marked) for one in find(headers, query, places, path)
    )


def replace(
    headers: Sequence[tuple[str, str]], query: str, presented: Presented, secret_value: str
) -> tuple[Headers, str]:
    """Headers and query with ``secret_value`` in the place of ``presented``; all but tabs beside it stays as it was.

    Raises ValueError for a credential that is not ``declared`` (a real key must not be put into a cookie because a
    virtual one stood there: ``remove`` it, or refuse the request) and for one that is not where it was found.
    """
    if not presented.declared:
        raise ValueError("a key is only replaced in a place where the provider takes one")
    lines = list(headers)
    if presented.place.query:
        parts = query.split("&")
        name = parts[presented.index].partition("=")[0]
        parts[presented.index] = f"{name}={quote(secret_value, safe='')}"
        return lines, "&".join(parts)
    name, value = lines[presented.index]
    head, there, tail = value.rpartition(presented.value)
    if not there:
        raise ValueError("the headers are not the ones the credential was found in")
    if presented.place.scheme:  # tabs, as a client may put them, would have the company's key turned away
        head, tail = head.replace("\t", " "), tail.replace("\t", " ")
    lines[presented.index] = (name, f"{head}{secret_value}{tail}")
    return lines, query


def remove(headers: Sequence[tuple[str, str]], query: str, presented: Iterable[Presented]) -> tuple[Headers, str]:
    """Headers and query without the header lines and parameters that hold ``presented``."""
    credentials = tuple(presented)
    in_query = {credential.index for credential in credentials if credential.place.query}
    in_headers = {credential.index for credential in credentials if not credential.place.query}
    lines = [line for index, line in enumerate(headers) if index not in in_headers]
    if not in_query:
        return lines, query
    return lines, "&".join(part for index, part in enumerate(query.split("&")) if index not in in_query)


def kind_of(value: str, patterns: Iterable[tuple[re.Pattern[str], str]]) -> str:
    """What kind of credential ``value`` is: the kind of the first pattern (regex, kind) that matches all of it.

    Otherwise ``virtual``, ``jwt`` or ``unknown``.
    """
    if PREFIX in value:
        return "virtual"
    for pattern, kind in patterns:
        if pattern.fullmatch(value):
            return kind
    return "jwt" if _JWT.fullmatch(value) else "unknown"


def fingerprint(key: bytes, value: str) -> str:
    """32 hex digits of HMAC-SHA256: the same credential is recognised again, and only with ``key``."""
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def _in_header(index: int, name: str, value: str, schemes: Sequence[str] | None) -> list[Presented]:
    if schemes is None:
        keys = _virtual_in(value) or _spelled(name)
        return [Presented(AuthPlace(header=name), key, index, declared=False, virtual=True) for key in keys]
    text = value.strip(" \t")
    if not text:
        return []
    match = _SCHEME.match(text)
    word = match.group(1) if match else ""
    for scheme in schemes:
        if scheme and word.lower() == scheme.lower() and match:
            return [_presented(AuthPlace(header=name, scheme=scheme), text[match.end() :], index, declared=True)]
    if "" in schemes:
        return [_presented(AuthPlace(header=name), text, index, declared=True)]
    if match and word.lower() in _OTHER_SCHEMES:
        return [_presented(AuthPlace(header=name, scheme=word), text[match.end() :], index, declared=False)]
    return [_presented(AuthPlace(header=name), text, index, declared=False)]


def _in_subprotocols(index: int, value: str, words: Sequence[str]) -> list[Presented]:
    """The credentials among a WebSocket's subprotocols: where a browser, which sets no headers, puts a key."""
    if value.count(",") > _ITEMS_MAX:  # nobody offers so many: one credential in no known form
        return [_presented(AuthPlace(header=_SUBPROTOCOL), value, index, declared=False)]
    items = [item.strip(" \t") for item in value.split(",")]
    found = []
    for number, item in enumerate(items):
        for word in words:
            key = item[len(word) :] if word.endswith(".") and item.startswith(word) else ""
            if number and items[number - 1] == word:
                key = item
            if key:
                found.append(_presented(AuthPlace(subprotocol=word), key, index, declared=True))
    declared = "".join(presented.value for presented in found)
    odd = [key for key in _virtual_in(value) if key not in declared] if found else []
    here = AuthPlace(header=_SUBPROTOCOL)
    return [*found, *(Presented(here, key, index, declared=False, virtual=True) for key in odd)]


def _in_parameter(index: int, part: str, parameters: set[str]) -> list[Presented]:
    name, _, raw = part.partition("=")
    name, value = unquote_plus(name), unquote_plus(raw)
    place = AuthPlace(query=name or "?")
    if name in parameters:
        return [_presented(place, value, index, declared=True)] if value else []
    keys = _virtual_in(value) or _virtual_in(name)
    return [Presented(place, key, index, declared=False, virtual=True) for key in keys]


def _presented(place: AuthPlace, value: str, index: int, *, declared: bool) -> Presented:
    if place.scheme.lower() == "aws4-hmac-sha256" and (signer := _SIGNER.match(value)):
        value = signer.group(1)  # a client that can only sign has it for its access key id
    return Presented(place, value, index, declared=declared, virtual=bool(_virtual_in(value, place.scheme)))


def _plain(name: str, value: str) -> bool:
    """Whether there is nothing in a line, as in nearly all: quicker than looking for all that could be."""
    if not (name.isascii() and value.isascii()):
        return False
    value = value.lower()
    return PREFIX not in value and "basic" not in value and PREFIX not in name


def _spelled(text: str) -> list[str]:
    # Nearly every text has none, which the pattern finds out slowly: it looks at each letter in both cases.
    if text.isascii() and PREFIX not in text.lower():
        return []
    return _VIRTUAL.findall(text)


def _virtual_in(value: str, scheme: str = "") -> list[str]:
    keys = _spelled(value)
    if keys:
        return keys
    word, space, rest = value.strip(" \t").partition(" ")
    token = value if scheme.lower() == "basic" else rest if space and word.lower() == "basic" else ""
    if not token:
        return []
    # user:password in Basic hides a key from a plain search.
    try:
        return _spelled(base64.b64decode(token.strip() + "==").decode("latin-1"))
    except (binascii.Error, ValueError):
        return []
