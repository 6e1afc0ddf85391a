"""``weir scan``: formats, exit codes, and that nothing matched is ever printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

ADDRESS, CARD = "jane.doe@acme-corp.de", "4111 1111 1111 1111"
TEXT = f"Hello\nmail {ADDRESS} or\n  card {CARD}\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text(TEXT)
    return path


def test_people_see_places_and_names_and_no_values(weir: Callable, text: Path) -> None:
    done = weir("scan", text)
    assert done.code == 1
    lines = [line.split("  ") for line in done.out.splitlines()]
    assert lines[1][:2] == [f"{text}:2:6", "pii/EMAIL_ADDRESS"], "a place is never broken, however long"
    assert "credit card" in " ".join(done.out.split())
    assert "2 findings in 1 of them" in done.err
    assert not any(part in done.out + done.err for part in ("jane", "acme-corp", "4111"))


def test_programs_get_json(weir: Callable, text: Path) -> None:
    done = weir("scan", text, "--format", "json")
    made = json.loads(done.out)
    assert done.code == 1 and made["complete"] and made["files"] == 1 and "verdicts" not in made
    assert [
        (one["detector"], one["line"], one["column"], TEXT[one["start"] : one["end"]]) for one in made["findings"]
    ] == [
        ("pii/EMAIL_ADDRESS", 2, 6, ADDRESS),
        ("pii/CREDIT_CARD", 3, 8, CARD),
    ]
    assert set(made["findings"][0]) == {
        "file", "where", "line", "column", "start", "end", "detector", "category", "severity", "score",
    }  # fmt: skip
    assert "jane" not in done.out


def test_code_scanning_gets_sarif(weir: Callable, text: Path) -> None:
    done = weir("scan", text, "--format", "sarif")
    results = json.loads(done.out)["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == ["pii/EMAIL_ADDRESS", "pii/CREDIT_CARD"]
    assert "jane" not in done.out and "4111" not in done.out


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [("low", 1), ("medium", 1), ("high", 1), ("critical", 0), ("0.5", 1), ("1.0", 1), ("most", 2), ("1.5", 2)],
)
def test_the_exit_code_is_the_callers_choice(fail_on: str, code: int, weir: Callable, text: Path) -> None:
    assert weir("scan", text, "--fail-on", fail_on).code == code


def test_a_policy_says_what_it_would_do(weir: Callable, text: Path, tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(
        "version: 1\ndlp: {entities: [EMAIL_ADDRESS]}\nrules:\n- {id: mail-out, if: {finding: pii/*}, then: redact}\n"
    )
    made = json.loads(weir("scan", text, "--policy", policy, "--format", "json").out)
    assert [(one["detector"], one["action"]) for one in made["findings"]] == [("pii/EMAIL_ADDRESS", "redact")]
    assert made["verdicts"] == [{"file": str(text), "action": "redact", "rule": "mail-out"}]
    assert "redact" in weir("scan", text, "--policy", policy).out


def test_clean_files_are_fine(weir: Callable, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("nothing here")
    done = weir("scan", tmp_path)
    assert (done.code, done.out) == (0, "") and "nothing found" in done.err


def test_a_missing_file_is_told_and_the_others_are_scanned(weir: Callable, text: Path) -> None:
    done = weir("scan", "/no/such\x1bfile", text, "--format", "json")
    made = json.loads(done.out)
    assert done.code == 2 and not made["complete"] and len(made["findings"]) == 2
    assert made["unreadable"][0]["reason"] == "No such file or directory"
    assert "cannot be read" in done.err and "\x1b" not in done.err


def test_what_was_not_looked_at_fails(weir: Callable, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 50)
    done = weir("scan", tmp_path)
    assert done.code == 1 and "not all of it was looked at" in done.err
    assert weir("scan", tmp_path, "--skip", "*.png").code == 0


@pytest.mark.parametrize(
    "policy", ["version: 2\n", "version: 1\nunknown: 1\n", "version: 1\ndlp: {entities: [NOBODY]}\n"]
)
def test_a_policy_that_can_not_be_used_is_wrong_usage(policy: str, weir: Callable, text: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy)
    done = weir("scan", text, "--policy", path)
    assert done.code == 2 and done.out == "" and "p.yaml:" in done.err


def test_nothing_to_scan_is_wrong_usage(weir: Callable) -> None:
    assert weir("scan").code == 2
    assert weir("scan", "a", "--policy", "/none.yaml").code == 2
