"""From a case to one verdict: every rule is asked, the strongest answer wins, so the order of rules cannot matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from weir.model import Action, Finding, Verdict
from weir.policy.builtin import BuiltIn, built_in, early
from weir.policy.case import Case
from weir.policy.rules import CompiledRule, Hit, compile_rule
from weir.settings import Settings

__all__ = ["Case", "Excused", "Policy"]

# Asked with a rule's id and the detectors it holds for: has a person stated a reason for that?
Excused = Callable[[str, frozenset[str]], bool]

_EDITS = (Action.REDACT, Action.PSEUDONYMISE)
_VALUE_MAX = 120  # characters of a client's own words (a model name) that a message repeats
_DEFAULT_SAY = "The company's AI policy does not allow this request (rule {rule})."
_DEFAULT_ASK = "The company's AI policy asks for a reason before this request may go on (rule {rule})."
_STATED = "a reason was stated"


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy: immutable, so that a running weir swaps it by one assignment."""

    settings: Settings
    rules: tuple[CompiledRule, ...]
    built_in: tuple[BuiltIn, ...]
    early: tuple[BuiltIn, ...] = ()

    @classmethod
    def compile(cls, settings: Settings) -> Self:
        """The policy that ``settings`` describe. Settings that were loaded always compile."""
        return cls(settings, tuple(map(compile_rule, settings.rules)), built_in(settings), early(settings))

    def decide(self, case: Case, excused: Excused | None = None) -> Verdict:
        """The verdict on ``case``: the same in either mode. ``treatments`` align with ``case.findings``.

        What ``excused`` says yes to is an alert where it would hold the request back until a reason is stated. Pure,
        as far as ``excused`` is.
        """
        hits = self._hits(case, excused)
        if not hits:
            return Verdict(treatments=(Action.ALLOW,) * len(case.findings))
        return _combine(case, hits)

    def decide_early(self, case: Case) -> Verdict:
        """The verdict as far as it needs no body: a block is one whatever the body says."""
        hits = [hit for rule in self.early if (hit := rule(case)) is not None]
        return _combine(case, hits) if hits else Verdict()

    def held(self, case: Case, excused: Excused | None = None) -> dict[str, frozenset[str]]:
        """The rules that hold ``case`` back until a reason is stated, each with the detectors it does so for.

        An empty set: the rule is about the whole exchange. One reason has to cover all of them.
        """
        hits = (hit for hit in self._hits(case, excused) if hit.action is Action.COACH)
        return {hit.rule_id: _detectors(case, hit) for hit in hits}

    def _hits(self, case: Case, excused: Excused | None) -> list[Hit]:
        hits = [hit for rule in self.built_in if (hit := rule(case)) is not None]
        hits += [_coached(case, hit, excused) for rule in self.rules if (hit := rule.match(case)) is not None]
        return hits


def _detectors(case: Case, hit: Hit) -> frozenset[str]:
    return frozenset(case.findings[index].detector for index in hit.findings)


def _coached(case: Case, hit: Hit, excused: Excused | None) -> Hit:
    """What becomes of asking for a reason: it may have been stated, and of a reply nobody can be asked."""
    if hit.action is not Action.COACH:
        return hit
    if hit.whole and case.direction == "response":
        return replace(hit, action=Action.BLOCK)
    if any(case.findings[index].direction == "response" for index in hit.findings):
        return hit
    if excused is not None and excused(hit.rule_id, _detectors(case, hit)):
        return replace(hit, action=Action.ALERT, why=_STATED)
    return hit


def _combine(case: Case, hits: Sequence[Hit]) -> Verdict:
    treatments = [Action.ALLOW] * len(case.findings)
    strongest = hits[0]
    action = Action.ALLOW
    for hit in hits:
        reached = hit.action if hit.whole else Action.ALLOW
        for index in hit.findings:
            treatment = _treatment(case, hit.action, case.findings[index])
            treatments[index] = max(treatments[index], treatment)
            reached = max(reached, treatment)
        # Strictly stronger only: among equals the first in file order gives its name, nothing more.
        if reached > action:
            action, strongest = reached, hit
    return Verdict(
        action=action,
        rule_id=strongest.rule_id,
        reason="; ".join(_reason(case, hit) for hit in hits),
        say=_say(case, strongest) if action in (Action.COACH, Action.BLOCK) else "",
        treatments=tuple(treatments),
        rules=tuple(hit.rule_id for hit in hits),
    )


def _treatment(case: Case, action: Action, finding: Finding) -> Action:
    # What was to be changed and cannot be must not leave as it is; of a reply nobody can be asked for a reason.
    stuck = (action in _EDITS and not case.editable(finding)) or (
        action is Action.COACH and finding.direction == "response"
    )
    return Action.BLOCK if stuck else action


def _reason(case: Case, hit: Hit) -> str:
    if hit.whole:
        return f"{hit.rule_id}: {hit.why}" if hit.why else hit.rule_id
    counts = Counter(case.findings[index].detector for index in hit.findings)
    named = ", ".join(f"{name} x{n}" if n > 1 else name for name, n in sorted(counts.items()))
    findings = [case.findings[index] for index in hit.findings]
    edits = hit.action in _EDITS
    fixed = sorted({_place(case, one) for one in findings if edits and not case.editable(one)})
    return (
        f"{hit.rule_id}: {named}"
        + "".join(f" (in {place}, which cannot be changed)" for place in fixed)
        + (f" ({hit.why})" if hit.why else "")
    )


def _place(case: Case, finding: Finding) -> str:
    pointer = case.segments[finding.segment].pointer if 0 <= finding.segment < len(case.segments) else ""
    return "an attached file" if pointer.startswith("#file") else "an object key"


def _say(case: Case, hit: Hit) -> str:
    detectors = sorted(_detectors(case, hit))
    more = f" and {len(detectors) - 3} more" if len(detectors) > 3 else ""
    values: Mapping[str, str] = {
        "finding": ", ".join(detectors[:3]) + more,
        "service": case.service.name or case.service.id or case.host,
        "model": case.model,
        "team": case.principal.team,
        "rule": hit.rule_id,
    }
    default = _DEFAULT_ASK if hit.action is Action.COACH else _DEFAULT_SAY
    return (hit.say or default).format_map({name: _plain(value) for name, value in values.items()})


def _plain(value: str) -> str:
    """A value as it may stand in a message: one line, bounded, never empty."""
    clean = "".join(c if c.isprintable() else " " for c in value[:_VALUE_MAX]).strip()
    return clean or "(unnamed)"
