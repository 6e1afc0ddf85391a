"""``Proxy-Authorization: Bearer`` with a JSON Web Token: read strictly, checked with the issuer's keys.

The header is read by weir itself and decides nothing but which key is tried: the algorithm has to be one that policy
allows and that the key is for, and whatever else a header can say (`jku`, `x5u`, `jwk`, `crit`) is not followed.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jwt
import orjson

from weir.identity.claims import principal_of
from weir.identity.jwks import KID_MAX, KeyStore, VerifyKey
from weir.model import Principal

__all__ = [
    "EXPIRED",
    "NOBODY",
    "TOKEN_MAX",
    "UNREACHED",
    "Checked",
    "IssuerRules",
    "Tokens",
    "claims_of",
    "parse_bearer",
]

EXPIRED = "the token has expired"
NOBODY = "the token's claims name nobody that policy lets in"
UNREACHED = "the issuer's keys cannot be had"
TOKEN_MAX = 16 * 1024
CACHE_SIZE = 10_000
_TOKEN = re.compile(r"[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{2,}")
_HEADER_MAX = 2048  # characters of the encoded header
_DEPTH_MAX = 64


class Checked(NamedTuple):
    """What a check said: a principal, or why there is none. ``why`` quotes nothing of the token."""

    principal: Principal | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class IssuerRules:
    """What policy says of one issuer, and its keys."""

    issuer: str
    audience: tuple[str, ...]
    store: KeyStore = field(repr=False)
    algorithms: tuple[str, ...] = ("ES256", "RS256")
    leeway_s: float = 30.0
    lifetime_s_max: float = 86_400.0
    claims: Mapping[str, str] = field(default_factory=lambda: {"user": "sub"})
    teams: Mapping[str, str] = field(default_factory=dict)
    require: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    rules: IssuerRules
    generation: int
    begins: float
    ends: float


def parse_bearer(value: bytes | str) -> str | None:
    """The token in a header value; None when it is no Bearer credential in the form of a signed JWT."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    if len(text) > TOKEN_MAX:
        return None
    scheme, _, token = text.strip(" \t").partition(" ")
    token = token.strip(" \t")
    return token if scheme.lower() == "bearer" and _TOKEN.fullmatch(token) else None


class Tokens:
    """Checks tokens of the policy's issuers. ``cached`` is for the event loop, ``check`` for a worker thread."""

    def __init__(self, issuers: Sequence[IssuerRules]) -> None:
        self._issuers = {rules.issuer: rules for rules in issuers}
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def cached(self, token: str, now: float, clock: float) -> Principal | None:
        """Whose token this is if it passed before and still holds; None says nothing. ``now``: since the epoch."""
        digest = self._digest(token)
        with self._lock:
            known = self._known.get(digest)
            if known is None:
                return None
            store = known.rules.store
            # A key that the issuer took back, or keys too old to rely on, end what was checked with them as well.
            if known.generation != store.generation or not known.begins <= now < known.ends or not store.usable(clock):
                del self._known[digest]
                return None
            self._known.move_to_end(digest)
            return known.principal

    def check(self, token: str, now: float, clock: float, wait_s: float = 0.0) -> Checked:
        """Whose token this is, or why nobody's. ``now`` is seconds since the epoch, ``clock`` those of the key stores.

        A key id not seen before waits up to ``wait_s`` seconds for a fetch that it has set off.
        """
        header = _header(token)
        if isinstance(header, str):
            return Checked(None, header)
        alg, kid = header
        rules = self._issuers.get(_issuer(token))
        if rules is None:
            return Checked(None, "the token is of no issuer that policy names")
        if alg not in rules.algorithms:
            return Checked(None, "the token's algorithm is not allowed")
        generation = rules.store.generation
        pending = rules.store.pending()
        key = rules.store.find(kid, alg, clock)
        # Only who has set a fetch off waits for it, so once a minute at most: else whoever makes up key ids while the
        # issuer hangs would keep the worker from everybody.
        if key is None and wait_s > 0 and not pending and rules.store.pending() and rules.store.wait(wait_s):
            generation = rules.store.generation
            key = rules.store.find(kid, alg, clock)
        if key is None:
            usable = rules.store.usable(clock)
            return Checked(None, "the issuer has no such key" if usable else UNREACHED)
        return self._verify(token, rules, key, alg, now, generation)

    def _verify(self, token: str, rules: IssuerRules, key: VerifyKey, alg: str, now: float, generation: int) -> Checked:
        try:
            # Times are checked below, against the clock we were given; everything else by the library.
            claims: dict[str, Any] = jwt.decode(
                token,
                key=key.key,
                algorithms=[alg],
                audience=list(rules.audience),
                issuer=rules.issuer,
                options={
                    "require": ["exp", "iat", "iss", "aud"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "strict_aud": False,
                },
            )
        except jwt.InvalidSignatureError:
            return Checked(None, "the token's signature is wrong")
        except jwt.InvalidAudienceError:
            return Checked(None, "the token is for another audience")
        except jwt.MissingRequiredClaimError:
            return Checked(None, "the token lacks a claim that every token needs")
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return Checked(None, "the token cannot be read")
        span = _times(claims, rules, now)
        if isinstance(span, str):
            return Checked(None, span)
        principal = principal_of(claims, rules.claims, rules.teams, rules.require)
        if principal is None:
            return Checked(None, NOBODY)
        with self._lock:
            self._known[self._digest(token)] = _Known(principal, rules, generation, *span)
            if len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)
        return Checked(principal)

    def _digest(self, token: str) -> bytes:
        return hmac.digest(self._secret, token.encode("latin-1", "replace"), "sha256")


