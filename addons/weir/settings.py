"""A policy file (``policies/*.yaml``) as frozen values: ``load(path)`` gives Settings or raises all mistakes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError

from weir.fields import (
    Credential,
    Credentials,
    Direction,
    Directions,
    Globs,
    Inspections,
    Method,
    Methods,
    Name,
    RuleId,
    Say,
    Statuses,
    Text,
    choices,
    wrong,
)
from weir.mistakes import cross_check, explain
from weir.model import Action, Inspection, Mode, OnFailure, Status
from weir.sections import (
    Budget,
    Coach,
    Dlp,
    Intercept,
    Key,
    Limits,
    Part,
    Rate,
    Services,
    Stores,
    Team,
    UsageSettings,
    open_intercept,
)
from weir.sections_audit import Audit
from weir.sections_credentials import KINDS, KindGlobs
from weir.sections_credentials import Credentials as RawCredentials
from weir.sections_identity import Identity
from weir.sections_limits import Destinations
from weir.sections_routing import Failover
from weir.sections_shadow import Discover, share
from weir.sections_tenants import Tenants
from weir.yamlpos import Document, Mistake, PolicyError, read, read_text

__all__ = [
    "ACTIONS",
    "BUILT_IN_RULES",
    "Condition",
    "Example",
    "Mistake",
    "PolicyError",
    "Rule",
    "Settings",
    "load",
    "loads",
]

# What a rule may ask for; DOWNGRADE is an action of the model that routing will bring.
ACTIONS = tuple(action.word for action in Action if action is not Action.DOWNGRADE)
# Ids that decisions of weir itself carry in the audit: a rule of the file cannot take them.
BUILT_IN_RULES = (
    *("host-mismatch", "identity-required", "team-models", "team-services", "on-failure"),
    *("virtual-key", "audit-unavailable", "malformed-request", "budget", "rate"),  # of other concerns
    *("identity-permissions", "identity-strength", "identity-conflict", "identity-throttled"),
    *("credential", "company-key", "tenant"),
    *("limit", "destination", "destination-unproven"),
)

Then = Annotated[str, choices(*ACTIONS)]


class Condition(Part):
    """``if`` and ``unless``: every condition given must hold, each list is any-of, words are globs."""

    finding: Globs | None = None
    service: Globs | None = None
    vendor: Globs | None = None
    category: Globs | None = None
    status: Statuses | None = None
    team: Globs | None = None
    user: Globs | None = None
    app: Globs | None = None
    model: Globs | None = None
    operation: Globs | None = None
    host: Globs | None = None
    tool: Globs | None = None
    direction: Directions | None = None
    inspection: Inspections | None = None
    identity: Methods | None = None
    credential: Credentials | None = None
    credential_kind: KindGlobs | None = None


class Example(Part):
    """A case an operator thought of, and what the whole policy is expected to do with it."""

    expect: Then
    text: Text = ""
    service: Text = ""
    vendor: Text = ""
    category: Text = ""
    status: Annotated[Status | None, choices(*Status)] = None  # None: what the policy's service lists say
    team: Text = ""
    user: Text = ""
    app: Text = ""
    model: Text = ""
    operation: Text = "chat"
    host: Text = ""
    tool: Globs = ()
    direction: Direction = "request"
    inspection: Annotated[Inspection, choices(*Inspection)] = Inspection.INSPECTED
    identity: Method = "virtual_key"
    credential: Credential = "virtual"
    credential_kind: Annotated[str, choices(*KINDS)] = ""  # "": of a raw one unknown, of a session session


class Rule(Part):
    """One rule. ``unless`` is its only exception: no rule can weaken another."""

    id: RuleId
    when: Condition = Field(alias="if")
    unless: Condition | None = None
    then: Then
    say: Say = ""
    examples: tuple[Example, ...] = ()


def _version(value: object) -> object:
    if value != 1 or isinstance(value, bool):
        raise wrong("is not a version this weir reads", "write version: 1")
    return value


class Settings(Part):
    """One whole policy. ``hash`` names it in every audit record; ``line`` finds a place of it in its file."""

    version: Annotated[int, BeforeValidator(_version)]
    mode: Annotated[Mode, choices(*Mode)] = Mode.OBSERVE
    on_failure: Annotated[OnFailure, choices(*OnFailure)] = OnFailure.BLOCK
    intercept: Annotated[Intercept, BeforeValidator(open_intercept)] = Intercept()
    discover: Discover = Discover()
    services: Services = Services()
    identity: Identity = Identity()
    tenants: Tenants = Field(default_factory=dict)
    keys: Mapping[Name, Key] = Field(default_factory=dict)
    credentials: RawCredentials = RawCredentials()
    failover: Mapping[Name, Failover] = Field(default_factory=dict)
    teams: Mapping[Name, Team] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    budgets: tuple[Budget, ...] = ()
    rates: tuple[Rate, ...] = ()
    stores: Stores = Stores()
    dlp: Dlp = Dlp()
    coach: Coach = Coach()
    usage: UsageSettings = UsageSettings()
    audit: Audit = Audit()
    limits: Limits = Limits()
    destinations: Destinations = Destinations()

    _document: Document = PrivateAttr(default_factory=lambda: Document("policy"))
    _canonical: str = PrivateAttr(default="")
    _hash: str = PrivateAttr(default="")

    @property
    def sample(self) -> float:
        """Percent of the uncatalogued hosts that is decrypted to look what they are."""
        return share(self.discover, self.intercept)

    @property
    def canonical(self) -> str:
        """The policy as understood, every default with it, as JSON in one spelling; its SHA-256 is ``hash``."""
        return self._canonical or _canonical(self)

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the policy as understood: comments, order of keys and the file's place do not count."""
        return self._hash or hashlib.sha256(self.canonical.encode()).hexdigest()

    @property
    def file(self) -> str:
        """The name of the file this came from."""
        return self._document.file

    def line(self, *place: str | int) -> int:
        """The line (from 1) of a place in the file, e.g. ``line("rules", 0, "examples", 2)``."""
        return self._document.line(place)

    def mistake(self, place: tuple[str | int, ...], problem: str, remedy: str) -> Mistake:
        """A Mistake at a place in the file, for checks that know more than the file."""
        document = self._document
        return Mistake(document.file, document.line(place), document.name(document.known(place)), problem, remedy)


def _canonical(settings: Settings) -> str:
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def load(path: Path) -> Settings:
    """The policy at ``path``, whose folder its relative paths start from. Raises PolicyError with every mistake."""
    # Absolute: what the policy names must not move when the process changes its directory.
    return _settings(read(path), path.parent.absolute())


def loads(text: str, *, file: str = "policy.yaml", base: Path | None = None) -> Settings:
    """The policy in ``text``; as ``load``, with relative paths left alone unless ``base`` is given."""
    return _settings(read_text(text, file), base)


def _settings(document: Document, base: Path | None) -> Settings:
    if document.mistakes and document.data is None:
        raise PolicyError(document.mistakes)
    if document.data is None:
        document.data = {}
    settings = None
    try:
        settings = Settings.model_validate(document.data, context={"base": base})
    except ValidationError as error:
        explain(error, document, Settings)
    cross_check(document, BUILT_IN_RULES, base)
    if settings is None or document.mistakes:
        raise PolicyError(sorted(document.mistakes, key=lambda mistake: mistake.line)) from None
    settings._document = document
    # The hash must not depend on where the file lies: paths count as they are written.
    settings._canonical = _canonical(Settings.model_validate(document.data))
    settings._hash = hashlib.sha256(settings._canonical.encode()).hexdigest()
    return settings
