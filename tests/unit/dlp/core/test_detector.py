from __future__ import annotations

from weir.dlp.core.detector import SecretDetector
from weir.dlp.core.patterns import Deadline, compile_pattern
from weir.dlp.core.prefilter import Prefilter
from weir.dlp.rulebook.secret_rule import SecretRule


def detector(*keywords: str) -> SecretDetector:
    pattern = compile_pattern("k_[0-9a-z]{8}")
    return SecretDetector(SecretRule("secret/x", "", "high", "", pattern, keywords=keywords, score=0.8))


def test_it_speaks_for_its_rule() -> None:
    subject = detector()
    assert (subject.name, subject.severity) == ("secret/x", "high")
    assert list(subject.find("a k_q7w2e9r1", Deadline(60))) == [(2, 12, 0.8)]


def test_keywords_are_part_of_the_prefilter() -> None:
    prefilter = Prefilter([detector("acme.io", "a+b").sources])
    assert prefilter.hits("k_q7w2e9r1") == frozenset()
    assert prefilter.hits("acmexio k_q7w2e9r1") == frozenset()
    assert prefilter.hits("ACME.IO k_q7w2e9r1") == {0}
    assert prefilter.hits("A+B k_q7w2e9r1") == {0}
