"""Gaps with their length, erasures, disclosures, budgets, unsanctioned services, who had access."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.evidencesite import EMAIL, PERIOD, Site
from weir.reports.evidence.happened import happened
from weir.reports.evidence.source import Source


@pytest.fixture(scope="module")
def tables(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    folder: Path = tmp_path_factory.mktemp("happened")
    with Source(site.data.path, PERIOD, folder / "scratch") as source:
        source.take(folder / "records")
        made = [titled for section in happened(source) for titled in section.tables]
    return {one.name: [dict(zip(one.table.columns, row, strict=True)) for row in one.table.rows] for one in made}


def test_gaps_have_a_length(tables: dict[str, list[dict[str, Any]]]) -> None:
    assert tables["gaps_in_all"] == [{"gaps": 1, "records_missing": 12, "seconds": 7.5}]
    assert (tables["gaps"][0]["records_missing"], tables["gaps"][0]["reason"]) == (12, "no space left on device")
    assert len(tables["runs"]) == 1 and tables["runs"][0]["records"] == 15


def test_what_became_of_texts(tables: dict[str, list[dict[str, Any]]]) -> None:
    (erased,), (read,) = tables["erasures"], tables["disclosures"]
    assert (erased["of_user"], erased["keys_destroyed"], erased["reason"]) == (
        "carla",
        "3",
        "erased by dora: request 17",
    )
    assert (read["by_whom"], read["of_event"], read["outcome"], read["reason"]) == (
        "ben",
        "e1",
        "opened",
        "complaint 4",
    )
    assert tables["deletions"] == []


def test_findings_tools_and_services(tables: dict[str, list[dict[str, Any]]]) -> None:
    (found,) = tables["findings"]
    assert (found["detector"], found["done"], found["findings"], found["values"]) == ("secret/key", "block", 1, 1)
    assert tables["tool_calls"][0]["name"] == "grep"
    shadow = {row["service"]: row for row in tables["shadow"]}
    assert shadow["deepseek"]["status"] == "unsanctioned" and "" not in {row["service"] for row in tables["shadow"]}


def test_budgets_and_access(tables: dict[str, list[dict[str, Any]]]) -> None:
    assert tables["budget_marks"][0]["whose"] == "finance"
    assert [row["key_id"] for row in tables["virtual_keys"]] == ["vk1"]
    assert {row["user"] for row in tables["people"]} == {EMAIL, "ben"}
