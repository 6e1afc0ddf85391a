"""What each action does to an exchange."""

from __future__ import annotations

import pytest

from weir.model import Action, Mode, Verdict
from weir.policy import actions
from weir.policy.actions import Outcome, outcome
from weir.settings import ACTIONS

RETRIED = {408, 409, 429}


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict(), Outcome(forward=True)),
        (Verdict(Action.ALERT), Outcome(forward=True, alert=True)),
        (Verdict(Action.REDACT), Outcome(forward=True, edits_wanted=True, alert=True)),
        (Verdict(Action.PSEUDONYMISE), Outcome(forward=True, edits_wanted=True)),
        (Verdict(Action.BLOCK), Outcome(forward=False, alert=True, status=403)),
        (Verdict(Action.BLOCK, treatments=(Action.REDACT,)), Outcome(forward=False, alert=True, status=403)),
        (Verdict(Action.BLOCK, treatments=(Action.BLOCK,)), Outcome(forward=False, alert=True, status=400)),
        (Verdict(Action.COACH), Outcome(forward=False, alert=True, status=403, coach=True)),
        (
            Verdict(Action.COACH, treatments=(Action.COACH, Action.REDACT)),
            Outcome(forward=False, alert=True, status=400, coach=True),
        ),
        (Verdict(Action.BLOCK, treatments=(Action.COACH,)), Outcome(forward=False, alert=True, status=403)),
        (Verdict(Action.DOWNGRADE), Outcome(forward=False, alert=True, status=403)),
    ],
)
def test_enforcing(verdict: Verdict, expected: Outcome) -> None:
    assert outcome(verdict) == outcome(verdict, Mode.ENFORCE) == expected


@pytest.mark.parametrize("action", Action)
def test_observing_changes_nothing(action: Action) -> None:
    found = outcome(Verdict(action, treatments=(action,)), Mode.OBSERVE)
    assert found.forward and not found.edits_wanted and not found.status
    assert found.alert is outcome(Verdict(action, treatments=(action,))).alert


def test_the_grammar_and_the_registry_agree() -> None:
    assert tuple(action.word for action in actions.ACTIONS) == ACTIONS


def test_sdks_retry_neither_status() -> None:
    for status in (actions.STATUS_POLICY, actions.STATUS_CONTENT):
        assert 400 <= status < 500 and status not in RETRIED
