"""Disks and stores are looked at as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from weir import settings
from weir.audit.spool.room import Room
from weir.datadir import DataDir
from weir.edge.health.looking import BUDGETS_MAX, BudgetUse, look, uses
from weir.edge.limits.limitstores import plan_for
from weir.limits.admission import Admission
from weir.limits.budget import Account, Budget, Claim, Scope, Standing, Unit, Window
from weir.limits.store import LedgerError
from weir.model import Principal
from weir.sections_audit import Disk

POLICY = """
version: 1
budgets:
  - {scope: team, name: "*", tokens: 1000, per: month}
rates:
  - {scope: org, requests: 100}
"""


@pytest.fixture
def admission(tmp_path: Path) -> Iterator[Admission]:
    plan = plan_for(settings.loads(POLICY), DataDir(tmp_path / "data"))
    assert plan is not None
    made = Admission(plan, lambda _: None)
    yield made
    made.gate.close()


def _claim(team: str, tokens: int) -> Claim:
    return Claim(f"claim-{team}", Principal(user="jane", team=team), "openai", "gpt-5-mini", tokens, 0)


def test_a_data_directory_as_it_should_be(tmp_path: Path, admission: Admission) -> None:
    data = DataDir(tmp_path / "data")
    assert data.spool.is_dir() and data.audit.is_dir()
    for team, tokens in (("finance", 250), ("research", 1000)):
        admission.gate.admit(_claim(team, tokens), stream=False, observe=False, again=None)
    found = look(data.path, Room(data.spool, Disk()), admission)
    assert found.reasons == ()
    assert found.at > 0 and found.free_bytes and found.behind is not None
    (use,) = found.budgets
    assert (use.scope, use.name, use.unit, use.per) == ("team", "*", "tokens", "month")
    assert (use.used_ratio, use.accounts, use.spent_up) == (1.0, 2, 1)


def test_what_is_wrong_is_told_by_a_word_and_without_the_stores_own(
    tmp_path: Path, admission: Admission, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = DataDir(tmp_path / "data")
    assert [reason.code for reason in look(data.path, None, None).reasons] == ["audit-spool"]
    room = Room(data.spool, Disk())
    room.disk = room.disk.model_copy(update={"floor": 1 << 62})

    def away() -> tuple[Standing, ...]:
        raise LedgerError("postgresql://jane:secret@db")

    monkeypatch.setattr(admission.gate, "standings", away)
    monkeypatch.setattr(admission.gate, "rates_answer", lambda: False)
    found = look(data.path, room, admission)
    assert [reason.code for reason in found.reasons] == ["audit-disk", "budgets-store", "rates-store"]
    assert "secret" not in repr(found)


def _standing(number: int, scope: Scope, name: str) -> Standing:
    budget = Budget(f"id-{number}", scope, Unit.TOKENS, 100, Window.DAY, name)
    return Standing(Account(budget, f"somebody-{number}", 0), spent=50, reserved=number)


def test_nobodys_name_and_no_number_of_keys_becomes_a_label() -> None:
    found = uses(
        [
            *(_standing(number, Scope.KEY, f"key-{number}") for number in range(40)),
            _standing(50, Scope.USER, "jane@example.org"),
            _standing(1, Scope.TEAM, "finance"),
        ]
    )
    assert found == (
        BudgetUse("of-keys", "key", "", "tokens", "day", 0.89, 40, 0),
        BudgetUse("id-50", "user", "", "tokens", "day", 1.0, 1, 1),
        BudgetUse("id-1", "team", "finance", "tokens", "day", 0.51, 1, 0),
    )
    many = uses(_standing(number, Scope.TEAM, f"team-{number}") for number in range(2_000))
    assert len(many) == BUDGETS_MAX + 1
    assert (many[-1].id, many[-1].accounts) == ("others", 2_000 - BUDGETS_MAX)
