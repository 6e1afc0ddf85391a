"""Whoever says who is calling: can the issuers of tokens and the directory be reached, do the CAs still hold."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weir.cli.checkup import Result, fail, ok, warn
from weir.cli.output import many

if TYPE_CHECKING:
    from weir.sections_identity import Issuer, Ldap
    from weir.settings import Settings

__all__ = ["certificates", "directory", "issuers"]

TIMEOUT_S = 5.0
SOON = timedelta(days=30)


def issuers(settings: Settings, data: Path) -> Iterator[Result]:
    """Whether each issuer's keys can be fetched, with the roots that the weir of ``data`` trusts."""
    roots = data / "run" / "upstream-roots.pem"
    for one in settings.identity.issuers:
        yield _issuer(one, roots if roots.is_file() else None)


def _issuer(given: Issuer, roots: Path | None) -> Result:
    from weir.identity.fetch import fetch_keys, get
    from weir.identity.jwks import JwksError

    try:
        keys = fetch_keys(given.issuer, given.jwks, partial(get, ca=roots, timeout_s=TIMEOUT_S))
    except JwksError as error:
        remedy = f"make it reachable from here: its tokens are refused {given.cache_h} h after it was last reached"
        return fail("issuer", f"{given.issuer}: {error}", remedy)
    usable = sum(bool(key.algorithms & set(given.algorithms)) for key in keys)
    if not usable:
        named = " or ".join(given.algorithms)
        remedy = "name the algorithms that it signs with under identity.issuers[].algorithms"
        return fail("issuer", f"{given.issuer}: none of its {len(keys)} keys is for {named}", remedy)
    return ok("issuer", f"{given.issuer}: {many(usable, 'key')}")


def directory(settings: Settings) -> Iterator[Result]:
    """Whether weir's own account may ask the directory."""
    if settings.identity.ldap is not None:
        yield _directory(settings.identity.ldap)


def _directory(given: Ldap) -> Result:
    from ldap3.core.exceptions import LDAPException

    from weir.cli.checkup.secrets import remedy as mend
    from weir.identity.ldap import connector
    from weir.keys.backends import SecretUnavailable
    from weir.keys.secrets import yields

    try:
        began = time.monotonic()
        connection = connector(given.server, given.timeout_s, given.ca)(given.bind, yields(given.password))
    except SecretUnavailable as error:
        todo = mend(str(error), refused=error.refused)
        return warn("directory", f"identity.ldap.password: {error}", todo)
    except (LDAPException, OSError) as error:
        remedy = "make it reachable from here, or mend identity.ldap: until then its passwords are refused"
        return fail("directory", f"{given.server}: cannot be asked ({type(error).__name__})", remedy)
    if connection is None:
        return fail("directory", f"{given.server}: refuses weir's own account", "mend identity.ldap.bind or .password")
    connection.unbind()
    return ok("directory", f"{given.server}: answers in {(time.monotonic() - began) * 1000:.0f} ms")


def certificates(settings: Settings) -> Iterator[Result]:
    """Whether the CA of client certificates holds, and for how long."""
    from weir.identity.certificates import Certificates

    given = settings.identity.certificates
    if given is None:
        return
    try:
        roots = Certificates(given.ca.read_bytes(), ()).roots
    except (OSError, ValueError):
        return  # told with the policy already
    ends = max(root.not_valid_after_utc for root in roots)
    left = ends - datetime.now(UTC)
    told = f"{given.ca}: {many(len(roots), 'certificate')}, the last one ends on {ends:%Y-%m-%d}"
    if left < timedelta(0):
        yield fail("client CA", told, "put the CA's present certificate there: now every client's is refused")
    elif left < SOON:
        yield warn("client CA", told, "add the CA's next certificate to the file")
    else:
        yield ok("client CA", told)
