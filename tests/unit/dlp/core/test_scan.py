"""One text: what runs, where, in what time, and what is said when that was not all."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence

import pytest

from harness.detectors import Faulty
from harness.effort import within
from weir.dlp.core import patterns
from weir.dlp.core.detector import SecretDetector
from weir.dlp.core.engine import Engine
from weir.dlp.core.patterns import Deadline, Marked
from weir.dlp.core.scan import LATE, Scanner, derived_key
from weir.dlp.rulebook.examples import expand
from weir.dlp.rulebook.rules import load_rules

KEY = expand("ghp_{b62:36}", "scan")


def scanner(*detectors: Faulty, findings_max: int = 10) -> Scanner:
    return Scanner(detectors, key=b"k", findings_max=findings_max)


def spans(engine: Engine, text: str, *, seam: bool = False) -> list[tuple[str, str]]:
    result, final = engine._scanner.scan(text, text.encode(), None, seam=seam)
    assert final and result.reason == ""
    return [(span.detector, text[span.start : span.end]) for span in result.spans]


def test_a_detector_is_told_where_it_may_match() -> None:
    given: list[str] = []

    class Looking(Faulty):
        def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
            given.append(text)
            return iter(())

    scanner(Looking()).scan("a x b x", b"a x b x", None)
    (text,) = given
    assert isinstance(text, Marked) and list(text.places["x"]) == [3, 7]


@pytest.mark.parametrize(
    "written",
    [
        base64.b64encode(f"token {KEY} end".encode()).decode(),
        base64.b64encode(base64.b64encode(f"token {KEY} end".encode())).decode(),
        f"token {KEY} end".encode().hex(),
        "".join(f"%{ord(c):02x}" for c in KEY),
    ],
    ids=["base64", "twice", "hex", "percent"],
)
def test_what_is_encoded_is_found_where_it_stands(engine: Engine, written: str) -> None:
    text = f"please run {written} for me"
    plain, _ = engine._scanner.scan(KEY, KEY.encode(), None)
    result, final = engine._scanner.scan(text, text.encode(), None)
    (span,) = (found for found in result.spans if found.detector == "secret/github-token")
    begin = text.index(written)
    assert final and begin <= span.start < span.end <= begin + len(written)
    assert span.fingerprint == plain.spans[0].fingerprint  # the same secret, however it is written


def test_what_cannot_all_be_read_is_told_and_kept(engine: Engine) -> None:
    deep = f"token {KEY} end".encode()
    for _ in range(6):
        deep = base64.b64encode(deep)
    result, final = engine._scanner.scan(deep.decode(), deep, None)
    assert final and result.reason != "" and LATE not in result.reason


def test_across_a_seam_only_secrets_are_sought(engine: Engine) -> None:
    text = f"{KEY} jane@acme.com"
    assert [name for name, _ in spans(engine, text)] == ["secret/github-token", "pii/EMAIL_ADDRESS"]
    assert [name for name, _ in spans(engine, text, seam=True)] == ["secret/github-token"]


def test_in_what_a_guess_put_together_only_secrets_are_sought() -> None:
    personal, secret = Faulty(), Faulty(name="secret/S")
    nested = base64.b64encode(b"with an x and more to be read here").decode()
    text = "see " + " ".join(nested)
    scanner(personal, secret).scan(text, text.encode(), None)
    assert any("and more" in seen for seen in secret.seen)
    assert not any("and more" in seen for seen in personal.seen)
    scanner(personal, secret).scan(nested, nested.encode(), None)
    assert any("and more" in seen for seen in personal.seen), "what is encoded is no guess"


def test_the_time_for_a_text_is_one_for_all_its_readings() -> None:
    class Endless(Faulty):
        def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
            self.seen.append(text)
            while True:
                deadline.left()
            yield

    subject = Endless()
    text = "x \u200bx" + base64.b64encode(b"x and more of x and x").decode()
    both = scanner(subject, Faulty(name="pii/B", hits=1))
    result, final = within(0.3, lambda: both.scan(text, text.encode(), None))
    assert not final and "out of time in pii/FAULTY" in result.reason
    assert any(span.detector == "pii/B" for span in result.spans)
    assert len({len(seen) for seen in subject.seen}) >= 2  # its readings too


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_the_whole_scans_time_ends_it(seconds: float) -> None:
    class Endless(Faulty):
        def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
            while True:
                deadline.left()
            yield

    result, final = scanner(Endless()).scan("x", b"x", Deadline(seconds))
    assert not final and result.reason == LATE


def test_keys_are_derived() -> None:
    assert derived_key(b"a") != derived_key(b"b") != b"b"


def test_findings_are_capped_with_one_to_spare() -> None:
    both = scanner(Faulty(hits=8), Faulty(name="secret/B", hits=8, width=2), findings_max=3)
    result, final = both.scan("x" * 40, b"x" * 40, None)
    assert final and result.reason == "more than 3 findings" and len(result.spans) <= 4


def places(found: Sequence[tuple[str, str]]) -> list[str]:
    return [value for _, value in found]


def test_windows_lose_nothing_at_the_edges_of_a_long_text(engine: Engine) -> None:
    filler = "lorem ipsum " * 60_000
    text = f"{KEY} {filler}{KEY} {filler} é{filler}{KEY}"
    assert places(spans(engine, text)) == [KEY] * 3


def test_no_text_pays_for_patterns_that_were_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many rules at once, on a machine on which compiling takes longer than a text may take."""
    rules = [rule for rule in load_rules().rules if rule.id.startswith("secret/a")]
    made = Scanner([SecretDetector(rule) for rule in rules], key=b"k", findings_max=1000)
    real = patterns.compile_pattern

    def slow(source: str) -> patterns.Pattern:
        time.sleep(0.01)
        return real(source)

    monkeypatch.setattr(patterns, "compile_pattern", slow)
    text = "\n".join(rule.match[0] for rule in rules)
    result, final = made.scan(text, text.encode(), None)
    assert (result.reason, final) == ("", True)
    assert len({span.detector for span in result.spans}) > 0.9 * len(rules) > 15


def test_what_is_ready_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Scanner([SecretDetector(rule) for rule in load_rules().rules], key=b"k", findings_max=10)
    made.warm()
    monkeypatch.setattr(patterns, "compile_pattern", lambda source: pytest.fail(source))
    assert [span.detector for span in made.scan(KEY, KEY.encode(), None)[0].spans] == ["secret/github-token"]
