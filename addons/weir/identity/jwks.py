"""An issuer's public keys: which ones of a JWKS document are fit for use, and how long the last good ones hold."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from jwt import PyJWK
from jwt.exceptions import PyJWTError

__all__ = ["DOCUMENT_MAX", "JwksError", "KeyStore", "VerifyKey", "parse_jwks"]

DOCUMENT_MAX = 512 * 1024  # bytes
KEYS_MAX = 100
RSA_BITS_MIN = 2048
KID_MAX = 256
EARLIEST_S = 60.0  # between two fetches that strange key ids ask for
RETRY_S = 30.0

_FITS: Mapping[str, frozenset[str]] = {
    "RSA": frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
    "P-256": frozenset({"ES256"}),
    "P-384": frozenset({"ES384"}),
    "Ed25519": frozenset({"EdDSA"}),
}


class JwksError(ValueError):
    """Keys cannot be fetched or read. One line without content of the answer."""


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """One public key and the signatures it may check. ``alg`` in the document narrows what its kind allows."""

    kid: str
    algorithms: frozenset[str]
    key: Any = field(repr=False)  # a public key object of `cryptography`


def parse_jwks(data: bytes) -> tuple[VerifyKey, ...]:
    """The usable keys of a JWKS document. Raises JwksError when it is none, or when nothing in it is usable.

    Left out are symmetric keys, short RSA keys, keys that are not for signatures, kinds nobody asked for, and all that
    share one id, as nobody knows which is meant: none of them must keep the others from being used.
    """
    if len(data) > DOCUMENT_MAX:
        raise JwksError(f"the key set is larger than {DOCUMENT_MAX} bytes")
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise JwksError("the key set is not JSON") from None
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > KEYS_MAX:
        raise JwksError(f"the key set has no list of at most {KEYS_MAX} keys")
    found = tuple(key for key in map(_key, entries) if key is not None)
    if not found:
        raise JwksError("the key set has no usable key")
    named = Counter(key.kid for key in found if key.kid)
    clear = tuple(key for key in found if named[key.kid] < 2)
    if not clear:
        raise JwksError("the key set has two keys of the same id, and no other")
    return clear


def _key(entry: object) -> VerifyKey | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    operations = entry.get("key_ops")
    if isinstance(operations, list) and "verify" not in operations:
        return None
    kty, curve = entry.get("kty"), entry.get("crv")
    kind = "RSA" if kty == "RSA" else str(curve) if [kty, curve] in _CURVES else ""
    if kind not in _FITS:
        return None
    # Only the public members are read: whoever publishes a private key by mistake has not made weir hold it.
    public = {name: entry[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in entry}
    fits = _FITS[kind]
    try:
        key = PyJWK(public, algorithm=sorted(fits)[0]).key
    except (PyJWTError, ValueError, TypeError, AttributeError):
        return None
    if kind == "RSA" and key.key_size < RSA_BITS_MIN:
        return None
    alg, kid = entry.get("alg"), entry.get("kid", "")
    narrowed = fits if alg is None else fits & {alg} if isinstance(alg, str) else frozenset()
    if not narrowed or not isinstance(kid, str) or len(kid) > KID_MAX:
        return None
    return VerifyKey(kid, narrowed, key)


_CURVES = (["EC", "P-256"], ["EC", "P-384"], ["OKP", "Ed25519"])  # lists: what a document says may not be hashable


class KeyStore:
    """The keys of one issuer, filled by a fetcher thread and read by whoever checks a token.

    Times are seconds of a monotonic clock. ``refresh_s`` after a fetch the next one is due; ``cache_s`` after it the
    keys hold no more, and every token is refused until a fetch succeeds.
    """

    def __init__(self, refresh_s: float, cache_s: float) -> None:
        self._refresh_s, self._cache_s = refresh_s, cache_s
        self._changed = threading.Condition()
        self._keys: tuple[VerifyKey, ...] = ()
        self._fetched: float | None = None
        self._tried: float | None = None
        self._wanted = False
        self._fetching = False
        self.generation = 0  # grows with every change of the keys
        self.problem = "the issuer's keys have not been fetched yet"

    def usable(self, now: float) -> bool:
        """Whether the keys may still be relied on."""
        return self._fetched is not None and now - self._fetched < self._cache_s

    def find(self, kid: str | None, alg: str, now: float) -> VerifyKey | None:
        """The key of that id for that signature. Without an id there has to be exactly one that fits.

        An unknown id asks the fetcher for new keys, at most once in ``EARLIEST_S`` seconds.
        """
        with self._changed:
            if not self.usable(now):
                return None
            fitting = [key for key in self._keys if alg in key.algorithms]
            if kid is None:
                return fitting[0] if len(fitting) == 1 else None
            for key in fitting:
                if key.kid == kid:
                    return key
            if self._tried is None or now - self._tried >= EARLIEST_S:
                self._wanted = True
                self._changed.notify_all()
            return None

    def due(self, now: float) -> float:
        """Seconds until the fetcher should fetch; 0.0 at once."""
        with self._changed:
            if self._tried is None or self._wanted:
                return 0.0
            failing = self._fetched is None or self._tried > self._fetched
            return max(0.0, self._tried + (RETRY_S if failing else self._refresh_s) - now)

    def pending(self) -> bool:
        """Whether new keys were asked for, or are on their way."""
        with self._changed:
            return self._wanted or self._fetching or self._tried is None

    def begin(self) -> None:
        """The fetcher sets out."""
        with self._changed:
            self._wanted, self._fetching = False, True

    def inherit(self, other: KeyStore) -> None:
        """Begin with what another store of the same issuer holds, as old as it is: a changed policy forgets no keys."""
        with other._changed:
            held = (other._keys, other._fetched, other._tried, other.problem)
        with self._changed:
            self._keys, self._fetched, self._tried, self.problem = held

    def took(self, keys: Iterable[VerifyKey], now: float) -> None:
        """A fetch succeeded. Keys that are gone are gone at once: that is how an issuer revokes one."""
        with self._changed:
            fresh = tuple(keys)
            if _public(fresh) != _public(self._keys):
                self.generation += 1
            self._keys, self._fetched, self._tried = fresh, now, now
            self._fetching, self.problem = False, ""
            self._changed.notify_all()

    def failed(self, problem: str, now: float) -> None:
        """A fetch failed; the last keys hold until they expire."""
        with self._changed:
            self._tried, self._fetching, self.problem = now, False, problem
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """For a worker thread: wait for a fetch that is on its way; False when none came in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._wanted or self._fetching or self._tried is None), timeout_s
            )

    def sleep(self, timeout_s: float) -> None:
        """For the fetcher thread: until new keys are asked for, or the time is up."""
        with self._changed:
            if not self._wanted:
                self._changed.wait(timeout_s)


def _public(keys: tuple[VerifyKey, ...]) -> list[tuple[str, frozenset[str], Any]]:
    return [
        (
            key.kid,
            key.algorithms,
            key.key.public_numbers() if hasattr(key.key, "public_numbers") else key.key.public_bytes_raw(),
        )
        for key in keys
    ]
