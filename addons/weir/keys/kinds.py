"""What kind of credential a value is, and what of it stays the same from request to request. Pure.

A token's claims are read without a check of its signature, to tell its kind and for nothing else: whoever makes one up
gets nothing from the provider for it.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from weir.keys.credentials import kind_of
from weir.model import AuthPlace

__all__ = ["Foreign", "Known", "foreign_of", "known", "token_kind"]

type Patterns = Iterable[tuple[re.Pattern[str], str]]
type Foreign = tuple[tuple[re.Pattern[str], str, str], ...]  # matches a whole key, its kind, whose it is

_AWS_ID = re.compile(r"(?:^|[\s,])Credential=([A-Z0-9]{16,128})(?=/|%2F|,|$)", re.IGNORECASE)
_AWS_KINDS = {"AKIA": "aws-long-term", "ASIA": "aws-temporary"}
_KEY_ID = re.compile(r'keyId="([^"]{1,1024})"')
_CLAIMS_MAX = 16 * 1024  # characters of a token's middle part
_ENTRA = (
    "login.microsoftonline.com",
    "sts.windows.net",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
)
_SIGN_IN = ("accounts.google.com", "auth.openai.com", "auth0.openai.com")
_PERSON = ("scp", "upn", "unique_name", "preferred_username")  # in an Entra token only where a person signed in
# What a pattern begins with says whose key it is, unless half the trade begins keys like that.
_PREFIX = re.compile(r"(?:[A-Za-z0-9_-]|\\\.)+")
_COMMON = frozenset({"sk-", "sk_", "eyJ", "pa-", "up_", "fw_", "t1\\."})
_PREFIX_MIN = 3
_SEARCHED_MAX = 8192  # characters of a value in which a key is looked for


@dataclass(frozen=True, slots=True)
class Known:
    """A credential's kind, the part of it that is its own, and whose it is where that is somebody else's."""

    kind: str
    lasting: str
    of: str = ""
    within: bool = False  # more text than the key stands there

    def __repr__(self) -> str:
        return f"Known({self.kind}, hidden)"


def known(place: AuthPlace, value: str, patterns: Patterns, foreign: Foreign = ()) -> Known:
    """What ``value``, found at ``place``, is by ``patterns`` of the provider it is sent to, or by those of all others.

    Of a signature only the id of its key lasts; all else changes with every request.
    """
    scheme = place.scheme.lower()
    signed = _AWS_ID.search(value) if scheme.startswith("aws4-") or value.startswith("AWS4-") else None
    if signed:
        return _aws(signed[1])
    if place.query.lower() == "x-amz-credential":
        return _aws(value.partition("/")[0])
    if scheme == "signature":
        key_id = _KEY_ID.search(value)
        lasting = key_id[1] if key_id else value
        return Known("personal" if "ocid1.user." in lasting else "unknown", lasting)
    if scheme == "basic":  # a provider may take its key as the name or the password
        return _within(_decoded(value), patterns, foreign) or Known("basic", value)
    kind = kind_of(value, patterns)
    if kind == "jwt":
        return Known(token_kind(value), value)
    if kind == "unknown":
        for pattern, of_kind, owner in foreign:
            if pattern.fullmatch(value):
                return Known(of_kind, value, owner)
        return _within(value, patterns, foreign) or Known(kind, value)
    return Known(kind, value)


def _within(text: str, patterns: Patterns, foreign: Foreign) -> Known | None:
    """A key with quotes around it, a comma behind or the like: a lenient server takes it, so it is what it holds."""
    text = text[:_SEARCHED_MAX]
    for pattern, kind in patterns:
        if _beginning(pattern.pattern) and (match := pattern.search(text)):
            return Known(kind, match[0], within=True)
    for pattern, kind, owner in foreign:
        if match := pattern.search(text):
            return Known(kind, match[0], owner, within=True)
    return None


def _decoded(value: str) -> str:
    try:
        return b64decode(value + "=" * (-len(value) % 4)).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""


@lru_cache(maxsize=1024)
def _beginning(pattern: str) -> str:
    """The literal text that everything begins with that fits ``pattern``."""
    match = _PREFIX.match(pattern)
    return match[0] if match and "|" not in pattern else ""


def _aws(key_id: str) -> Known:
    return Known(_AWS_KINDS.get(key_id[:4].upper(), "unknown"), key_id)


def foreign_of(providers: Iterable[tuple[str, Patterns]]) -> Foreign:
    """The patterns, out of those of all providers (id, patterns), by whose beginning a key can only be theirs.

    Services of one company share a form: it is the first one's.
    """
    found: dict[str, tuple[re.Pattern[str], str, str]] = {}
    for owner, patterns in providers:
        for pattern, kind in patterns:
            prefix = _beginning(pattern.pattern)
            if len(prefix) >= _PREFIX_MIN and prefix not in _COMMON:
                found.setdefault(pattern.pattern, (pattern, kind, owner))
    return tuple(found.values())


def token_kind(value: str) -> str:
    """``oauth`` for a token from a person's sign-in, ``service-account`` for an app's own, otherwise ``jwt``."""
    claims = _claims(value)
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        return "jwt"
    if issuer.endswith(".gserviceaccount.com"):
        return "service-account"
    try:
        host = urlsplit(issuer if "//" in issuer else f"//{issuer}").hostname or ""
    except ValueError:
        return "jwt"
    if host in _ENTRA:
        person = claims.get("idtyp") != "app" and any(name in claims for name in _PERSON)
        return "oauth" if person else "service-account"
    return "oauth" if host in _SIGN_IN else "jwt"


def _claims(value: str) -> Mapping[str, object]:
    middle = value.split(".", 2)[1] if value.count(".") >= 2 else ""
    if not middle or len(middle) > _CLAIMS_MAX:
        return {}
    try:
        claims = json.loads(urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}
