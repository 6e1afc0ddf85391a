from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from unit.audit.store.rows import ask, exchange, open_ingester, put
from weir.audit.ingester.duty import Desk
from weir.audit.record import AuditRecord
from weir.audit.store.retention import RowRetention, prune_rows
from weir.sections_audit import Audit, Retention

Make = Callable[..., AuditRecord]
TODAY = date(2023, 11, 30)  # 15 days after NOON
KEPT = "SELECT team, count(*) FROM exchanges GROUP BY 1 ORDER BY 1"


def kept(**said: Any) -> Retention:
    return Retention.model_validate(said)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({"days": 15}, ["a", "b"]),
        ({"days": 14}, []),
        ({"days": 1, "except": [{"days": 15, "teams": ["a*"]}]}, ["a"]),
        ({"days": 1, "except": [{"days": 20, "teams": ["a"]}, {"days": 2, "services": ["openai"]}]}, ["a"]),
        ({"days": 1, "except": [{"days": 20, "teams": ["b"], "services": ["other"]}]}, []),
        ({"days": 400, "except": [{"days": 3, "teams": ["b"]}]}, ["a"]),
    ],
)
def test_rows_stay_as_long_as_the_policy_says(
    tmp_path: Path, record: Make, said: dict[str, Any], left: list[str]
) -> None:
    put(tmp_path, *exchange(record, team="a"), *exchange(record, team="b"))
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        counted = prune_rows(ingester.files, ingester.levels, kept(**said), tmp_path, today=TODAY, dry_run=True)
        assert ask(tmp_path, KEPT) == [("a", 1), ("b", 1)], "only counted"
        done = prune_rows(ingester.files, ingester.levels, kept(**said), tmp_path, today=TODAY)
    gone = 2 - len(left)
    assert counted == done and done.rows == {"events": 2 * gone, "findings": gone, "tool_calls": 0, "exchanges": gone}
    assert ask(tmp_path, KEPT) == [(team, 1) for team in left]
    assert ask(tmp_path, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM findings)") == [
        (2 * len(left), len(left))
    ]
    assert ask(tmp_path, "FROM verify_chain()") == []
    assert ask(tmp_path, "SELECT count(*), count(DISTINCT row_hash) FROM husks") == [(2 * gone, 2 * gone)]


def test_what_went_is_recorded_and_goes_once(tmp_path: Path, record: Make) -> None:
    put(tmp_path, *exchange(record), *exchange(record, day=14))
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        assert prune_rows(ingester.files, ingester.levels, kept(days=10), tmp_path, today=TODAY).rows["events"] == 2
        ingester.run_once()
        assert not prune_rows(ingester.files, ingester.levels, kept(days=10), tmp_path, today=TODAY).days
    ((extra,),) = ask(tmp_path, "SELECT extra::VARCHAR FROM events WHERE kind = 'retention'")
    assert orjson.loads(extra) == {
        "of": "store", "days": ["2023-11-15", "2023-11-15"],
        "events": 2, "findings": 1, "tool_calls": 0, "exchanges": 1,
    }  # fmt: skip


def test_nothing_goes_that_could_not_be_recorded(tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *exchange(record))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
            patch.setattr("weir.audit.store.retention.tell_retention", full)
            prune_rows(ingester.files, ingester.levels, kept(days=1), tmp_path, today=TODAY)
        ingester.run_once()
        assert ask(tmp_path, "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM husks)") == [(2, 0)]
        assert prune_rows(ingester.files, ingester.levels, kept(days=1), tmp_path, today=TODAY).rows["events"] == 2
        ingester.run_once()
    assert ask(tmp_path, "SELECT kind FROM events") == [("retention",)]
    assert ask(tmp_path, "SELECT count(*) FROM husks") == [(2,)]


def test_the_duty_goes_by_the_policy_of_the_moment(tmp_path: Path, record: Make) -> None:
    put(tmp_path, *exchange(record))
    with open_ingester(tmp_path) as ingester:
        ingester.run_once()
        duty = RowRetention(ingester.files, ingester.levels)
        desk = Desk(tmp_path, Audit.model_validate({"retention": {"days": 400}}))
        assert duty.run(desk, last=True) == []
        assert duty.run(desk, last=False) == ["2 rows of 1 days left the store; their time was over"]
        assert duty.run(desk, last=False) == []
