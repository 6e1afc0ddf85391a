"""Why virtual keys of a request can't be replaced by the real one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from weir.keys.credentials import Presented
from weir.keys.live import LiveSecret
from weir.keys.virtual import VirtualKey
from weir.model import Secret

__all__ = ["Keyring", "refusal"]


class Keyring(Protocol):
    """What is needed of the store of virtual keys."""

    def lookup(self, presented: str) -> VirtualKey | None:
        """The record of a key; None when it was never issued."""


def refusal(
    presented: Iterable[Presented],
    keyring: Keyring,
    secret: Secret | None,
    service_id: str,
    names: Sequence[str],
    at: datetime,
    *,
    allowed: bool = True,
) -> str:
    """A sentence for the client, without any key in it; "" when every virtual key may be replaced.

    ``secret`` is the service's real key, ``names`` every host name that the request claims (the first is where it
    goes; none when the connection upstream is not verified TLS), ``at`` an aware time, ``allowed`` whether the
    company's key may be used for the operation. Credentials that are not virtual do not matter here.
    """
    for credential in presented:
        if not credential.virtual:
            continue
        key = keyring.lookup(credential.value)
        if key is None:
            return "This virtual key is not known here."
        why = key.refusal(service_id, at)
        if why:
            return f"This virtual key can't be used here: {why}."
        if not credential.declared:
            return "A virtual key stands where this service takes no credential."
    if not allowed:
        return "A virtual key is good for models and what they answer, not for this operation."
    if secret is None or (isinstance(secret, LiveSecret) and not secret.available()):
        return f"No key of the company's is available for {service_id or 'this host'}."
    if not names:
        return "A key is sent over verified TLS only."
    if len(names) != 1 or not secret.may_go_to(names[0]):
        return "The key of this service is not bound to the host of this request."
    return ""
