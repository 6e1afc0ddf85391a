"""One token tried against an issuer's rules, keys fetched on the spot: for an operator, not for the request path."""

from __future__ import annotations

import time
from collections.abc import Sequence

from weir.identity.build import issuer_rules
from weir.identity.claims import principal_of
from weir.identity.fetch import fetch_keys
from weir.identity.jwks import JwksError
from weir.identity.tokens import NOBODY, IssuerRules, Tokens, claims_of
from weir.model import Principal
from weir.sections_identity import Issuer

__all__ = ["TryError", "issuer_of", "try_token"]

_NAMES_MAX = 40


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
        raise TryError(f"{why}: {_lacks(rules, token)}" if why == NOBODY else why)
    return principal


def issuer_of(token: str, issuers: Sequence[Issuer]) -> Issuer:
    """The one of ``issuers`` that ``token`` says it is of. Raises TryError."""
    claimed = claims_of(token).get("iss")
    found = next((one for one in issuers if one.issuer == claimed), None)
    if found is None:
        raise TryError("the token is of no issuer that the policy names; compare its iss with identity.issuers")
    return found


def _lacks(rules: IssuerRules, token: str) -> str:
    """What a checked token lacks, by the names of claims: no value of one is told."""
    claims = claims_of(token)
    if principal_of(claims, rules.claims, {}, {}) is None:
        wanted = [f"{field} from {rules.claims[field]}" for field in ("user", "app") if field in rules.claims]
        lacks = f"{' and '.join(wanted)} is not there, or is no text"
    else:
        asked = rules.require.items()
        other = [name for name, value in asked if principal_of(claims, rules.claims, {}, {name: value}) is None]
        lacks = f"require wants another value of {', '.join(other)}"
    return f"{lacks}; its claims are {', '.join(sorted(claims)[:_NAMES_MAX])}"
