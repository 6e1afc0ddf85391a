"""The policy's section ``identity``: by what callers are known, in which order it counts, and what each may use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from weir.fields import Cidr, FilePath, Flag, Globs, Int, Name, Reference, RuleId, Text, choices, listed, within, wrong
from weir.hours import hours_problem
from weir.sections import Network, Part

__all__ = [
    "ALGORITHMS", "CLAIMS", "SOURCES", "CertificateName", "Certificates", "Identity", "Issuer", "Ldap", "Peer",
    "Permission", "Process",
]  # fmt: skip

SOURCES = ("virtual_key", "certificate", "jwt", "basic", "peer", "process", "network")
"""Every source, in the order that counts when policy gives none: strong proofs first."""

ALGORITHMS = ("ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA")
"""Signatures by a key that only the issuer has. With HMAC, whoever can check a token can forge one."""

CLAIMS = ("user", "team", "app", "device", "groups")

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        loopback, port = parts.hostname in _LOOPBACK, parts.port
    except ValueError:
        raise wrong("is not an address", "write it like https://login.example.com/tenant") from None
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment or port == 0:
        raise wrong("is not an address", "write it like https://login.example.com/tenant, without query or password")
    # What comes from there decides who everybody is: nobody on the way may change it.
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise wrong("is not an https address", "write https://…; plain http is for this machine only")
    return value


def _directory(value: str) -> str:
    try:
        parts = urlsplit(value)
        fits = parts.scheme in ("ldap", "ldaps") and parts.hostname and not parts.path.strip("/") and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise wrong("is not a directory server", "write it like ldaps://directory.example.com")
    if parts.scheme == "ldap" and parts.hostname not in _LOOPBACK:
        raise wrong("would send passwords in the clear", "write ldaps://…; plain ldap is for this machine only")
    return value


def _attribute(value: str) -> str:
    # It becomes part of a search filter.
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", value):
        raise wrong("is not an attribute", "write a name such as uid or sAMAccountName")
    return value


def _hours(value: str) -> str:
    problem = hours_problem(value)
    if problem:
        raise wrong(problem, 'write them like "mon-fri 08:00-18:00 Europe/Berlin"')
    return value


Url = Annotated[Name, AfterValidator(_url)]
Source = Annotated[str, choices(*SOURCES)]
Algorithm = Annotated[str, choices(*ALGORITHMS)]


class Issuer(Part):
    """An OpenID Connect issuer whose tokens say who is calling (``Proxy-Authorization: Bearer``)."""

    issuer: Url
    audience: Globs  # taken literally, one of them has to be in the token
    algorithms: Annotated[tuple[Algorithm, ...], BeforeValidator(listed)] = ("ES256", "RS256")
    jwks: Url | None = None  # None: as the issuer's discovery document says
    leeway_s: Annotated[Int, within(0, 300, "s")] = 30
    lifetime_h_max: Annotated[Int, within(1, 24 * 31, "h")] = 24  # of a token, from its issue to its expiry
    refresh_s: Annotated[Int, within(60, 86_400, "s")] = 3600
    cache_h: Annotated[Int, within(1, 24 * 7, "h")] = 24  # with the issuer unreachable; after that tokens are refused
    claims: Mapping[Annotated[str, choices(*CLAIMS)], Name] = Field(default_factory=lambda: {"user": "sub"})
    teams: Mapping[Name, Name] = Field(default_factory=dict)  # a value of the claim for team or groups → team
    require: Mapping[Name, Name] = Field(default_factory=dict)  # claim → the value it must have

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not {"user", "app"} & set(self.claims):
            raise wrong("names no claim for user or app", "write claims: {user: sub}")
        return self


class Ldap(Part):
    """A directory that checks the passwords of proxy Basic credentials."""

    server: Annotated[Name, AfterValidator(_directory)]
    base: Name
    bind: Name
    password: Reference
    attribute: Annotated[Name, AfterValidator(_attribute)] = "uid"
    groups: Annotated[Name, AfterValidator(_attribute)] = "memberOf"
    teams: Mapping[Name, Name] = Field(default_factory=dict)  # group (its DN or its common name) → team
    ca: FilePath | None = None
    timeout_s: Annotated[Int, within(1, 30, "s")] = 5
    cache_s: Annotated[Int, within(0, 3600, "s")] = 300


class CertificateName(Part):
    """Whom a name in a client certificate stands for; ``{san}`` in a field is the name's value."""

    san: Name  # kind and glob: uri:spiffe://corp.example/ns/*/sa/bot, dns:*.bots.example.com, email:*@example.com
    user: Text = ""
    team: Text = ""
    app: Text = ""
    device: Text = ""

    @model_validator(mode="after")
    def _kind(self) -> Self:
        kind, colon, glob = self.san.partition(":")
        if kind not in ("uri", "dns", "email", "ip") or not colon or not glob:
            raise wrong("names no kind of name", "write san: uri:…, dns:…, email:… or ip:…")
        if not (self.user or self.app or self.device):
            raise wrong("stands for nobody", 'write a user, app or device, e.g. app: "{san}"')
        return self


class Certificates(Part):
    """Client certificates: the CA that issues them (PEM) and whom their names stand for, first match first."""

    ca: FilePath
    names: Annotated[tuple[CertificateName, ...], Field(min_length=1)]


class Peer(Part):
    """A WireGuard peer: its public key, and its AllowedIPs where the kernel's WireGuard is what it comes through."""

    key: Name
    addresses: tuple[Cidr, ...] = ()
    user: Text = ""
    team: Text = ""
    app: Text = ""
    device: Text = ""


class Process(Part):
    """A program on weir's own machine: by user id, by the path of its executable (globs), or both."""

    uid: Annotated[Int, within(0, 2**32 - 2)] | None = None
    program: Globs | None = None
    user: Text = ""
    team: Text = ""
    app: Text = ""
    device: Text = ""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.uid is None and self.program is None:
            raise wrong("matches every process", "write uid: or program:")
        return self


class Permission(Part):
    """Who may use what. With any of them, a request needs one that allows all of it."""

    id: RuleId
    users: Globs | None = None
    teams: Globs | None = None
    apps: Globs | None = None
    groups: Globs | None = None
    services: Globs | None = None  # ids, vendor:x, category:x
    models: Globs | None = None
    operations: Globs | None = None
    tools: Globs | None = None
    hours: Annotated[Name, AfterValidator(_hours)] | None = None


class Identity(Part):
    """How callers are known, whether they must be, and what they may use."""

    required: Flag = False
    strength: Annotated[Int, within(1, 3)] = 1  # with ``required``: the weakest proof that suffices
    sources: Annotated[tuple[Source, ...], BeforeValidator(listed)] = SOURCES
    networks: tuple[Network, ...] = ()
    users: FilePath | None = None
    ldap: Ldap | None = None
    issuers: tuple[Issuer, ...] = ()
    certificates: Certificates | None = None
    peers: tuple[Peer, ...] = ()
    processes: tuple[Process, ...] = ()
    permissions: tuple[Permission, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> Self:
        for what, names in (
            ("sources", list(self.sources)),
            ("issuers", [one.issuer for one in self.issuers]),
            ("permissions", [one.id for one in self.permissions]),
        ):
            if len(names) > len(set(names)):
                raise wrong(f"names one of its {what} twice", "keep one")
        return self
