"""The rules of a policy that are about replies: those that say ``direction: response``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from weir.model import Action, Finding, Segment, Verdict
from weir.policy.case import Case
from weir.policy.decide import Policy
from weir.policy.rules import CompiledRule

__all__ = ["EDITABLE", "UNEDITABLE", "ReplyPolicy"]

# The one text that a case about a reply shows: policy asks of it only whether something in it can be replaced.
EDITABLE: tuple[Segment, ...] = (Segment("/reply", "assistant", ""),)
UNEDITABLE: tuple[Segment, ...] = (Segment("#reply", "assistant", ""),)
_SAY = "The company's AI policy does not let this reply through (rule {})."


@dataclass(frozen=True, slots=True)
class ReplyPolicy:
    """What a policy has to say about replies. What was decided for the request is not decided again."""

    policy: Policy
    rules: tuple[CompiledRule, ...]
    acts: bool = field(init=False)  # whether any rule changes or stops replies
    of_findings: bool = field(init=False)  # whether a reply in which nothing is found is none of any rule's business

    def __post_init__(self) -> None:
        object.__setattr__(self, "acts", any(rule.action >= Action.REDACT for rule in self.rules))
        object.__setattr__(self, "of_findings", all(rule.when.finding is not None for rule in self.rules))

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """The part of ``policy`` that is about replies, with actions as they can be done to one."""
        rules = tuple(replace(rule, action=_as_done(rule.action)) for rule in policy.rules if rule.about("response"))
        return cls(Policy(policy.settings, rules, ()), rules)

    def acted_on(self, detectors: Iterable[str]) -> frozenset[str]:
        """Those of ``detectors`` whose findings some rule changes or stops."""
        acting = [rule for rule in self.rules if rule.action >= Action.REDACT]
        return frozenset(name for name in detectors if any(rule.names(name) for rule in acting))

    def decide(self, case: Case) -> Verdict:
        """The verdict on a reply: ``case`` is the request's with what the reply shows. Its direction is set here."""
        if case.findings or case.direction != "response":
            findings = tuple(replace(finding, segment=0) for finding in case.findings)
            case = replace(case, findings=findings, direction="response")
        found = self.policy.decide(case)
        spoken = any(rule.id == found.rule_id and rule.say for rule in self.rules)
        if found.action is not Action.BLOCK or spoken:
            return found
        return replace(found, say=_SAY.format(found.rule_id))

    def treatments(self, case: Case, findings: Sequence[Finding]) -> Sequence[Action]:
        """What is to become of each of ``findings``."""
        return self.decide(replace(case, findings=findings)).treatments


def _as_done(action: Action) -> Action:
    """``action`` as it can be done to a reply: nothing brings a stand-in back, and nobody can be asked for a reason."""
    if action is Action.PSEUDONYMISE:
        return Action.REDACT
    return Action.BLOCK if action > Action.PSEUDONYMISE else action
