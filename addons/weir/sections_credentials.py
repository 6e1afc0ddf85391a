"""The policy's section ``credentials``: what becomes of credentials that clients bring themselves, by their kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from weir.fields import Name, Say, choices, listed, nearest, wrong
from weir.sections import Part

__all__ = ["FIXED", "KINDS", "Credentials", "KindGlobs", "Treatment"]

KINDS: Mapping[str, str] = {
    "api": "an API key whose form does not tell whose it is",
    "project": "an API key of a project or an organisation, of no person",
    "personal": "a key or token that a person made for themselves",
    "service-account": "a key or token of a service account, or of an app that acts for itself",
    "admin": "a key that manages an organisation: members, keys, spending",
    "oauth": "an access token from a person's sign-in",
    "oauth-refresh": "a token that new access tokens are made with",
    "session": "the sign-in of a web app's page",
    "aws-long-term": "an AWS access key, by its id",
    "aws-temporary": "a temporary AWS access key or what was made with one, by its id",
    "jwt": "a signed token of an unknown issuer",
    "basic": "a name and a password",
    "unknown": "a credential in no form that is known",
}
"""Every kind of credential, and what it is."""

FIXED = ("session", "oauth-refresh")
"""Kinds in whose place no key can be put: a page's sign-in, and what is exchanged for something else."""

_OTHERWISE = "otherwise"


def _short(value: object) -> object:
    # `admin: block` is short for `admin: {then: block}`.
    return {"then": value} if isinstance(value, str) else value


class Treatment(Part):
    """What is done: ``replace`` puts the company's key in its place, and ``else`` holds where that may not be."""

    then: Annotated[str, choices("allow", "alert", "replace", "block")]
    instead: Annotated[str, choices("allow", "alert", "block")] | None = Field(default=None, alias="else")
    say: Say = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.instead is not None and self.then != "replace":
            raise wrong("has an else that nothing leads to", "remove else; it stands beside then: replace")
        return self

    def word(self, *, replaceable: bool) -> str:
        """The word that holds for one credential."""
        return self.then if self.then != "replace" or replaceable else self.instead or "block"


_Treatment = Annotated[Treatment, BeforeValidator(_short)]
ByKind = Mapping[Annotated[str, choices(*KINDS, _OTHERWISE)], _Treatment]

_NOTHING = Treatment(then="allow")


class Credentials(Part):
    """A treatment for each kind; ``services`` (ids): where another one holds. ``otherwise`` is for all other kinds."""

    kinds: ByKind = Field(default_factory=dict)
    services: Mapping[Name, ByKind] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for service, kind, treatment in self.every():
            if treatment.then == "replace" and kind in FIXED:
                where = f"services.{service}.{kind}" if service else f"kinds.{kind}"
                raise wrong(f"asks for what can't be done ({where}: replace)", "write alert or block for this kind")
        return self

    def every(self) -> Iterator[tuple[str, str, Treatment]]:
        """Each treatment as service ("" for all), kind and what is done."""
        for kind, treatment in self.kinds.items():
            yield "", kind, treatment
        for service, kinds in self.services.items():
            for kind, treatment in kinds.items():
                yield service, kind, treatment

    def treatment(self, service: str, kind: str) -> Treatment:
        """The one that holds for ``kind`` at ``service``: what is said of the service goes before what is said of all,
        and a kind's own before ``otherwise``."""
        for kinds in (self.services.get(service, {}), self.kinds):
            found = kinds.get(kind) or kinds.get(_OTHERWISE)
            if found is not None:
                return found
        return _NOTHING


def _kind_glob(value: str) -> str:
    if not any(fnmatchcase(kind, value) for kind in KINDS):
        guess = nearest(value, KINDS)
        raise wrong("is no kind of credential", f"write {guess}" if guess else f"write one of {', '.join(KINDS)}")
    return value


KindGlobs = Annotated[tuple[Annotated[Name, AfterValidator(_kind_glob)], ...], BeforeValidator(listed)]
