"""What the policy's section ``credentials`` says to the raw credentials of a request. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weir.model import Action
from weir.policy.case import Case, Shown
from weir.policy.rules import Hit
from weir.settings import Settings

__all__ = ["RULE", "Ruling", "credential_hit", "ruling"]

RULE = "credential"
_ORDER = ("allow", "alert", "replace", "block")
_SAY = (
    "The company's AI policy does not take this credential here (kind: {kind}). Use the key that the company gives you."
)


@dataclass(frozen=True, slots=True)
class Ruling:
    """``words`` are what becomes of each credential, in their order; ``word`` is the strongest, ``say`` its text."""

    word: str = "allow"
    words: tuple[str, ...] = ()
    say: str = ""
    why: str = ""  # for the audit


def ruling(settings: Settings, service: str, shown: Sequence[Shown]) -> Ruling:
    """The ruling on all credentials of one request to ``service``: each has its own, and the strongest holds."""
    words: list[str] = []
    reasons: list[str] = []
    strongest = Ruling()
    for one in shown:
        treatment = settings.credentials.treatment(service, one.kind)
        word = treatment.word(replaceable=not one.why_not)
        words.append(word)
        if word == "allow":
            continue
        kept = treatment.then == "replace" and word != "replace"
        reason = f"{one.kind}: {word}" + (f" (no other key can take its place: {one.why_not})" if kept else "")
        if reason not in reasons:
            reasons.append(reason)
        if _ORDER.index(word) > _ORDER.index(strongest.word):
            strongest = Ruling(word, say=treatment.say or _SAY.replace("{kind}", one.kind))
    return Ruling(strongest.word, tuple(words), strongest.say, ", ".join(reasons[:8]))


def credential_hit(settings: Settings, case: Case) -> Hit | None:
    """The hit on ``case``: a block, or an alert for what is only to be seen and for what is replaced."""
    if not case.shown or not case.concerns_ai or case.direction != "request":
        return None
    found = ruling(settings, case.service.id, case.shown)
    if found.word == "allow":
        return None
    action = Action.BLOCK if found.word == "block" else Action.ALERT
    return Hit(RULE, action, found.say if action is Action.BLOCK else "", found.why)
