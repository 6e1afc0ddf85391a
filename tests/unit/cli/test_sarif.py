"""SARIF 2.1.0: what the specification demands of a log is there, and no text."""

from __future__ import annotations

from typing import Any

from weir.cli.sarif import as_sarif
from weir.cli.scanning import Located

FINDINGS = [
    Located("a b/c.txt", "", 3, 5, 3, 9, 40, 44, "secret/acme-key", "secret", "critical", 0.95, "block"),
    Located("/tmp/d.zip", "member 2", 1, 1, 1, 5, 0, 4, "pii/EMAIL_ADDRESS", "pii", "low", 0.5),
    Located("a b/c.txt", "", 9, 1, 9, 2, 90, 91, "secret/acme-key", "secret", "critical", 0.95),
]  # fmt: skip


def run() -> dict[str, Any]:
    log = as_sarif(FINDINGS, {"secret/acme-key": "ACME key"}, [("e.png", "image")], "1.2.3")
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    (only,) = log["runs"]
    return only


def test_rules_are_named_once_and_pointed_to() -> None:
    made = run()
    driver = made["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("weir", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["pii/EMAIL_ADDRESS", "secret/acme-key"]
    assert [rule["shortDescription"]["text"] for rule in driver["rules"]] == ["pii/EMAIL_ADDRESS", "ACME key"]
    for result in made["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("note", "warning", "error") and result["message"]["text"]


def test_places_are_lines_columns_and_offsets() -> None:
    made = run()
    assert made["columnKind"] == "unicodeCodePoints"
    place = made["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b/c.txt"
    assert place["region"] == {
        "startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 9, "charOffset": 40, "charLength": 4,
    }  # fmt: skip
    assert made["results"][0]["properties"]["action"] == "block"


def test_a_document_has_no_lines() -> None:
    result = run()["results"][1]
    assert result["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "file:///tmp/d.zip"}}
    assert "member 2" in result["message"]["text"] and "action" not in result["properties"]


def test_what_was_not_looked_at_is_a_notification() -> None:
    (call,) = run()["invocations"]
    assert call["executionSuccessful"] is False
    (notice,) = call["toolExecutionNotifications"]
    assert "image" in notice["message"]["text"]
    clean = as_sarif([], {}, [], "1")["runs"][0]
    assert clean["invocations"][0]["executionSuccessful"] is True and clean["results"] == []


def test_no_snippet_anywhere() -> None:
    assert "snippet" not in str(run()) and "contents" not in str(run())
