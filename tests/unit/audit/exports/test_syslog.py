from __future__ import annotations

import re

import pytest

from unit.audit.exports.rows import CONTENT, VERSION, every, full, hostile
from weir.audit.exports.cef import cef
from weir.audit.exports.leef import leef
from weir.audit.exports.syslog import counted, message

# RFC 5424, section 6, as a pattern.
GRAMMAR = re.compile(
    rb"<(\d{1,3})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([!-~]{1,255}) "
    rb"([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32})"
    rb' ((?:\[[!-<>-Z^-~]{1,32}(?: [!-<>-Z^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*\])+) ([^\n\r\x00]*)'
)


def test_a_row_s_message() -> None:
    line = message(full(), "hello", host="gate-1", version=VERSION)
    assert line == (
        b'<106>1 2026-05-28T20:26:40.123456Z gate-1 weir p1 response [origin software="weir" swVersion="0.1.0"]'
        b'[meta sequenceId="7"] hello'
    )
    assert counted(line) == b"%d " % len(line) + line


@pytest.mark.parametrize("row", every())
def test_every_row_fits_the_grammar(row: dict[str, object]) -> None:
    for body in (cef(row, VERSION), leef(row, VERSION), "a\nb\r\nc\x00"):
        line = message(row, body, host="gate 1\n", version='"]\\')
        found = GRAMMAR.fullmatch(line)
        assert found and int(found[1]) <= 191 and CONTENT.encode() not in line


def test_a_leef_body_keeps_its_tabs() -> None:
    assert message(full(), leef(full(), VERSION)).count(b"\t") == leef(full(), VERSION).count("\t")


def test_hostile_values_do_not_leave_their_field() -> None:
    line = message(hostile(), "x", host='h"]\n[evil', version="v")
    assert line.count(b" ") >= 6 and b"\n" not in line and line.startswith(b"<")
    found = GRAMMAR.fullmatch(line)
    assert found and found[3] == b'h"]_[evil'


def test_lengths_count_bytes() -> None:
    assert counted("é".encode()) == b"2 \xc3\xa9"


def test_a_facility_that_does_not_exist() -> None:
    assert message(full(), "x", facility=0).startswith(b"<2>")
    with pytest.raises(ValueError, match="facility"):
        message(full(), "x", facility=24)


def test_numbers_go_round() -> None:
    for seq, shown in ((1, 1), (2**31 - 1, 2**31 - 1), (2**31, 1)):
        assert b'sequenceId="%d"' % shown in message({**full(), "seq": seq}, "x")
