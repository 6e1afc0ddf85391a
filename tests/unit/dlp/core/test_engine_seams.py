"""What is split over texts is found in each of them, and nothing else is."""

from __future__ import annotations

import pytest

from harness.detectors import Faulty, of, user
from weir.dlp.core.engine import Engine
from weir.dlp.rulebook.examples import expand


def split(key: str, *cuts: int) -> list[str]:
    return [key[a:b] for a, b in zip((0, *cuts), (*cuts, len(key)), strict=True)]


@pytest.mark.parametrize("cuts", [(20,), (10, 25)])
def test_a_key_that_is_split_over_texts_is_found_in_each_of_them(engine: Engine, cuts: tuple[int, ...]) -> None:
    key = expand("ghp_{b62:36}", "split")
    parts = split(key, *cuts)
    texts = [f"use {parts[0]}", *parts[1:-1], f"{parts[-1]} thanks"]
    scan = engine.scan(user(*texts))
    assert scan.complete
    found = [(f.detector, texts[f.segment][f.start : f.end]) for f in scan.findings]
    assert found == [("secret/github-token", part) for part in parts]
    assert len({finding.fingerprint for finding in scan.findings}) == 1
    assert engine.scan(user(key)).findings[0].fingerprint == scan.findings[0].fingerprint


def test_a_whole_key_at_the_end_of_a_text_does_not_take_in_the_next_word(engine: Engine) -> None:
    key = expand("sk-proj-{b62:60}", "seam")
    scan = engine.scan(user(f"my key is {key}", "Understood, thank you."))
    assert [(f.segment, f.start, f.end) for f in scan.findings] == [(0, 10, 10 + len(key))]


def test_personal_data_is_not_read_across_texts(engine: Engine) -> None:
    assert engine.scan(user("4111 1111", "1111 1111")).findings == ()


def test_seams_of_a_history_are_not_scanned_again() -> None:
    engine = Engine.load(entities=["EMAIL_ADDRESS"], fingerprint_key=b"k")
    texts = [f"message{n}endswithaword" for n in range(40)]
    engine.scan(user(*texts))
    again = engine.scan(user(*texts))
    assert again.scanned_chars == 0
    more = engine.scan(user(*texts, "onemoreturnofthechat"))
    assert 0 < more.scanned_chars < 1500


def test_what_is_not_to_be_remembered_is_not() -> None:
    detector = Faulty(hits=1)
    engine = of(detector)
    for _ in range(2):
        assert engine.scan(user("x one", "x two"), remember=False).findings
    assert len(engine._cache) == 0 and len(detector.seen) == 4
    engine.scan(user("x one"))
    assert engine.scan(user("x one"), remember=False).cached_chars == 5, "what is known already is not scanned again"


def test_slow_engines_say_so(engine: Engine) -> None:
    assert engine.slow is False and engine.helpers is None
    engine.start()
    engine.close()
    assert engine.scan(user("x")).complete
