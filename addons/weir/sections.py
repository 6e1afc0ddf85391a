"""The sections of a policy file, one class each; `weir.settings` puts them together."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from weir.fields import (
    Bytes,
    Cidr,
    FilePath,
    Flag,
    Globs,
    HostPatterns,
    Hosts,
    Int,
    Name,
    Percent,
    Ratio,
    Reference,
    ServiceRefs,
    Text,
    choices,
    within,
    wrong,
)
from weir.model import Status
from weir.part import Part
from weir.sections_limits import Limits

__all__ = [
    "Allowance", "Budget", "Coach", "Dlp", "Files", "Intercept", "Key", "Limits", "Network",
    "Part", "Pseudonyms", "Rate", "Services", "Stores", "Team", "UsageSettings", "WeightedSecret", "open_intercept",
]  # fmt: skip


def open_intercept(value: object) -> object:
    """What ``intercept`` may be short for."""
    # `intercept: all` is short for `intercept: {scope: all}`.
    return {"scope": value} if isinstance(value, str) else value


class Intercept(Part):
    """What is decrypted: the catalogue's hosts or everything, ``sample`` percent of the rest, and two host lists."""

    scope: Annotated[str, choices("catalogued", "all")] = "catalogued"
    sample: Percent = 0.0  # percent, 0..100
    include: HostPatterns = ()
    exclude: HostPatterns = ()


class Services(Part):
    """The company's opinion of services: lists of ids, ``vendor:x``, ``category:x``, ``risk:x`` and ``country:XX``."""

    sanctioned: ServiceRefs = ()
    tolerated: ServiceRefs = ()
    unsanctioned: ServiceRefs = ()
    # What people are told to use instead, by service id, vendor:x or category:x.
    alternatives: Mapping[Name, ServiceRefs] = Field(default_factory=dict)
    otherwise: Annotated[Status, choices(*Status)] = Status.UNKNOWN


class Network(Part):
    """Who calls from a source network; the longest prefix wins."""

    cidr: Cidr
    user: Text = ""
    team: Text = ""
    app: Text = ""
    device: Text = ""


class WeightedSecret(Part):
    """One of several keys of a service, and its share beside the others'.

    ``name``: what records call it after the service's, instead of its number. ``hosts``: where alone it may go.
    """

    secret: Reference
    weight: Annotated[Int, within(1, 1000)] = 1
    name: Text = ""
    hosts: Hosts = ()


