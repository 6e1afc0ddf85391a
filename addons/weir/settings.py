"""A policy file (``policies/*.yaml``) as frozen values: ``load(path)`` gives Settings or raises all mistakes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError

from weir.fields import (
    Bytes,
    Cidr,
    Credential,
    Credentials,
    Direction,
    Directions,
    FilePath,
    Flag,
    Globs,
    HostPatterns,
    Hosts,
    Inspections,
    Int,
    Method,
    Methods,
    Name,
    Percent,
    Ratio,
    Reference,
    RuleId,
    Say,
    ServiceRefs,
    Statuses,
    Text,
    choices,
    within,
    wrong,
)
from weir.mistakes import cross_check, explain
from weir.model import Action, Inspection, Mode, OnFailure, Status
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
    *("virtual-key", "audit-unavailable", "malformed-request"),  # of other concerns
)

Then = Annotated[str, choices(*ACTIONS)]


class _Part(BaseModel):
    """What all sections share: unknown keys are mistakes, nothing changes after loading, errors never show input."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, serialize_by_alias=True
    )


def _intercept(value: object) -> object:
    # `intercept: all` is short for `intercept: {scope: all}`.
    return {"scope": value} if isinstance(value, str) else value


class Intercept(_Part):
    """What is decrypted: the catalogue's hosts or everything, ``sample`` percent of the rest, and two host lists."""

    scope: Annotated[str, choices("catalogued", "all")] = "catalogued"
    sample: Percent = 0.0  # percent, 0..100
    include: HostPatterns = ()
    exclude: HostPatterns = ()


class Services(_Part):
    """The company's opinion of services: lists of ids, ``vendor:x`` and ``category:x``."""

    sanctioned: ServiceRefs = ()
    tolerated: ServiceRefs = ()
    unsanctioned: ServiceRefs = ()
    otherwise: Annotated[Status, choices(*Status)] = Status.UNKNOWN


class Network(_Part):
    """Who calls from a source network; the longest prefix wins."""

    cidr: Cidr
    user: Text = ""
    team: Text = ""
    app: Text = ""
    device: Text = ""


class Identity(_Part):
    """How callers are known and whether they must be."""

    required: Flag = False
    networks: tuple[Network, ...] = ()
    users: FilePath | None = None


class Key(_Part):
    """Where a service's real key is (a reference, never the key) and which hosts may get it."""

    secret: Reference
    hosts: Hosts = ()  # empty: the provider's own hosts


class Team(_Part):
    """What a team may use; None is no restriction."""

    models: Globs | None = None
    services: Globs | None = None


class Condition(_Part):
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


class Example(_Part):
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


class Rule(_Part):
    """One rule. ``unless`` is its only exception: no rule can weaken another."""

    id: RuleId
    when: Condition = Field(alias="if")
    unless: Condition | None = None
    then: Then
    say: Say = ""
    examples: tuple[Example, ...] = ()


class Dlp(_Part):
    """What the detectors look for; ``rules`` are directories with the operator's own detectors."""

    entities: Globs | None = None  # None: the engine's strict set
    threshold: Ratio = 0.5
    timeout_ms: Annotated[Int, within(10, 60_000, "ms")] = 2000
    rules: tuple[FilePath, ...] = ()


class UsageSettings(_Part):
    """``ask``: have OpenAI streams report usage when the client did not ask, and strip the extra chunk."""

    ask: Flag = False


class Audit(_Part):
    """``strict`` forwards only what the disk has recorded; ``available`` does not wait."""

    durability: Annotated[str, choices("strict", "available")] = "strict"


class Limits(_Part):
    """Bounds on one exchange: bytes held of a request, of a reply, of a request not known to be AI; time."""

    body_bytes_max: Annotated[Bytes, within(64 << 10, 1 << 30, "bytes")] = 32 << 20
    reply_bytes_max: Annotated[Bytes, within(64 << 10, 1 << 30, "bytes")] = 32 << 20
    peek_bytes_max: Annotated[Bytes, within(1 << 10, 64 << 20, "bytes")] = 1 << 20
    hook_timeout_ms: Annotated[Int, within(100, 120_000, "ms")] = 10_000
    drain_s: Annotated[Int, within(0, 3600, "s")] = 30


def _version(value: object) -> object:
    if value != 1 or isinstance(value, bool):
        raise wrong("is not a version this weir reads", "write version: 1")
    return value


class Settings(_Part):
    """One whole policy. ``hash`` names it in every audit record; ``line`` finds a place of it in its file."""

    version: Annotated[int, BeforeValidator(_version)]
    mode: Annotated[Mode, choices(*Mode)] = Mode.OBSERVE
    on_failure: Annotated[OnFailure, choices(*OnFailure)] = OnFailure.BLOCK
    intercept: Annotated[Intercept, BeforeValidator(_intercept)] = Intercept()
    services: Services = Services()
    identity: Identity = Identity()
    keys: Mapping[Name, Key] = Field(default_factory=dict)
    teams: Mapping[Name, Team] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    dlp: Dlp = Dlp()
    usage: UsageSettings = UsageSettings()
    audit: Audit = Audit()
    limits: Limits = Limits()

    _document: Document = PrivateAttr(default_factory=lambda: Document("policy"))
    _hash: str = PrivateAttr(default="")

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the policy as understood: comments, order of keys and the file's place do not count."""
        return self._hash or _canonical_hash(self)

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


def _canonical_hash(settings: Settings) -> str:
    plain = settings.model_dump(mode="json")
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


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
    settings._hash = _canonical_hash(Settings.model_validate(document.data))
    return settings
