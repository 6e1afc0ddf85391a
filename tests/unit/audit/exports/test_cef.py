from __future__ import annotations

import re

import pytest

from unit.audit.exports.rows import CONTENT, HOSTILE, VERSION, every, full, hostile
from weir.audit.exports.cef import cef, signature


def parsed(line: str) -> tuple[list[str], dict[str, str]]:
    """Header and pairs, as a receiver reads them that knows the rules of the format and nothing of weir."""
    *head, extension = re.fullmatch(r"((?:\\.|[^|\\])*)\|" * 7 + "(.*)", line).groups()
    starts = list(re.finditer(r"(?:^| )([A-Za-z0-9]+)=", extension))
    pairs = {}
    for at, found in enumerate(starts):
        end = starts[at + 1].start() if at + 1 < len(starts) else len(extension)
        value = extension[found.end() : end]
        pairs[found[1]] = re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), value)
    return head, pairs


def test_a_row_s_event() -> None:
    head, pairs = parsed(cef(full(), VERSION))
    assert head == ["CEF:0", "weir", "weir", "0.1.0", "response:redact", "AI exchange", "9"]
    assert pairs["rt"] == "1780000000123" and pairs["suser"] == "anna" and pairs["src"] == "10.20.0.7"
    assert (pairs["cs2Label"], pairs["cs2"], pairs["cn1Label"], pairs["cn1"]) == (
        "model",
        "gpt-5",
        "inputTokens",
        "900",
    )
    assert pairs["flexString1"] == "secret/aws-key injection/hidden" and pairs["outcome"] == "success"
    assert pairs["out"] == "2000" and pairs["in"] == "9000"


def test_a_hostile_value_stays_in_its_place() -> None:
    head, pairs = parsed(cef(hostile(), VERSION + "|x\\"))
    assert head[3] == "0.1.0\\|x\\\\" and len(head) == 7
    assert pairs["suser"] == 'a|b\\c=d "e"\n<13>1 f]\n g é\U0001f4a9 src=6.6.6.6'
    assert pairs["src"] != "6.6.6.6" and HOSTILE.split("=")[-1] not in pairs.values()


@pytest.mark.parametrize("row", every())
def test_one_line_without_content(row: dict[str, object]) -> None:
    line = cef(row, VERSION)
    assert "\n" not in line and "\r" not in line and "\x00" not in line and CONTENT not in line
    assert line.encode() and line.startswith("CEF:0|weir|weir|0.1.0|")


def test_a_long_value_does_not_end_in_half_an_escape() -> None:
    for length in range(2030, 2060):
        value = "\\" * length + "="
        line = cef({"kind": "response", "user": value}, VERSION)
        raw = line.partition("suser=")[2]
        assert (len(raw) - len(raw.rstrip("\\"))) % 2 == 0 or raw.endswith("\\=")


def test_signatures_are_labels() -> None:
    assert signature({"kind": "a|b", "action": "c d"}) == "a_b:c_d" and signature({}) == "event:none"
