"""Why virtual keys of a request can't be replaced by the real one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from weir.frozen import quick
from weir.keys.credentials import Presented
from weir.keys.live import LiveSecret
from weir.keys.virtual import VirtualKey
from weir.model import Secret

__all__ = ["UNCHECKED", "Asked", "DigestedKeyring", "Keyring", "LookedUp", "key_refusal", "refusal"]

UNCHECKED = "Virtual keys can't be checked just now, so none is taken. Try again later."
_BESIDE = "Another credential stands beside the one that the company's key would replace. Send one."
_MANY = "Too many credentials stand in this request. Send one."
_MOST = 16  # each place costs time when the company's key goes in
_WORDS = {
    "revoked": "revoked",
    "rotated": "replaced by a new one, and its time is over",
    "expired": "expired",
    "network": "not good from this network",
    "service": "not good for this service",
    "operation": "not good for this operation",
    "model": "not good for this model",
}


class Keyring(Protocol):
    """What is needed of the store of virtual keys."""

    @property
    def trouble(self) -> str:
        """Why no key can be taken now; "" when they can."""

    def lookup(self, presented: str) -> VirtualKey | None:
        """The record of a key; None when it was never issued."""


class DigestedKeyring(Keyring, Protocol):
    """One that keeps keys under digests."""

    def digest_of(self, presented: str) -> bytes | None:
        """The digest of a key; None for what is none."""

    def look_at(self, digest: bytes | None) -> VirtualKey | None:
        """As `lookup`, by the digest."""


class LookedUp:
    """A keyring in which each key is looked up once: for one step of an exchange, since it may end before the next."""

    def __init__(self, keyring: DigestedKeyring, digests: dict[str, bytes | None]) -> None:
        """``digests`` are those of keys that were looked up before, by the keys; others are added."""
        self._keyring, self._digests = keyring, digests
        self._found: dict[str, VirtualKey | None] = {}

    @property
    def trouble(self) -> str:
        """As the keyring, now."""
        return self._keyring.trouble

    def lookup(self, presented: str) -> VirtualKey | None:
        """As the keyring, when it was first asked."""
        try:
            return self._found[presented]
        except KeyError:
            if presented not in self._digests:
                self._digests[presented] = self._keyring.digest_of(presented)
            found = self._found[presented] = self._keyring.look_at(self._digests[presented])
            return found


@quick
@dataclass(frozen=True, slots=True)
class Asked:
    """What a key is wanted for, as far as it is known: None is not asked about yet."""

    service: str
    address: str | None = None
    operation: str | None = None
    model: str | None = None


def key_refusal(
    presented: Iterable[Presented], keyring: Keyring, asked: Asked, at: datetime, *, alone: bool = True
) -> str:
    """A sentence for the client, without any key in it; "" when every virtual key is good for what is asked.

    ``at`` is an aware time. ``alone``: what else stands in the provider's places would go up beside the company's key.
    """
    presented = tuple(presented)
    owner = ""
    if sum(one.virtual for one in presented) > _MOST:
        return _MANY
    for credential in presented:
        if not credential.virtual:
            continue
        if keyring.trouble:
            return UNCHECKED
        key = keyring.lookup(credential.value)
        if key is None:
            return "This virtual key is not known here."
        why = key.refusal(asked.service, at, address=asked.address, operation=asked.operation, model=asked.model)
        if why:
            return f"This virtual key can't be used here: {_WORDS[why]}."
        if not credential.declared:
            return "A virtual key stands where this service takes no credential."
        if owner not in ("", key.id):  # whose budget and limits, and whose name in the records?
            return "Two virtual keys stand in this request. Send one."
        owner = key.id
    return _BESIDE if alone and owner and _others(presented) else ""


def _others(presented: Sequence[Presented]) -> bool:
    # The company's key would go up beside a key of the client's own: which one counts is for the provider to say, and a
    # wrong one is a 401 that would have the company's key put to rest.
    return any(not (one.virtual or one.replace) for one in presented)


def refusal(
    presented: Iterable[Presented],
    keyring: Keyring,
    secret: Secret | None,
    asked: Asked,
    names: Sequence[str],
    at: datetime,
    *,
    allowed: bool = True,
    alone: bool = True,
) -> str:
    """As `key_refusal`, and why the service's real key can't go where the request goes.

    ``secret`` is the real key, ``names`` every host name that the request claims (the first is where it goes; none
    when the connection upstream is not verified TLS), ``allowed`` whether the company's key may be used for the
    operation.
    """
    presented = tuple(presented)
    why = key_refusal(presented, keyring, asked, at, alone=alone)
    if why:
        return why
    if sum(one.replace for one in presented) > _MOST:
        return _MANY
    if alone and _others(presented) and any(one.replace for one in presented):
        return _BESIDE
    if not allowed:
        return "A virtual key is good for models and what they answer, not for this operation."
    if secret is None or (isinstance(secret, LiveSecret) and not secret.available()):
        return f"No key of the company's is available for {asked.service or 'this host'}."
    if not names:
        return "A key is sent over verified TLS only."
    if len(names) != 1 or not secret.may_go_to(names[0]):
        return "The key of this service is not bound to the host of this request."
    return ""
