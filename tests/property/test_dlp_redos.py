"""Texts made to take long: each is scanned whole, or the scan says that it was not; always in its time."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.effort import within
from weir.dlp.core.engine import Engine
from weir.model import Segment

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "benches"))
from dlp_texts import hostile, key

CHARS = 50_000
BOUND_S = 1.0  # of processor time; the bench shows how far below it is
TEXTS = hostile(CHARS)


@cache
def engine() -> Engine:
    made = Engine.load(fingerprint_key=b"property-test-key", cache_entries=0)
    made._scanner.prefilter.warm()
    return made


def judge(text: str, planted: str) -> None:
    subject = engine()
    scan = within(BOUND_S, lambda: subject.scan([Segment("/0", "user", f"{text} {planted}")], deadline_s=2.0))
    start = len(text) + 1
    found = any(f.start <= start and start + len(planted) <= f.end for f in scan.findings if f.category == "secret")
    assert found or not scan.complete
    assert scan.complete or scan.reason


def test_there_are_enough_of_them() -> None:
    assert len(TEXTS) >= 40 and all(CHARS * 0.7 < len(text) <= CHARS for text in TEXTS.values())


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_hostile_text(name: str) -> None:
    judge(TEXTS[name], key(name))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(["a", "1", ".", "@", ":", "-", "=", " ", "\n", "/", "é", "\u200b", '"', "%41", "0x"]),
             min_size=1, max_size=6).map("".join),
    st.sampled_from(["", "password=", "token: ", "a@b.", "+1 ", "-----BEGIN ", "eyJ"]),
)  # fmt: skip
def test_any_unit_over_and_over(unit: str, between: str) -> None:
    text = (f"{unit * 40}{between}" * (CHARS // 40 + 1))[:CHARS]
    judge(text, key(unit))
