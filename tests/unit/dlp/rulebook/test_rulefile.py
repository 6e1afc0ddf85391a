from __future__ import annotations

from pathlib import Path

import pytest

from weir.dlp.rulebook.rulefile import Entry, RuleError, entries

FILE = Path("rules.yaml")


def only(text: str) -> Entry:
    (entry,) = entries(FILE, f"rules:\n  - {text}\n".encode())
    return entry


def test_fields_by_type() -> None:
    entry = only("{id: a, list: [b, '1'], number: 2.5, yes: true}")
    assert entry.text("id") == "a" and entry.texts("list") == ("b", "1") and entry.texts("none") == ()
    assert entry.number("number", 0) == 2.5 and entry.number("none", 7) == 7
    assert entry.flag("yes") and not entry.flag("none")
    assert "id" in entry and "none" not in entry and entry.text("none", "d") == "d" and entry.line == 2


@pytest.mark.parametrize(
    ("text", "read", "problem"),
    [
        ("{a: [1]}", lambda entry: entry.text("a"), "is not a text"),
        ("{a: ''}", lambda entry: entry.text("a"), "is not a text"),
        ("{a: b}", lambda entry: entry.texts("a"), "is not a list"),
        ("{a: [[b]]}", lambda entry: entry.texts("a"), "is not a list"),
        ("{a: b}", lambda entry: entry.number("a", 0), "is not a number"),
        ("{a: [b]}", lambda entry: entry.number("a", 0), "is not a number"),
        ("{a: maybe}", lambda entry: entry.flag("a"), "is not true or false"),
        ("{a: b}", lambda entry: entry.check_names(("c",), ("a",)), "is missing"),
        ("{a: b}", lambda entry: entry.check_names(("c",), ()), "is not known"),
        ("just text", lambda entry: entry.check_names((), ()), "no rule"),
    ],
)
def test_what_is_of_another_type(text: str, read: object, problem: str) -> None:
    with pytest.raises(RuleError, match=problem) as caught:
        read(only(text))  # type: ignore[operator]
    assert caught.value.line == 2 and str(caught.value).startswith("rules.yaml:2: ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "rules"),
        (b"rules: 1", "rules"),
        (b"\xff", "UTF-8"),
        (b"rules: [", "file: "),
        (b"[" * 5000, "nested|rules|depth"),
    ],
)
def test_what_is_no_rule_file(content: bytes, problem: str) -> None:
    with pytest.raises(RuleError, match=problem):
        entries(FILE, content)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert entries(FILE, "\ufeffrules: []".encode()) == []
