"""From the policy's section to the sources it describes. Reads files, asks no network."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from weir.identity.certificates import Certificates, NameRule
from weir.identity.fetch import Fetcher, fetch_keys, get
from weir.identity.jwks import KeyStore
from weir.identity.networks import Networks
from weir.identity.peers import Peers
from weir.identity.permissions import Permissions
from weir.identity.processes import Processes, ProcessRule
from weir.identity.tokens import IssuerRules, Tokens
from weir.identity.users import Users
from weir.model import Principal
from weir.sections import Network
from weir.sections_identity import CertificateName, Identity, Issuer, Ldap, Peer, Process

__all__ = ["Passwords", "Sources", "build", "issuer_rules"]

_Named = Network | CertificateName | Peer | Process


class _Checks(Protocol):
    def cached(self, username: str, password: str) -> Principal | None: ...
    def verify(self, username: str, password: str) -> Principal | None: ...


class Passwords:
    """The users file first, then the directory: the same two questions, asked of both."""

    def __init__(self, *checks: _Checks | None) -> None:
        self._all = [one for one in checks if one is not None]

    def __bool__(self) -> bool:
        return bool(self._all)

    def cached(self, username: str, password: str) -> Principal | None:
        """The principal if these very credentials passed before. None says nothing."""
        return next((found for one in self._all if (found := one.cached(username, password))), None)

    def verify(self, username: str, password: str) -> Principal | None:
        """The principal, or None. For a worker thread. Raises DirectoryError when the directory cannot be asked."""
        return next((found for one in self._all if (found := one.verify(username, password))), None)


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that can say who is calling, under one policy."""

    order: tuple[str, ...]
    networks: Networks
    peers: Peers
    processes: Processes
    permissions: Permissions
    passwords: Passwords
    users: Users | None = None
    tokens: Tokens | None = None
    certificates: Certificates | None = None
    stores: Mapping[tuple[str, str | None], KeyStore] = field(default_factory=dict, repr=False)  # by issuer and address
    fetchers: tuple[Fetcher, ...] = field(default=(), repr=False)

    def start(self) -> None:
        """Begin to fetch the issuers' keys."""
        for fetcher in self.fetchers:
            fetcher.start()

    def close(self) -> None:
        """Stop fetching: another policy has come into force."""
        for fetcher in self.fetchers:
            fetcher.close()


def build(
    identity: Identity, reveal: Callable[[str], str], ca: Path | None = None, before: Sources | None = None
) -> Sources:
    """The sources that ``identity`` describes; ``start`` them to have tokens checked.

    ``reveal`` gives the value of a secret's reference (the directory's password), ``ca`` is a PEM bundle for issuers,
    ``before`` the sources of the policy until now: what is known of an issuer's keys is taken over from them.
    Raises ValueError, OSError or UsersError, each saying what to do.
    """
    users = _users(identity.users, before)
    issuers = [(one, issuer_rules(one)) for one in identity.issuers]
    stores = {(one.issuer, one.jwks): rules.store for one, rules in issuers}
    for name, store in stores.items():
        if before is not None and name in before.stores:
            store.inherit(before.stores[name])
    return Sources(
        order=tuple(identity.sources),
        networks=Networks((one.cidr, _principal(one)) for one in identity.networks),
        peers=Peers((one.key, one.addresses, _principal(one)) for one in identity.peers),
        processes=Processes([ProcessRule(one.uid, one.program, _principal(one)) for one in identity.processes]),
        permissions=Permissions(identity.permissions, required=identity.required, strength=identity.strength),
        passwords=Passwords(users, _directory(identity.ldap, reveal) if identity.ldap else None),
        users=users,
        tokens=Tokens([rules for _, rules in issuers]) if issuers else None,
        certificates=_certificates(identity),
        stores=stores,
        fetchers=tuple(_fetcher(one, rules.store, ca) for one, rules in issuers),
    )


def _users(path: Path | None, before: Sources | None) -> Users | None:
    if path is None:
        return None
    if before is not None and before.users is not None and before.users.path == path:
        # The same file: who logged in under the old policy need not prove it again, at 0.2 s each.
        before.users.reload_if_changed()
        return before.users
    return Users.load(path)


def _principal(named: _Named) -> Principal:
    return Principal(user=named.user, team=named.team, app=named.app, device=named.device)


def issuer_rules(given: Issuer) -> IssuerRules:
    """The rules for the tokens of one issuer, with no keys yet."""
    return IssuerRules(
        issuer=given.issuer,
        audience=given.audience,
        store=KeyStore(given.refresh_s, given.cache_h * 3600),
        algorithms=given.algorithms,
        leeway_s=given.leeway_s,
        lifetime_s_max=given.lifetime_h_max * 3600,
        claims=given.claims,
        teams=given.teams,
        require=given.require,
    )


def _fetcher(given: Issuer, store: KeyStore, ca: Path | None) -> Fetcher:
    keys = partial(fetch_keys, given.issuer, given.jwks, partial(get, ca=ca))
    return Fetcher(store, keys, time.monotonic, given.issuer)


def _certificates(identity: Identity) -> Certificates | None:
    given = identity.certificates
    if given is None:
        return None
    rules = [NameRule.parse(one.san, _principal(one)) for one in given.names]
    return Certificates(given.ca.read_bytes(), rules)


def _directory(given: Ldap, reveal: Callable[[str], str]) -> _Checks:
    # Only who has a directory pays for its library.
    from weir.identity.ldap import Directory, DirectoryRules, connector

    rules = DirectoryRules(
        base=given.base,
        bind=given.bind,
        password=partial(reveal, given.password),
        attribute=given.attribute,
        groups=given.groups,
        teams=given.teams,
        cache_s=given.cache_s,
    )
    return Directory(rules, connector(given.server, given.timeout_s, given.ca))
