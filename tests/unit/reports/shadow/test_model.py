from __future__ import annotations

from datetime import datetime

from weir.reports.shadow.model import Person, Service, ShadowReport, Totals


def test_a_report_of_nothing_is_whole() -> None:
    now = datetime(2026, 1, 2)
    made = ShadowReport(now, None, now)
    assert (made.totals, made.services, made.steps, made.coverage) == (Totals(), (), (), ())


def test_what_nobody_knows_is_not_made_up() -> None:
    service = Service("x", "X")
    assert (service.status, service.first_seen, service.users, service.new) == ("unknown", None, 0, False)
    assert Person("anna", "", (), (), 1, 0, 0, None).known
