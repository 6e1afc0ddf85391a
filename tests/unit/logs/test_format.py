"""What formats are told and tell."""

from __future__ import annotations

from weir.logs.format import COLUMNS, Row, Sample
from weir.logs.formats import formats


def test_blank_lines_are_not_filled() -> None:
    assert Sample(b"", ("a", "", "  ", "b")).filled == ("a", "b")


def test_every_format_says_what_it_is_and_has_one_way_of_reading() -> None:
    assert {"squid", "csv", "zeek", "dns"} <= set(formats())
    for name, format in formats().items():
        assert format.name == name
        assert format.says
        assert (format.sql is None) != (format.rows is None)


def test_no_format_claims_nothing_or_junk() -> None:
    for sample in (Sample(b"", ()), Sample(b"\xff\x00junk" * 50, ("junk", "\u00ff{[\"'", "a b c d"))):
        assert [name for name, format in formats().items() if format.looks(sample) >= 0.5] == []


def test_a_row_has_what_a_line_may_have() -> None:
    assert set(Row.__slots__) == set(COLUMNS) - {"requests", "bad"}
