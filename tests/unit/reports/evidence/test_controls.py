"""The mapping speaks of sections that there are, says what weir cannot show, and claims nothing."""

from __future__ import annotations

import re
from pathlib import Path

from weir.reports.evidence.controls import frameworks
from weir.reports.evidence.folder import Made

CLAIMS = re.compile(r"\b(complian(t|ce)|complies|conform|certif|satisf(y|ies)|guarantee)", re.IGNORECASE)


def test_every_control_is_said_in_full() -> None:
    ids = {item.name: [one.id for one in item.controls] for item in frameworks()}
    assert ids["EU AI Act"] == ["Art. 12(1)", "Art. 12(2)", "Art. 19(1)", "Art. 26(2)", "Art. 26(5)", "Art. 26(6)"]
    assert {"A.6.2.8", "A.9.2", "A.9.4"} <= set(ids["ISO/IEC 42001"])
    assert ids["SOC 2"] == ["CC6.1", "CC6.6", "CC6.7", "CC7.2", "CC7.3", "CC8.1"]
    assert {"MEASURE 2.4", "MANAGE 4.1", "GOVERN 1.6"} <= set(ids["NIST AI RMF"])
    for item in frameworks():
        assert item.note and len(set(ids[item.name])) == len(item.controls)
        for one in item.controls:
            assert one.asks and one.evidence and one.cannot, one.id
            assert not CLAIMS.search(f"{one.asks} {one.cannot}"), one.id


def test_evidence_is_a_section_of_the_folder(whole: tuple[Path, Made]) -> None:
    anchors = set(re.findall(r'<section id="([a-z]+)"', (whole[0] / "index.html").read_text()))
    assert {name for item in frameworks() for one in item.controls for name in one.evidence} <= anchors
