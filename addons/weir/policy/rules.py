"""Rules of a policy file, compiled once: matching one costs set look-ups and precompiled patterns."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from weir.model import Action, Finding
from weir.policy.case import Case
from weir.settings import Condition, Rule

__all__ = ["CompiledRule", "Glob", "Hit", "compile_rule", "service_names"]


class Glob:
    """Any-of over shell patterns with fnmatchcase semantics; ``fold`` compares without case."""

    __slots__ = ("_exact", "_fold", "_pattern")

    def __init__(self, patterns: Iterable[str], *, fold: bool = False) -> None:
        words = [word.casefold() if fold else word for word in patterns]
        self._fold = fold
        self._exact = frozenset(word for word in words if not any(c in word for c in "*?["))
        globs = [fnmatch.translate(word) for word in words if word not in self._exact]
        self._pattern = re.compile("|".join(globs)) if globs else None

    def __call__(self, value: str) -> bool:
        """True when any pattern matches the whole of ``value``."""
        if self._fold:
            value = value.casefold()
        return value in self._exact or (self._pattern is not None and self._pattern.match(value) is not None)


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that holds for a case. ``findings`` are indices into the case's findings; empty for the whole exchange."""

    rule_id: str
    action: Action
    say: str = ""
    why: str = ""  # for the audit; never quotes content
    findings: tuple[int, ...] = ()
    whole: bool = True  # the rule is about the exchange, not about findings in it


# Names that wires and people write in either case are compared without it: `GPT-5` must not slip past `gpt-5*`.
_FOLDED = frozenset({"host", "service", "vendor", "category", "model"})

_READ: Mapping[str, Callable[[Case], str]] = {
    "service": lambda case: case.service.id,
    "vendor": lambda case: case.service.vendor,
    "category": lambda case: case.service.category,
    "status": lambda case: case.service.status,
    "team": lambda case: case.principal.team,
    "user": lambda case: case.principal.user,
    "app": lambda case: case.principal.app,
    "operation": lambda case: case.endpoint.operation if case.endpoint else "",
    "inspection": lambda case: case.inspection,
    "identity": lambda case: case.principal.method,
    "credential": lambda case: case.credential,
}


def service_names(case: Case) -> tuple[str, str, str]:
    """The three ways a policy may name the case's service: its id, ``vendor:x`` and ``category:x``."""
    service = case.service
    return service.id, f"vendor:{service.vendor}", f"category:{service.category}"


def _models(case: Case) -> tuple[str, ...]:
    """All that it names; "" alone when it names none."""
    others = tuple(case.other_models)
    return (case.model, *others) if case.model or not others else others


@dataclass(frozen=True, slots=True)
class _Matcher:
    """A compiled ``if`` or ``unless``."""

    tests: tuple[tuple[Callable[[Case], str], Glob], ...]
    host: Glob | None
    model: Glob | None
    credential_kind: Glob | None
    every: bool  # names, models and credentials: all of them have to fit, not one
    direction: Glob | None
    finding: Glob | None
    tool: Glob | None

    def case_holds(self, case: Case) -> bool:
        """Whether everything holds that does not depend on a finding or a tool."""
        if not all(glob(read(case)) for read, glob in self.tests):
            return False
        quantifier = all if self.every else any
        if self.credential_kind is not None and not (
            case.shown and quantifier(self.credential_kind(one.kind) for one in case.shown)
        ):
            return False
        if self.model is not None and not quantifier(map(self.model, _models(case))):
            return False
        if self.host is None:
            return True
        return quantifier(self.host(name.rstrip(".")) for name in (case.host, *case.names))

    def subject_holds(self, finding: Finding | None, tool: str | None, direction: str) -> bool:
        """Whether the rest holds for one finding (None: the rule names none) and one tool (likewise)."""
        if self.finding is not None and (finding is None or not self.finding(finding.detector)):
            return False
        if self.tool is not None and (tool is None or not self.tool(tool)):
            return False
        return self.direction is None or self.direction(finding.direction if finding else direction)


def _matcher(condition: Condition, *, exception: bool) -> _Matcher:
    def glob(name: str) -> Glob | None:
        patterns = getattr(condition, name)
        return None if patterns is None else Glob(patterns, fold=name in _FOLDED)

    tests = tuple((read, compiled) for name, read in _READ.items() if (compiled := glob(name)) is not None)
    # What was written of prompts must not begin to cut replies: a rule is about requests unless it says otherwise.
    direction = glob("direction") or (None if exception else Glob(("request",)))
    # A client can claim a second host name: one bad name suffices for a rule, an exception needs all of them good.
    # So it can with a second credential, and a second model.
    several = glob("host"), glob("model"), glob("credential_kind")
    return _Matcher(tests, *several, exception, direction, glob("finding"), glob("tool"))


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule, ready to be asked."""

    id: str
    action: Action
    say: str
    when: _Matcher
    unless: _Matcher | None

    def about(self, direction: str) -> bool:
        """Whether the rule is about ``request`` or ``response``."""
        return self.when.direction is None or self.when.direction(direction)

    def names(self, detector: str) -> bool:
        """Whether the rule may hold for what ``detector`` finds."""
        return self.when.finding is None or self.when.finding(detector)

    def match(self, case: Case) -> Hit | None:
        """The rule's hit on ``case``, or None. Pure; work is bounded by findings x tools."""
        if self.when.finding is not None and not case.findings:
            return None  # as mostly: nothing was found
        if not self.when.case_holds(case):
            return None
        # An exception is judged for each finding and tool on its own: a harmless tool cannot excuse another one.
        unless = self.unless if self.unless is not None and self.unless.case_holds(case) else None
        tools: Sequence[str | None] = case.tools if self.when.tool else (None,)
        if self.when.finding is None:
            if not any(self._holds(unless, None, tool, case.direction) for tool in tools):
                return None
            return Hit(self.id, self.action, self.say)
        found = tuple(
            index
            for index, finding in enumerate(case.findings)
            if any(self._holds(unless, finding, tool, case.direction) for tool in tools)
        )
        if not found:
            return None
        return Hit(self.id, self.action, self.say, findings=found, whole=False)

    def _holds(self, unless: _Matcher | None, finding: Finding | None, tool: str | None, direction: str) -> bool:
        if not self.when.subject_holds(finding, tool, direction):
            return False
        return unless is None or not unless.subject_holds(finding, tool, direction)


def compile_rule(rule: Rule) -> CompiledRule:
    """``rule`` with its patterns compiled."""
    return CompiledRule(
        id=rule.id,
        action=Action[rule.then.upper()],
        say=rule.say,
        when=_matcher(rule.when, exception=False),
        unless=None if rule.unless is None else _matcher(rule.unless, exception=True),
    )
