"""Shares of what was seen, by exchanges and bytes; who was known; what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.evidencesite import PERIOD, Site
from weir.reports.evidence.coverage import coverage, decisions, identification
from weir.reports.evidence.section import Section
from weir.reports.evidence.source import Source


@pytest.fixture(scope="module")
def source(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    folder: Path = tmp_path_factory.mktemp("coverage")
    with Source(site.data.path, PERIOD, folder / "scratch") as made:
        made.take(folder / "records")
        yield made


def rows(section: Section, name: str) -> dict[Any, dict[str, Any]]:
    """A table's rows as dicts by their first cell."""
    table = next(titled.table for titled in section.tables if titled.name == name)
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_shares_add_up_and_are_of_ai_traffic_alone(source: Source) -> None:
    made = coverage(source)
    whole = rows(made, "coverage")
    assert {name: row["exchanges"] for name, row in whole.items()} == {"inspected": 3, "partial": 1, "metered": 1}
    assert whole["inspected"]["bytes"] == 4000 and whole["inspected"]["exchanges_pct"] == 60.0
    assert round(sum(row["bytes_pct"] for row in whole.values()), 1) == 100.0
    services = rows(made, "coverage_by_service")
    assert (services["openai"]["inspected"], services["openai"]["partial"], services["deepseek"]["metered"]) == (
        3,
        1,
        1,
    )
    assert services["openai"]["inspected_pct"] == 75.0 and services["openai"]["other"] == 0
    days = rows(made, "coverage_by_day")
    assert [row["exchanges"] for row in days.values()] == [2, 3]
    assert rows(made, "coverage_why")["partial"]["reason"] == "too large"
    assert rows(made, "not_ai")["shop.example"]["exchanges"] == 1


def test_who_was_known(source: Source) -> None:
    made = identification(source)
    (row,) = rows(made, "identification").values()
    assert (row["exchanges"], row["known_user"], row["known_user_pct"], row["users"]) == (5, 3, 60.0, 2)
    assert row["known_user_team_or_app"] == 4, "of one the team is known"
    methods = rows(made, "identification_by_method")
    assert (methods["jwt"]["exchanges"], methods["network"]["known_user"], methods["none"]["exchanges"]) == (2, 0, 2)


def test_what_was_decided(source: Source) -> None:
    made = decisions(source)
    (rule,) = rows(made, "decisions_by_rule").values()
    assert (rule["rule"], rule["verdict"], rule["action"], rule["exchanges"]) == (
        "no-credentials-leave", "block", "block", 1
    )  # fmt: skip
    assert rows(made, "unanswered")["no reply recorded"]["exchanges"] == 1
