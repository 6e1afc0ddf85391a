"""The list of duties: each has a name of its own and a pace."""

from __future__ import annotations

from pathlib import Path

from weir.audit.ingester.duties import duties
from weir.audit.ingester.ingest import Ingester


def test_each_duty_has_a_name_and_a_pace(tmp_path: Path) -> None:
    with Ingester(tmp_path / "spool", tmp_path / "audit") as ingester:
        todo = duties(ingester)
    names = [duty.name for duty in todo]
    assert len(set(names)) == len(names)
    assert all(duty.every_s > 0 for duty in todo)


def test_without_a_policy_no_record_goes(tmp_path: Path) -> None:
    with Ingester(tmp_path / "spool", tmp_path / "audit") as ingester:
        with_one = {duty.name for duty in duties(ingester)}
        without = {duty.name for duty in duties(ingester, retention=False)}
    assert len(with_one - without) == 2 and without < with_one