def _times(claims: Mapping[str, Any], rules: IssuerRules, now: float) -> tuple[float, float] | str:
    """From when until when the token holds, the allowance for clocks included; or what is wrong with its times."""
    values = [claims["exp"], claims["iat"], claims.get("nbf", claims["iat"])]
    if any(isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11 for value in values):
        return "the token's times cannot be read"
    expires, issued, begins = (float(value) for value in values)
    if now >= expires + rules.leeway_s:
        return EXPIRED
    if now < max(begins, issued) - rules.leeway_s:
        return "the token is not valid yet"
    if expires - issued > rules.lifetime_s_max:
        return "the token lives longer than policy allows"
    return max(begins, issued) - rules.leeway_s, expires + rules.leeway_s


def _header(token: str) -> tuple[str, str | None] | str:
    """(algorithm, key id) of a token, or what is wrong with its header."""
    encoded = token.partition(".")[0]
    if len(token) > TOKEN_MAX or len(encoded) > _HEADER_MAX or not _TOKEN.fullmatch(token):
        return "the token is too large or malformed"
    header = _json(encoded)
    if header is None:
        return "the token's header cannot be read"
    if "crit" in header or header.get("b64", True) is not True:
        return "the token asks for an extension that weir does not know"
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or not (kid is None or (isinstance(kid, str) and 0 < len(kid) <= KID_MAX)):
        return "the token's header names no usable algorithm or key"
    return alg, kid


def claims_of(token: str) -> dict[str, Any]:
    """What a token claims, unchecked; nothing when that cannot be read."""
    return (_json(token.split(".")[1]) if _TOKEN.fullmatch(token) else None) or {}


def _issuer(token: str) -> str:
    """The issuer that a token claims, unchecked: good for choosing whose keys are tried, and for nothing else."""
    issuer = claims_of(token).get("iss")
    return issuer if isinstance(issuer, str) else ""


def _json(encoded: str) -> dict[str, Any] | None:
    try:
        data = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        # Depth is what makes a small text expensive, or fatal, for a recursive reader.
        if data.count(b"[") + data.count(b"{") > _DEPTH_MAX * 16:
            return None
        value = orjson.loads(data)
    except (binascii.Error, ValueError):
        return None
    return value if isinstance(value, dict) else None
