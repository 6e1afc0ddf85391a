from __future__ import annotations

import pytest

from unit.audit.exports.rows import CONTENT, VERSION, every, full, hostile
from weir.audit.exports.leef import leef


def parsed(line: str) -> tuple[list[str], dict[str, str]]:
    head = line.split("|", 6)
    return head[:6], dict(part.split("=", 1) for part in head[6].split("\t"))


def test_a_row_s_event() -> None:
    head, pairs = parsed(leef(full(), VERSION))
    assert head == ["LEEF:2.0", "weir", "weir", "0.1.0", "response:redact", "x09"]
    assert pairs["devTime"] == "1780000000123" and pairs["sev"] == "9" and pairs["usrName"] == "anna"
    assert pairs["model"] == "gpt-5" and pairs["srcBytes"] == "2000" and pairs["msg"] == "AI exchange"
    assert pairs["detectors"] == "secret/aws-key injection/hidden"


def test_a_hostile_value_stays_in_its_place() -> None:
    head, pairs = parsed(leef(hostile(), "1|2\t3"))
    assert head[3] == "1_2_3"
    assert pairs["usrName"] == 'a|b\\c=d "e" <13>1 f] g é\U0001f4a9 src=6.6.6.6'
    assert pairs["src"] == pairs["usrName"]  # not what the value says


@pytest.mark.parametrize("row", every())
def test_one_line_without_content(row: dict[str, object]) -> None:
    line = leef(row, VERSION)
    assert "\n" not in line and "\r" not in line and CONTENT not in line
    _, pairs = parsed(line)
    assert 1 <= int(pairs["sev"]) <= 10
