"""What each action does to an exchange, as a value: a caller does it, this module only says it.

A new action is one function here, named as operators write it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from weir.frozen import quick
from weir.model import Action, Mode, Verdict

__all__ = ["ACTIONS", "Outcome", "outcome"]

# No SDK retries these two; 408, 409, 429 and everything from 500 on they do.
STATUS_POLICY = 403  # who calls, where to, with what model: sending it again differently worded will not help
STATUS_CONTENT = 400  # something in the request itself: without it the request may pass


@quick
@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of an exchange."""

    forward: bool  # False: answer ``status`` without contacting the upstream
    edits_wanted: bool = False  # apply the verdict's treatments before forwarding; if that fails, do not forward
    alert: bool = False  # somebody should see this
    status: int = 0  # HTTP status of the refusal
    coach: bool = False  # tell how a person may state a reason and go on


def allow(verdict: Verdict) -> Outcome:
    """Forward unchanged."""
    return Outcome(forward=True)


def alert(verdict: Verdict) -> Outcome:
    """Forward unchanged and stand out in the audit."""
    return Outcome(forward=True, alert=True)


def redact(verdict: Verdict) -> Outcome:
    """Forward with what was found struck out, for good."""
    return Outcome(forward=True, edits_wanted=True, alert=True)


def pseudonymise(verdict: Verdict) -> Outcome:
    """Forward with stand-ins, which the reply gets back as they were."""
    return Outcome(forward=True, edits_wanted=True)


def coach(verdict: Verdict) -> Outcome:
    """Refuse until a person has stated a reason."""
    return Outcome(forward=False, alert=True, status=_status(verdict, Action.COACH), coach=True)


def block(verdict: Verdict) -> Outcome:
    """Refuse, with a status that SDKs raise at once and do not retry."""
    return Outcome(forward=False, alert=True, status=_status(verdict, Action.BLOCK))


def _status(verdict: Verdict, action: Action) -> int:
    return STATUS_CONTENT if action in verdict.treatments else STATUS_POLICY


ACTIONS: Mapping[Action, Callable[[Verdict], Outcome]] = {
    Action[function.__name__.upper()]: function for function in (allow, alert, redact, pseudonymise, coach, block)
}


def outcome(verdict: Verdict, mode: Mode = Mode.ENFORCE) -> Outcome:
    """What to do about ``verdict``. Observing, everything is forwarded unchanged, and alerts still stand out."""
    function = ACTIONS.get(verdict.action)
    # An action nobody implements must not forward by accident.
    decided = block(verdict) if function is None else function(verdict)
    return Outcome(forward=True, alert=decided.alert) if mode is Mode.OBSERVE else decided
