"""How far the store goes back, what the policy says of keeping, and what columns mean."""

from __future__ import annotations

import json
from pathlib import Path

from harness.evidencesite import PERIOD, Site
from weir import settings
from weir.reports.evidence.folder import Made
from weir.reports.evidence.kept import Keeping, retention
from weir.reports.evidence.source import Source

POLICY = """
version: 1
audit:
  content: {keep: findings, days: 7, except: [{keep: full, services: openai}, {keep: "off", teams: legal}]}
  retention: {days: 200, except: [{days: 900, teams: [legal]}]}
"""


def test_what_the_policy_says(site: Site, tmp_path: Path) -> None:
    loaded = settings.loads(POLICY)
    with Source(site.data.path, PERIOD, tmp_path) as source:
        made = retention(source, Keeping(loaded.audit, loaded.hash))
        without = retention(source, None)
    store, said = (titled.table for titled in made.tables)
    assert store.rows[0][2] > 15, "the whole store, not the period alone"
    assert dict(said.rows) == {
        "records": "200 days", "lines of the spool": "30 days", "records of legal": "900 days",
        "texts": "findings, 7 days", "texts of openai": "full, 7 days", "texts of legal": "off",
        "durability": "strict", "checkpoints": "every 1000 rows and 60 s", "published to": "no other place",
    }  # fmt: skip
    assert len(without.tables) == 1 and "was not looked up" in without.says[-1]


def test_how_many_places_and_how_long_in_exceptions(site: Site, tmp_path: Path) -> None:
    text = "audit: {content: {keep: full, except: [{keep: full, days: 0, teams: legal}]}, checkpoints: {publish: [%s]}}"
    loaded = settings.loads("version: 1\n" + text % "{directory: /a}, {directory: /b}")
    with Source(site.data.path, PERIOD, tmp_path) as source:
        told = dict(retention(source, Keeping(loaded.audit, loaded.hash)).tables[1].table.rows)
    assert (told["texts of legal"], told["published to"]) == ("full, 0 days", "2 places")


def test_the_schema_stands_beside_the_records(whole: tuple[Path, Made]) -> None:
    schema = json.loads((whole[0] / "records" / "schema.json").read_text())
    assert {"events", "findings", "tool_calls"} <= set(schema)
    user = next(one for one in schema["events"] if one["column"] == "user")
    assert user == {"column": "user", "type": "VARCHAR", "field_id": 40, "means": "name of the user"}
