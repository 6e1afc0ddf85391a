"""Proxy passwords checked by a directory, as mitmproxy does it: find the name, then bind with what it stands under.

Blocks on the network: `verify` is for a worker thread.
"""

from __future__ import annotations

import hmac
import secrets
import ssl
import threading
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import parse_dn

from weir.identity.sources import SourceDown
from weir.model import Principal

__all__ = ["STRENGTH", "Directory", "DirectoryError", "DirectoryRules", "connector"]

STRENGTH = 2
CACHE_SIZE = 10_000
REFUSED_S = 10.0  # how long a wrong password is refused from memory; soon enough after a change of it
LENGTH_MAX = 256
GROUPS_MAX = 200
_SEARCHED = (0, 4)  # success, sizeLimitExceeded: two have the name already

Connect = Callable[[str, str], Any]
"""Gives a bound connection for (DN, password); None when the directory refuses them. Raises LDAPException, OSError."""


class DirectoryError(SourceDown):
    """The directory cannot be asked: nobody is let in by it. One line, without names and passwords."""


@dataclass(frozen=True, slots=True)
class DirectoryRules:
    """Where users are looked for and what their entry says of them."""

    base: str
    bind: str
    password: Callable[[], str] = field(repr=False)  # read when needed: it may be renewed
    attribute: str = "uid"
    groups: str = "memberOf"
    teams: Mapping[str, str] = field(default_factory=dict)
    cache_s: float = 300.0


class Directory:
    """The users of a directory; the same two questions as the users file answers."""

    def __init__(self, rules: DirectoryRules, connect: Connect, clock: Callable[[], float] = time.monotonic) -> None:
        self._rules, self._connect, self._clock = rules, connect, clock
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, tuple[Principal | None, float]] = OrderedDict()
        self._lock = threading.Lock()

    def cached(self, username: str, password: str) -> Principal | None:
        """The principal if these very credentials passed within ``cache_s`` seconds. None says nothing."""
        found = self._recall(self._digest(username, password))
        return found[0] if found else None

    def verify(self, username: str, password: str) -> Principal | None:
        """The principal, or None for wrong credentials. Raises DirectoryError when the directory cannot be asked."""
        # A bind with an empty password succeeds on many servers without proving anything (RFC 4513, 5.1.2).
        if not username or not password or len(username) > LENGTH_MAX or len(password) > LENGTH_MAX:
            return None
        digest = self._digest(username, password)
        found = self._recall(digest)
        if found is not None:
            return found[0]
        try:
            principal = self._ask(unicodedata.normalize("NFC", username), password)
        except (LDAPException, OSError) as error:
            raise DirectoryError(f"the directory cannot be asked ({type(error).__name__})") from None
        keep = self._rules.cache_s if principal else REFUSED_S
        with self._lock:
            self._known[digest] = (principal, self._clock() + keep)
            if len(self._known) > CACHE_SIZE:
                self._known.popitem(last=False)
        return principal

    def _ask(self, username: str, password: str) -> Principal | None:
        rules = self._rules
        service = self._connect(rules.bind, rules.password())
        if service is None:
            raise DirectoryError("the directory refuses weir's own account (identity.ldap.bind)")
        try:
            wanted = f"({rules.attribute}={escape_filter_chars(username)})"
            names = [rules.attribute, *([rules.groups] if rules.groups else [])]
            service.search(rules.base, wanted, attributes=names, size_limit=2)
            if (service.result or {}).get("result") not in _SEARCHED:  # busy, no such base …: nobody knows who is there
                raise DirectoryError("the directory does not answer searches below identity.ldap.base")
            entries = [one for one in service.response or () if one.get("type", "searchResEntry") == "searchResEntry"]
        finally:
            service.unbind()
        if len(entries) != 1:  # nobody, or a name that is not one person's
            return None
        user = self._connect(str(entries[0]["dn"]), password)
        if user is None:
            return None
        user.unbind()
        return self._principal(entries[0].get("attributes") or {})

    def _principal(self, attributes: Mapping[str, Any]) -> Principal | None:
        # The entry's own spelling, in one case: a directory compares without case and outer spaces, and one person must
        # not be several in budgets and in the audit.
        told = attributes.get(self._rules.attribute)
        name = told[0] if isinstance(told, list | tuple) and told else told
        user = unicodedata.normalize("NFC", name).casefold().strip() if isinstance(name, str) else ""
        if not user or not user.isprintable() or len(user) > LENGTH_MAX:
            return None
        values = attributes.get(self._rules.groups) or ()
        listed = values if isinstance(values, list | tuple) else [values]
        groups = tuple(dict.fromkeys(str(value)[:LENGTH_MAX] for value in listed[:GROUPS_MAX]))
        teams = self._rules.teams
        team = next((teams[name] for group in groups for name in (group, _common_name(group)) if name in teams), "")
        return Principal(user=user, team=team, groups=groups, method="ldap", strength=STRENGTH)

    def _recall(self, digest: bytes) -> tuple[Principal | None] | None:
        with self._lock:
            found = self._known.get(digest)
            if found is None:
                return None
            if self._clock() >= found[1]:
                del self._known[digest]
                return None
            return (found[0],)

    def _digest(self, username: str, password: str) -> bytes:
        name = unicodedata.normalize("NFC", username).encode("utf-8", "surrogatepass")
        return hmac.digest(
            self._key, len(name).to_bytes(4, "big") + name + password.encode("utf-8", "surrogatepass"), "sha256"
        )


def connector(server: str, timeout_s: float, ca: Path | None = None) -> Connect:
    """Connections to ``server`` (``ldaps://…``), its certificate verified; no referral is followed."""
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(ca) if ca else None)
    host = ldap3.Server(server, tls=tls, connect_timeout=timeout_s, get_info=ldap3.NONE)

    def connect(dn: str, password: str) -> Any:
        connection = ldap3.Connection(
            host, dn, password, receive_timeout=timeout_s, auto_referrals=False, read_only=True, raise_exceptions=False
        )
        if connection.bind():
            return connection
        code = (connection.result or {}).get("result")
        connection.unbind()
        if code in (49, 32, 53):  # invalidCredentials, noSuchObject, unwillingToPerform (a locked account)
            return None
        raise LDAPException("bind failed")

    return connect


def _common_name(dn: str) -> str:
    try:
        parts = parse_dn(dn)
    except LDAPException:
        return ""
    return str(parts[0][1]) if parts and parts[0][0].lower() == "cn" else ""
