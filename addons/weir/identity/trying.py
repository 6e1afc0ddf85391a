"""One token tried against an issuer's rules, keys fetched on the spot: for an operator, not for the request path."""

from __future__ import annotations

import time

from weir.identity.build import issuer_rules
from weir.identity.fetch import fetch_keys
from weir.identity.jwks import JwksError
from weir.identity.tokens import Tokens
from weir.model import Principal
from weir.sections_identity import Issuer

__all__ = ["TryError", "try_token"]


class TryError(ValueError):
    """The token names nobody; the message says why and quotes nothing of it."""


def try_token(given: Issuer, token: str) -> Principal:
    """Whom ``token`` stands for by the rules of ``given``. Raises TryError. Takes up to some ten seconds."""
    rules = issuer_rules(given)
    clock = time.monotonic()
    try:
        rules.store.took(fetch_keys(given.issuer, given.jwks), clock)
    except JwksError as error:
        raise TryError(f"the issuer's keys cannot be had: {error}") from None
    principal, why = Tokens([rules]).check(token, time.time(), clock)
    if principal is None:
        raise TryError(why)
    return principal
