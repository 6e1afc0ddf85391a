"""What a caller may use: decided before the body is read, and once more when what it asks for is known. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weir.hours import Hours
from weir.model import Principal
from weir.sections_identity import Permission

__all__ = ["Permissions", "Ruling", "Use"]

_SAY = {
    "principal": "The company's AI policy has no permission for this caller.",
    "strength": "The company's AI policy asks for a stronger proof of who is calling.",
    "service": "You may not use this service.",
    "operation": "You may not use this operation of the service.",
    "model": "You may not use this model.",
    "tool": "You may not use one of the tools of this request.",
    "hours": "You may not use this service at this time, only {hours}.",
}


@dataclass(frozen=True, slots=True)
class Use:
    """What a request asks for. None is what is not known yet; "" of a model is a request that names none."""

    services: tuple[str, ...]  # the ways a policy may name the service: its id, vendor:x, category:x
    operation: str | None = None
    model: str | None = None
    tools: tuple[str, ...] | None = None
    besides: tuple[str, ...] = ()  # other models that it names: fallbacks, a session's, a tool's


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a use is allowed, by which permission, or what none of them allows."""

    allowed: bool
    rule_id: str = ""  # the permission that allows it, or identity-strength, identity-permissions
    lacks: str = ""  # principal | strength | service | operation | model | tool | hours
    say: str = ""
    hours: str = ""  # when it would be allowed, as the policy says it

    @property
    def why(self) -> str:
        """What is not allowed, for the record; "" when all is."""
        only = f", only {self.hours}" if self.hours else ""
        return "" if self.allowed else f"{self.lacks} not allowed{only}"


class _Globs:
    """Any-of globs; None allows everything. Names of services and models are compared without case."""

    def __init__(self, globs: Iterable[str] | None, *, fold: bool = False) -> None:
        self._fold = fold
        self._pattern = None
        if globs is not None:
            self._pattern = re.compile("|".join(fnmatch.translate(one.casefold() if fold else one) for one in globs))

    @property
    def open(self) -> bool:
        return self._pattern is None

    def __call__(self, value: str) -> bool:
        return self._pattern is None or self._pattern.match(value.casefold() if self._fold else value) is not None

    def names(self, values: Iterable[str]) -> bool:
        """Whether one of the filled ``values`` matches: ``*`` is somebody, never nobody."""
        return self._pattern is None or any(value and self(value) for value in values)


class _Compiled:
    def __init__(self, given: Permission) -> None:
        self.id, self.hours = given.id, given.hours
        self._who = (
            (_Globs(given.users), lambda who: (who.user,)),
            (_Globs(given.teams), lambda who: (who.team,)),
            (_Globs(given.apps), lambda who: (who.app,)),
            (_Globs(given.groups), lambda who: who.groups),
        )
        self._services, self._models = _Globs(given.services, fold=True), _Globs(given.models, fold=True)
        self._operations, self._tools = _Globs(given.operations), _Globs(given.tools)
        self._hours = Hours.parse(given.hours) if given.hours else None

    def concerns(self, who: Principal) -> bool:
        return all(globs.names(read(who)) for globs, read in self._who)

    def lacks(self, use: Use, now: float) -> str:
        """What this permission does not allow of the use; "" when it allows all that is known of it."""
        if not self._services.open and not any(map(self._services, use.services)):
            return "service"
        if use.operation is not None and not self._operations(use.operation):
            return "operation"
        if use.model is not None and not all(map(self._models, (use.model, *use.besides))):
            return "model"
        if use.tools is not None and not all(map(self._tools, use.tools)):
            return "tool"
        return "hours" if self._hours is not None and not self._hours.hold(now) else ""


_LATER = ("service", "operation", "model", "tool", "hours")


class Permissions:
    """The policy's permissions. Without any, every caller that is known well enough may use everything."""

    def __init__(self, permissions: Sequence[Permission], *, required: bool = False, strength: int = 1) -> None:
        self._all = tuple(map(_Compiled, permissions))
        self._strength = strength if required else 0

    def __bool__(self) -> bool:
        return bool(self._all) or self._strength > 1

    def decide(self, who: Principal, use: Use, now: float) -> Ruling:
        """May ``who`` do that at ``now`` (seconds since the epoch)?

        One permission has to allow all of it: a service of one and a model of another make no third. What `use`
        leaves open is not held against it, so ask again when it is known.
        """
        # Nobody at all is for `identity.required` to refuse; a weak proof is refused here.
        if who.method != "none" and who.strength < self._strength:
            return Ruling(False, "identity-strength", "strength", _SAY["strength"])
        if not self._all:
            return Ruling(True)
        best, hours = "principal", []
        for permission in self._all:
            if not permission.concerns(who):
                continue
            lacks = permission.lacks(use, now)
            if not lacks:
                return Ruling(True, permission.id)
            if lacks == "hours":
                hours.append(permission.hours or "")
            # Say what came nearest: who may use the service but not the model is told of the model.
            if best == "principal" or _LATER.index(lacks) > _LATER.index(best):
                best = lacks
        # The policy's own text: it was read as hours, so that it holds nothing else.
        when = " or ".join(dict.fromkeys(hours))
        return Ruling(False, "identity-permissions", best, _SAY[best].format(hours=when), when)
