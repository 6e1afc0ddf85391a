"""The inventory of credentials that are no virtual keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import pytest

from unit.reports.conftest import exchange, stored
from weir.reports import credentials
from weir.reports.table import as_csv, as_json

ADA, BOT, SEEN = "ada0" * 8, "b070" * 8, "5ee0" * 8


def shown(hour: int, kind: str, print_: str, **given: Any) -> Any:
    values = {"credential": "raw", "credential_kind": kind, "api_key_fp": print_, "provider": "openai"}
    return exchange(hour, **{**values, **given})


RECORDS = (
    shown(1, "personal", ADA, user="ada", src_ip="10.0.0.1"),
    shown(2, "personal", ADA, user="ben", src_ip="10.0.0.2", action="block", rule_id="credential"),
    shown(3, "personal", ADA, user="ada", src_ip="10.0.0.1", managed_key="openai-2",
          extra=json.dumps({"credential_replaced": ADA})),
    shown(4, "project", BOT, user="", team="", app="", host="gateway.example", provider="", service="gateway.example",
          extra=json.dumps({"credential_of": "openai", "credentials": f"admin:{SEEN} api:{ADA}:anthropic"})),
    shown(5, "session", SEEN, credential="session", provider="chatgpt", host="chatgpt.com"),
    exchange(6, credential="virtual", credential_kind="virtual", key_id="vk-1"),
    exchange(7, credential="none"),
)  # fmt: skip


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with stored(tmp_path_factory.mktemp("credentials"), RECORDS) as made:
        yield made


def rows(connection: duckdb.DuckDBPyConnection, **given: Any) -> dict[tuple[str, str], dict[str, Any]]:
    table = credentials.run(connection, given.pop("since", None), **given)
    named = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return {(row["provider"], row["kind"]): row for row in named}


def test_a_row_per_credential(connection: duckdb.DuckDBPyConnection) -> None:
    found = rows(connection)
    assert set(found) == {
        ("openai", "personal"), ("openai", "project"), ("gateway.example", "admin"), ("anthropic", "api"),
        ("chatgpt", "session"),
    }  # fmt: skip
    ada = found["openai", "personal"]
    assert ada["fingerprint"] == ADA[:12] and ada["exchanges"] == 3 and ada["addresses"] == 2
    assert ada["done"] == ["allow", "block", "replace"] and ada["users"] == ["ada", "ben"] and ada["unidentified"] == 0
    assert (ada["first_seen"], ada["last_seen"]) == (datetime(2023, 11, 15, 1), datetime(2023, 11, 15, 3))


def test_a_key_that_went_to_somebody_else_stands_under_its_own_provider(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    stray = rows(connection)["openai", "project"]
    assert (
        stray["hosts"] == ["gateway.example"]
        and stray["unidentified"] == 1
        and stray["users"] == stray["teams"] == stray["apps"] == []
    )


def test_one_kind_and_a_time(connection: duckdb.DuckDBPyConnection) -> None:
    assert set(rows(connection, kind="admin")) == {("gateway.example", "admin")}
    assert set(rows(connection, since=datetime(2023, 11, 15, 5))) == {("chatgpt", "session")}
    assert rows(connection, kind="oauth") == {}


def test_forms_for_programs(connection: duckdb.DuckDBPyConnection) -> None:
    table = credentials.run(connection, None, "personal")
    (row,) = json.loads(as_json(table))["rows"]
    assert row["users"] == ["ada", "ben"] and row["first_seen"].endswith("Z")
    assert as_csv(table).splitlines()[1].startswith(f"openai,personal,{ADA[:12]},3,allow block replace,ada ben,")


def test_the_view_says_the_same(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute(
        "SELECT exchanges, replaced, blocked, users, addresses FROM credentials WHERE fingerprint = ?", [ADA]
    ).fetchall()
    assert (3, 1, 1, ["ada", "ben"], 2) in found
