"""What a scan tells: findings up to a number, reasons once, characters by whether they were new."""

from __future__ import annotations

from dataclasses import replace

import pytest

from weir.dlp.core.cache import Span
from weir.dlp.core.told import Told, finding

SPAN = Span("secret/aws-access-key", "high", 3, 9, 0.9, "f" * 32)


def test_a_finding_says_where_it_is_and_what() -> None:
    found = finding(2, SPAN, "response")
    assert (found.segment, found.start, found.end, found.direction) == (2, 3, 9, "response")
    assert (found.detector, found.category, found.fingerprint) == (SPAN.detector, "secret", SPAN.fingerprint)


def test_too_many_findings_are_cut_and_that_is_a_reason() -> None:
    told = Told(2, "more than 2", "request")
    assert told.take([finding(0, SPAN, "request")]) and not told.reasons
    assert not told.take(finding(0, SPAN, "request") for _ in range(5))
    assert len(told.findings) == 2 and told.reasons == ["more than 2"]
    told.because("more than 2")
    told.because("")
    assert told.reasons == ["more than 2"]


def test_characters_count_by_whether_they_were_new() -> None:
    told = Told(2, "", "request")
    told.count(5, True)
    told.count(7, False)
    assert (told.scanned, told.cached) == (5, 7)


def test_what_a_finding_covers() -> None:
    told = Told(9, "", "request")
    told.take([finding(1, SPAN, "request"), finding(2, replace(SPAN, detector="pii/EMAIL_ADDRESS"), "request")])
    assert told.covers(1, 4, 9) and not told.covers(1, 4, 10) and not told.covers(0, 4, 9)


@pytest.mark.parametrize(("glance", "glances"), [(None, False), (0, True), (10, True)])
def test_so_many_characters_get_more_than_a_glance(glance: int | None, glances: bool) -> None:
    told = Told(9, "", "request", glance)
    assert told.glances is glances
    if glance == 10:
        assert told.spend(4) and told.spend(6) and not told.spend(1)
