from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from weir.audit.record import AuditRecord, FindingRow, ToolCallRow

Make = Callable[..., AuditRecord]
Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.mark.parametrize(
    ("name", "risk"),
    [
        ("Bash", "runs commands"),
        ("run_terminal_cmd", "runs commands"),
        ("functions.exec_command", "runs commands"),
        ("code_interpreter", "runs code"),
        ("WebFetch", "uses the network"),
        ("str_replace_based_edit_tool", "changes files"),
        ("MultiEdit", "changes files"),
        ("execute_sql", "runs commands"),
        ("mcp__github__pushFiles", "changes data"),
        ("sendEmail", "sends messages"),
        ("get_secret", "handles credentials"),
        ("TodoWrite", None),
        ("update_plan", None),
        ("get_weather", None),
        ("Grep", None),
        ("bashful", None),
    ],
)
def test_a_name_says_what_a_tool_does(written: Callable[..., Query], record: Make, name: str, risk: str | None) -> None:
    query = written(record(tool_calls=(ToolCallRow(ord=0, name=name),)))
    assert query("SELECT risk FROM risky_tool_calls") == ([(risk,)] if risk else [])


def test_a_call_is_risky_by_what_weir_saw_and_did_too(written: Callable[..., Query], record: Make) -> None:
    def calls(name: str) -> tuple[ToolCallRow, ...]:
        return (ToolCallRow(ord=0, name=name, call_id=f"c-{name}"),)

    query = written(
        record(tool_calls=calls("look"), user="ben"),
        record(tool_calls=calls("find"), findings=(FindingRow(ord=0, detector="pii/x"), FindingRow(ord=1))),
        record(tool_calls=calls("list"), action="block"),
        record(tool_calls=(ToolCallRow(ord=0, action="block"),)),
    )
    assert query('SELECT "user", name, risk, action, findings, call_id FROM risky_tool_calls ORDER BY name') == [
        ("anna", "find", None, "allow", 2, "c-find"),
        ("anna", "list", None, "block", 0, "c-list"),
        ("anna", None, None, "block", 0, None),
    ]
