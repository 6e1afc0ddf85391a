"""Laws of the scanner: it never raises, never depends on the prefilter's taste, and what it masks is gone."""

from __future__ import annotations

from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weir.dlp.core.engine import Engine
from weir.dlp.core.patterns import Deadline
from weir.dlp.core.prefilter import Prefilter, Source
from weir.dlp.rulebook.examples import ALPHABETS, expand
from weir.dlp.rulebook.rules import load_rules
from weir.dlp.rulebook.secret_rule import SecretRule
from weir.dlp.standins.mask import ConversationMasker
from weir.dlp.standins.pseudonyms import Pseudonyms
from weir.model import Action, Segment

quick = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@cache
def engine() -> Engine:
    return Engine.load(fingerprint_key=b"property-test-key", cache_entries=0)


@cache
def rules() -> tuple[SecretRule, ...]:
    return load_rules().rules


@cache
def prefilter() -> Prefilter:
    return Prefilter([(Source(rule.pattern.pattern),) for rule in rules()])


anything = st.text(st.characters(), max_size=300)  # lone surrogates, NULs and control characters included
near_miss = st.text(
    alphabet="sk-ant_ghp@.+0123456789 abcdefABCDEF:/=\"'\\\u200b４１–\ud800\x00\x7f\u3164\ufffd\n", max_size=200
)


UNSEEN = "\x00\x08\x1b\x7f\x85\xad\u115f\u180b\u200b\u3164\ufe0f\ufff9\ufffd\ud83d"
invisible = st.text(alphabet=UNSEEN, min_size=1, max_size=3)


def luhn(body: str) -> str:
    digits = [int(digit) for digit in body + "0"]
    total = sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return body + str(-total % 10)


names = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=10)
emails = st.builds(lambda a, b: f"{a}@{b}.com", names, names)
cards = st.text(alphabet="0123456789", min_size=14, max_size=14).map(lambda body: luhn("4" + body))
phones = st.integers(1000, 9999).map(lambda n: f"+1 212 555 {n}")
addresses = st.tuples(*[st.integers(11, 250)] * 4).map(lambda parts: ".".join(map(str, parts)))
secrets = st.sampled_from([example for rule in load_rules().rules for example in rule.match])
words = st.sampled_from(
    ["please", "send", "to", "—", "naïve", "and", "\n", "(", "日本", "see", "'", "<", ">", "\x00", "\ufffd"]
)
documents = st.lists(st.one_of(emails, cards, phones, addresses, secrets, words), max_size=12).map(" ".join)


@quick
@given(st.lists(st.one_of(anything, near_miss), max_size=4))
def test_scan_never_raises_and_spans_lie_in_the_text(texts: list[str]) -> None:
    scan = engine().scan([Segment(f"/{n}", "user", text) for n, text in enumerate(texts)])
    for finding in scan.findings:
        assert 0 <= finding.start < finding.end <= len(texts[finding.segment])
        assert 0.5 <= finding.score <= 1


@quick
@given(documents)
def test_scanning_again_gives_the_same(text: str) -> None:
    segments = [Segment("/0", "user", text)]
    assert engine().scan(segments) == engine().scan(segments)


@quick
@given(documents, st.sampled_from([Action.REDACT, Action.PSEUDONYMISE]))
def test_masking_leaves_no_finding(text: str, action: Action) -> None:
    segments = [Segment("/0", "user", text)]
    scan = engine().scan(segments)
    assert scan.complete
    edits = ConversationMasker(Pseudonyms(b"k", 1000)).edits(segments, scan.findings, [action] * len(scan.findings))
    assert bool(edits) == bool(scan.findings)
    masked = edits.get("/0", text)
    after = engine().scan([Segment("/0", "user", masked)])
    # A footer is known by its mark's distance from the start of the line, and masking a long token shortens that.
    shortened = {"marking/confidential-bracketed"} if len(masked) < len(text) else set()
    assert {finding.detector for finding in after.findings} <= shortened


@quick
@given(documents, emails, emails)
def test_what_is_not_treated_is_still_found(text: str, kept: str, masked: str) -> None:
    whole = f"{kept} \n {text}"
    segments = [Segment("/0", "user", whole), Segment("/1", "user", f"x {masked}")]
    scan = engine().scan(segments)
    treatments = [Action.REDACT if finding.segment == 1 else Action.ALERT for finding in scan.findings]
    edits = ConversationMasker(Pseudonyms(b"k", 1000)).edits(segments, scan.findings, treatments)
    assert edits == {"/1": "x [REDACTED:EMAIL_ADDRESS]"}


@quick
@given(st.data())
def test_no_finding_carries_the_matched_text(data: st.DataObject) -> None:
    secret = data.draw(emails)
    scan = engine().scan([Segment("/0", "user", f"to {secret} now")])
    assert [finding.detector for finding in scan.findings] == ["pii/EMAIL_ADDRESS"]
    assert secret not in repr(scan)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_the_prefilter_never_misses_what_a_rule_finds(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(rules()) - 1))
    rule = rules()[number]
    example = data.draw(st.sampled_from(rule.match))
    at = data.draw(st.integers(0, len(example)))
    noise = data.draw(st.text(max_size=4))
    text = data.draw(near_miss) + example[:at] + noise + example[at:] + data.draw(near_miss)
    if next(rule.pattern.finditer(text, timeout=Deadline(2.0).left()), None) is not None:
        assert number in prefilter().hits(text)


@quick
@given(st.sampled_from(sorted(ALPHABETS)), st.integers(1, 200), st.text(max_size=10))
def test_examples_are_stable(alphabet: str, length: int, seed: str) -> None:
    notation = f"{{{alphabet}:{length}}}"
    assert expand(notation, seed.encode("utf-8", "replace").decode()) == expand(
        notation, seed.encode("utf-8", "replace").decode()
    )


@quick
@given(st.one_of(emails, cards, addresses, secrets), st.lists(st.tuples(st.integers(0, 200), invisible), max_size=6))
def test_what_is_not_seen_hides_nothing(value: str, cuts: list[tuple[int, str]]) -> None:
    plain = engine().scan([Segment("/0", "user", f"to {value} now")])
    text = value
    for at, unseen in cuts:
        at %= len(text) + 1
        text = text[:at] + unseen + text[at:]
    text = f"to {text} now"
    scan = engine().scan([Segment("/0", "user", text)])
    assert scan.complete
    covered = {n for finding in scan.findings for n in range(finding.start, finding.end)}
    seen = [n for n, character in enumerate(text) if character not in UNSEEN]
    for finding in plain.findings:  # by the characters that are seen, every one of them lies in a finding
        assert {seen[n] for n in range(finding.start, finding.end)} <= covered
