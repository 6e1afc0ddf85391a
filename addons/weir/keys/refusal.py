"""Why virtual keys of a request can't be replaced by the real one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from weir.keys.credentials import Presented
from weir.keys.live import LiveSecret
from weir.keys.virtual import VirtualKey
from weir.model import Secret

__all__ = ["UNCHECKED", "Asked", "Keyring", "key_refusal", "refusal"]

UNCHECKED = "Virtual keys can't be checked just now, so none is taken. Try again later."
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


@dataclass(frozen=True, slots=True)
class Asked:
    """What a key is wanted for, as far as it is known: None is not asked about yet."""

    service: str
    address: str | None = None
    operation: str | None = None
    model: str | None = None


def key_refusal(presented: Iterable[Presented], keyring: Keyring, asked: Asked, at: datetime) -> str:
    """A sentence for the client, without any key in it; "" when every virtual key is good for what is asked.

    ``at`` is an aware time. Credentials that are not virtual do not matter here.
    """
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
    return ""


def refusal(
    presented: Iterable[Presented],
    keyring: Keyring,
    secret: Secret | None,
    asked: Asked,
    names: Sequence[str],
    at: datetime,
    *,
    allowed: bool = True,
) -> str:
    """As `key_refusal`, and why the service's real key can't go where the request goes.

    ``secret`` is the real key, ``names`` every host name that the request claims (the first is where it goes; none
    when the connection upstream is not verified TLS), ``allowed`` whether the company's key may be used for the
    operation.
    """
    why = key_refusal(presented, keyring, asked, at)
    if why:
        return why
    if not allowed:
        return "A virtual key is good for models and what they answer, not for this operation."
    if secret is None or (isinstance(secret, LiveSecret) and not secret.available()):
        return f"No key of the company's is available for {asked.service or 'this host'}."
    if not names:
        return "A key is sent over verified TLS only."
    if len(names) != 1 or not secret.may_go_to(names[0]):
        return "The key of this service is not bound to the host of this request."
    return ""
