"""From a case to one verdict: every rule is asked, the strongest answer wins, so the order of rules cannot matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from weir.model import Action, Finding, Verdict
from weir.policy.builtin import BuiltIn, built_in
from weir.policy.case import Case
from weir.policy.rules import CompiledRule, Hit, compile_rule
from weir.settings import Settings

__all__ = ["Case", "Policy"]

_EDITS = (Action.REDACT, Action.PSEUDONYMISE)
_VALUE_MAX = 120  # characters of a client's own words (a model name) that a message repeats
_DEFAULT_SAY = "The company's AI policy does not allow this request (rule {rule})."


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy: immutable, so that a running weir swaps it by one assignment."""

    settings: Settings
    rules: tuple[CompiledRule, ...]
    built_in: tuple[BuiltIn, ...]

    @classmethod
    def compile(cls, settings: Settings) -> Self:
        """The policy that ``settings`` describe. Settings that were loaded always compile."""
        return cls(settings, tuple(compile_rule(rule) for rule in settings.rules), built_in(settings))

    def decide(self, case: Case) -> Verdict:
        """The verdict on ``case``: pure, the same in either mode. ``treatments`` align with ``case.findings``."""
        hits = [hit for rule in self.built_in if (hit := rule(case)) is not None]
        hits += [hit for rule in self.rules if (hit := rule.match(case)) is not None]
        if not hits:
            return Verdict(treatments=(Action.ALLOW,) * len(case.findings))
        return _combine(case, hits)


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
        say=_say(case, strongest) if action is Action.BLOCK else "",
        treatments=tuple(treatments),
        rules=tuple(hit.rule_id for hit in hits),
    )


def _treatment(case: Case, action: Action, finding: Finding) -> Action:
    # What was to be changed and cannot be must not leave as it is.
    return Action.BLOCK if action in _EDITS and not case.editable(finding) else action


def _reason(case: Case, hit: Hit) -> str:
    if hit.whole:
        return f"{hit.rule_id}: {hit.why}" if hit.why else hit.rule_id
    counts = Counter(case.findings[index].detector for index in hit.findings)
    named = ", ".join(f"{name} x{n}" if n > 1 else name for name, n in sorted(counts.items()))
    fixed = any(_treatment(case, hit.action, case.findings[index]) is not hit.action for index in hit.findings)
    return f"{hit.rule_id}: {named}" + (" (in an object key, which cannot be changed)" if fixed else "")


def _say(case: Case, hit: Hit) -> str:
    detectors = sorted({case.findings[index].detector for index in hit.findings})
    more = f" and {len(detectors) - 3} more" if len(detectors) > 3 else ""
    values: Mapping[str, str] = {
        "finding": ", ".join(detectors[:3]) + more,
        "service": case.service.name or case.service.id or case.host,
        "model": case.model,
        "team": case.principal.team,
        "rule": hit.rule_id,
    }
    return (hit.say or _DEFAULT_SAY).format_map({name: _plain(value) for name, value in values.items()})


def _plain(value: str) -> str:
    """A value as it may stand in a message: one line, bounded, never empty."""
    clean = "".join(c if c.isprintable() else " " for c in value[:_VALUE_MAX]).strip()
    return clean or "(unnamed)"
