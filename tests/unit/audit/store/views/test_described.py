from __future__ import annotations

from pathlib import Path

import pytest

from weir.audit.store import database as store
from weir.audit.store.views import MACROS, VIEWS
from weir.audit.store.views.described import TABLES, Described, columns_of, described, in_memory

WANTED = {
    *("top_findings", "secret_leaks", "blocked_by_rule", "shadow_ai_hosts", "new_destinations", "unsanctioned_models"),
    *("risky_tool_calls", "exfil_volume", "off_hours", "shared_key_many_users", "uninspected", "session_timeline"),
    *("cost_by_team_day", "cost_by_model", "top_spenders", "cache_savings", "cost_spikes", "focus", "verify_chain"),
    *("gaps", "subject_records", "policy_change_effect", "disclosures", "erasures", "retentions", "exchanges"),
}


def test_everything_that_was_asked_for_is_there_and_says_what_it_is_for() -> None:
    every = described()
    assert {one.name for one in every} >= WANTED | set(TABLES)
    assert len({(one.kind, one.name) for one in every}) == len(every)
    for one in every:
        assert 20 < len(one.comment) <= 125 and "\n" not in one.comment and one.comment.endswith("."), one.name


def test_every_example_can_be_asked() -> None:
    with in_memory() as connection:
        for one in described():
            connection.execute(one.example.replace("…", ""))


@pytest.mark.parametrize("one", [one for one in described() if one.kind == "macro"], ids=lambda one: one.name)
def test_columns_of_a_macro(one: Described) -> None:
    assert columns_of(one)


def test_columns_are_those_of_the_store_and_comments_stand_in_it(tmp_path: Path) -> None:
    with store.connect(tmp_path) as stored:
        rows = dict(stored.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall())
        macros = dict(
            stored.execute(
                "SELECT function_name, comment FROM duckdb_functions() WHERE NOT internal AND comment IS NOT NULL"
            ).fetchall()
        )
        there = [tuple(row[:2]) for row in stored.execute("DESCRIBE focus").fetchall()]
    assert all(rows.values())
    listed = {one.name: one.comment for one in described() if one.kind != "macro"}
    assert listed.items() <= rows.items()
    assert macros.pop("weir_place") and {one.name: one.comment for one in MACROS} == macros
    assert columns_of(next(one for one in described() if one.name == "focus")) == there
    assert len(VIEWS) >= 26
