"""The policy's section ``failover``: where requests of a service go when its first place fails."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from weir.fields import Hosts, Int, Name, nearest, within, wrong
from weir.part import Part

__all__ = ["CAUSES", "Breaker", "Failover", "Target"]

CAUSES = ("connect", "reset", "timeout", "401", "408", "429", "5xx")
"""What an attempt may end with; single statuses from 500 to 599 may be named too."""

_USUAL = ("connect", "reset", "timeout", "429", "5xx")


def _causes(value: object) -> object:
    listed = [value] if isinstance(value, str | int) and not isinstance(value, bool) else value
    if not isinstance(listed, list) or not listed:
        raise wrong("must be a list of causes", f"write some of {', '.join(CAUSES)}")
    return listed


def _cause(value: object) -> object:
    word = str(value)
    if word in CAUSES or (word.isdecimal() and len(word) == 3 and word[0] == "5"):
        return word
    # A number, or a class of them, that looks like another one was not a slip: `4xx` is no misspelt `5xx`.
    guess = "" if word[:1].isdecimal() else nearest(word, CAUSES)
    known = f"write {guess}" if guess else f"use some of {', '.join(CAUSES)}, or a status from 500 to 599"
    raise wrong("is no cause that is known", known)


def _one_host(value: object) -> object:
    if not isinstance(value, str) or "*" in value:
        raise wrong("is not one host", "write one name such as eu.api.example.com")
    return value


class Target(Part):
    """Another place: ``host`` (not given: the one asked for) with ``key``, the name of one of the service's keys.

    Without ``key`` it is one that is bound to the host, by weight, that does not rest.
    """

    hosts: Annotated[Hosts, BeforeValidator(_one_host)] = Field(default=(), alias="host")
    key: Name = ""

    @property
    def host(self) -> str:
        """The host; "" for the one that was asked for."""
        return self.hosts[0] if self.hosts else ""

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not self.hosts and not self.key:
            raise wrong("names no place", "write a host, a key, or both")
        return self


class Breaker(Part):
    """After ``failures`` in a row a host rests for ``rest_s``; then one request tries it."""

    failures: Annotated[Int, within(1, 1000)] = 5
    rest_s: Annotated[Int, within(1, 600, "s")] = 30


class Failover(Part):
    """``on`` which outcomes, before any byte of a reply has gone to the client, a request goes to the next of ``to``.

    ``attempts`` counts the first one too. ``timeout_ms``: how long one attempt has until its reply's head is there.
    """

    on: Annotated[tuple[Annotated[str, BeforeValidator(_cause)], ...], BeforeValidator(_causes)] = _USUAL
    to: tuple[Target, ...]
    attempts: Annotated[Int, within(2, 16)] | None = None  # None: each target once
    timeout_ms: Annotated[Int, within(100, 3_600_000, "ms")] = 600_000
    breaker: Breaker = Breaker()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.to:
            raise wrong("names no target", "write to: [{host: …}] or to: [{key: …}]")
        if len({(one.host, one.key) for one in self.to}) < len(self.to):
            raise wrong("names one target twice", "write each once")
        if self.attempts is not None and self.attempts > 1 + len(self.to):
            raise wrong(
                "wants more attempts than there are places", f"write attempts: {1 + len(self.to)}, or name more targets"
            )
        return self

    @property
    def attempts_max(self) -> int:
        """All attempts, the first included."""
        return self.attempts if self.attempts is not None else 1 + len(self.to)

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """(host, name of a key) of each target."""
        return tuple((one.host, one.key) for one in self.to)
