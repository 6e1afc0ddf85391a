from __future__ import annotations

import json

import pytest

from harness.memorystore import MemoryStore
from unit.reports.shadow.conftest import NOW
from weir.reports.shadow.forms import document, services_table
from weir.reports.shadow.made import report
from weir.reports.shadow.model import ShadowReport
from weir.reports.table import as_csv
from weir.shadow.catalogue import Catalogue


@pytest.fixture(scope="module")
def made(filled: MemoryStore, catalogue: Catalogue) -> ShadowReport:
    return report(filled.connection, None, catalogue, now=NOW)


def test_the_document_is_json_with_every_part(made: ShadowReport) -> None:
    told = json.loads(json.dumps(document(made)))
    assert set(told) == {
        *("title", "made", "since", "until", "totals", "days", "services", "people", "credentials", "blind", "hints"),
        *("steps", "coverage"),
    }
    assert (told["made"], told["since"], told["days"][0]) == ("2023-11-15T12:00:00.000Z", None, "2023-11-02")
    assert told["services"][0]["id"] == "deepl" and told["services"][0]["sources"] == ["squid"]
    assert told["coverage"]["logs"] == 42
    assert told["steps"][0]["title"] and told["people"][0]["user"] == "anna"


def test_the_table_has_a_row_a_service(made: ShadowReport) -> None:
    table = services_table(made)
    assert table.columns[:6] == ("service", "hosts", "status", "discovered", "inspection", "users")
    assert [row[0] for row in table.rows] == [service.id for service in made.services]
    lines = as_csv(table).splitlines()
    assert len(lines) == 1 + len(made.services) and lines[1].startswith("deepl,www.deepl.com,unknown,false,")
    assert "; " in lines[1], "reasons have blanks of their own"