class Key(Part):
    """Where a service's real keys are (references, never the keys) and which hosts may get them.

    ``form`` is what a reference yields: the key itself, AWS credentials that requests are signed with, or a Google
    service account from which access tokens are made.
    """

    secret: Reference | None = None
    secrets: tuple[WeightedSecret, ...] = ()
    form: Annotated[str, choices("key", "aws", "google")] = "key"
    hosts: Hosts = ()  # empty: the provider's own hosts
    refresh_s: Annotated[Int, within(30, 86_400, "s")] = 300
    keep_h: Annotated[Int, within(1, 168, "hours")] = 24  # the last value is good for so long when its backend is down

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if self.secret is not None and self.secrets:
            raise wrong("has both secret and secrets", "move the one under secret: into the list, and remove secret:")
        if self.secret is None and not self.secrets:
            raise wrong("needs to say where the key is", "write secret: REFERENCE, or secrets: [{secret: REFERENCE}]")
        if len({entry.secret for entry in self.secrets}) < len(self.secrets):
            raise wrong("names one key twice", "write each reference once, with a weight")
        if len(set(self.labels(""))) < len(self.secrets):
            raise wrong("has two keys of one name", "give each a name of its own; without one it has its number")
        return self

    def labels(self, service: str) -> tuple[str, ...]:
        """What records call each key."""
        if len(self.entries) == 1 and not (self.secrets and self.secrets[0].name):
            return (service,)
        return tuple(f"{service}-{entry.name or number}" for number, entry in enumerate(self.secrets, 1))

    def bindings(self, hosts: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """Where each key may go; ``hosts`` is where one may that names none."""
        return tuple(entry.hosts or hosts for entry in self.secrets) or (hosts,)

    @property
    def entries(self) -> tuple[tuple[str, int], ...]:
        """(reference, weight) of each key, in the policy's order."""
        if self.secret is not None:
            return ((self.secret, 1),)
        return tuple((entry.secret, entry.weight) for entry in self.secrets)


class Pseudonyms(Part):
    """How long stand-ins are remembered; ``keep`` also over a restart, encrypted under the data directory."""

    keep: Flag = False
    hours: Annotated[Int, within(1, 24 * 90, "hours")] = 24


class Files(Part):
    """Bounds on reading attached files; beyond them a file is `failed`, never clean."""

    bytes_max: Annotated[Bytes, within(64 << 10, 1 << 30, "bytes")] = 64 << 20  # of all that one request unpacks to
    depth_max: Annotated[Int, within(0, 8, "levels")] = 3  # archives within archives


class Dlp(Part):
    """What the detectors look for, and in what.

    ``rules`` are directories with the operator's own detectors and word lists, ``exact`` fingerprint files made by
    ``weir dlp fingerprint``, ``nlp`` the name or folder of an installed spaCy pipeline.
    """

    entities: Globs | None = None  # None: the engine's strict set
    packs: Globs = ()  # countries whose identifiers are looked for, e.g. us, uk, de
    threshold: Ratio = 0.5
    thresholds: Mapping[Text, Ratio] = Field(default_factory=dict)  # by entity, instead of ``threshold``
    nlp: Text = ""
    timeout_ms: Annotated[Int, within(10, 60_000, "ms")] = 5000
    processes: Annotated[Int, within(0, 64, "processes")] | None = None  # for long texts; None: two to four, 0: threads
    rules: tuple[FilePath, ...] = ()
    exact: tuple[FilePath, ...] = ()
    files: Files = Files()
    pseudonyms: Pseudonyms = Pseudonyms()


class Coach(Part):
    """For how long a stated reason lets its caller pass the rule that asked for one."""

    minutes: Annotated[Int, within(1, 24 * 60, "minutes")] = 60


class UsageSettings(Part):
    """``ask``: have OpenAI streams report usage when the client did not ask, and strip the extra chunk.

    ``prices``: a file with the operator's own prices, which hold before any public list.
    """

    ask: Flag = False
    prices: FilePath | None = None


_Scope = Annotated[str, choices("org", "team", "app", "key", "user")]
_Amount = within(1, 10**15)


def _nano_usd(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong("is not an amount of dollars", "write a number such as 500 or 0.25")
    nano = Decimal(str(value)) * 10**9  # as written: 0.1 is a tenth, not what a float makes of it
    if not nano.is_finite() or nano != int(nano) or not 0 < nano <= 10**18:
        raise wrong("is out of bounds", "write an amount above 0, at most 1000000000, with up to nine decimals")
    return int(nano)


class Allowance(Part):
    """What may be used in a window of the calendar (UTC): dollars or tokens.

    ``models`` and ``services`` are globs. At 100 % a request is blocked, or goes to the model that ``downgrade`` names
    for its own. ``unpriced``: what an amount in dollars says to a model without a price.
    """

    usd: Annotated[int | None, BeforeValidator(_nano_usd)] = None  # written in dollars, here nano-dollars
    tokens: Annotated[Int, _Amount] | None = None
    per: Annotated[str, choices("minute", "hour", "day", "month")]
    models: Globs = ()
    services: Globs = ()
    warn_at: Percent = 80.0  # of the amount, spent; 0 does not warn
    downgrade: Mapping[Name, Name] = Field(default_factory=dict)
    unpriced: Annotated[str, choices("block", "allow")] = "block"

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if (self.usd is None) == (self.tokens is None):
            raise wrong("needs one amount", "write either usd or tokens")
        return self


class Budget(Allowance):
    """An allowance for each name of a scope; ``name`` is a glob."""

    scope: _Scope = "org"
    name: Name = "*"


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class Team(Part):
    """What a team may use; None is no restriction."""

    models: Globs | None = None
    services: Globs | None = None
    budget: Annotated[tuple[Allowance, ...], BeforeValidator(_one_or_more)] = ()  # short for budgets of this team


class Rate(Part):
    """What each name of a scope may do: requests and tokens a minute, streams at once."""

    scope: _Scope = "org"
    name: Name = "*"
    models: Globs = ()
    services: Globs = ()
    requests: Annotated[Int, _Amount] | None = None
    tokens: Annotated[Int, _Amount] | None = None
    streams: Annotated[Int, _Amount] | None = None

    @model_validator(mode="after")
    def _some_amount(self) -> Self:
        if self.requests is None and self.tokens is None and self.streams is None:
            raise wrong("limits nothing", "write requests, tokens or streams")
        return self


class Stores(Part):
    """Where budgets and rates are counted and virtual keys kept (with the budgets): references to URLs (they may hold a
    password), or on this machine."""

    budgets: Reference | None = None  # postgresql://…; None: a file in the data directory
    rates: Reference | None = None  # redis://…; None: in memory, each process for itself
    timeout_ms: Annotated[Int, within(100, 60_000, "ms")] = 2000
    hold_s: Annotated[Int, within(10, 86_400, "s")] = 600  # a killed process's reservations end after this
    output_tokens: Annotated[Int, within(1, 10**7, "tokens")] = 4096  # held for a reply whose request bounds it not
