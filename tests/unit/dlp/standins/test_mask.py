from __future__ import annotations

import pytest

from weir.dlp.standins.mask import ConversationMasker
from weir.dlp.standins.pseudonyms import Pseudonyms
from weir.model import Action, Finding, Segment

REDACT, PSEUDO, ALERT, ALLOW, BLOCK = (
    Action.REDACT,
    Action.PSEUDONYMISE,
    Action.ALERT,
    Action.ALLOW,
    Action.BLOCK,
)
MAIL, KEY, CARD = "pii/EMAIL_ADDRESS", "secret/openai-key", "pii/CREDIT_CARD"


def masker(max_values: int = 100) -> ConversationMasker:
    return ConversationMasker(Pseudonyms(b"key", max_values))


def find(text: str, value: str, detector: str, segment: int = 0, severity: str = "medium") -> Finding:
    start = text.index(value)
    category = detector.partition("/")[0]
    return Finding(detector, category, segment, start, start + len(value), 1.0, severity)


TEXT = "mail bob@x.com key K-123 card 4111"


@pytest.mark.parametrize(
    ("treatments", "expected"),
    [
        ((REDACT, REDACT), "mail [REDACTED:EMAIL_ADDRESS] key [REDACTED:openai-key] card 4111"),
        ((PSEUDO, REDACT), "mail <EMAIL_ADDRESS_1> key [REDACTED:openai-key] card 4111"),
        ((PSEUDO, PSEUDO), "mail <EMAIL_ADDRESS_1> key [REDACTED:openai-key] card 4111"),
        ((ALLOW, REDACT), "mail bob@x.com key [REDACTED:openai-key] card 4111"),
        ((ALERT, BLOCK), None),
    ],
)
def test_treatments(treatments: tuple[Action, ...], expected: str | None) -> None:
    findings = [find(TEXT, "bob@x.com", MAIL), find(TEXT, "K-123", KEY)]
    edits = masker().edits([Segment("/m/0", "user", TEXT)], findings, treatments)
    assert edits == ({} if expected is None else {"/m/0": expected})


@pytest.mark.parametrize(
    ("first", "second", "treatments", "expected"),
    [
        (("bob@x.com", MAIL), ("x.com", KEY), (PSEUDO, REDACT), "mail [REDACTED:openai-key] key"),
        (("bob@x.com", MAIL), ("x.com", KEY), (PSEUDO, ALERT), "mail <EMAIL_ADDRESS_1> key"),
        (("bob@x.com", MAIL), ("mail bob", KEY), (REDACT, REDACT), "[REDACTED:openai-key] key"),
        (("bob@x.com", MAIL), ("mail bob", CARD), (PSEUDO, PSEUDO), "<CREDIT_CARD_1> key"),
        (("bob@x.com", MAIL), ("com key", CARD), (REDACT, PSEUDO), "mail [REDACTED:EMAIL_ADDRESS]"),
        (("bob@", MAIL), ("x.com", CARD), (PSEUDO, PSEUDO), "mail <EMAIL_ADDRESS_1><CREDIT_CARD_1> key"),
    ],
)
def test_overlaps_become_one(
    first: tuple[str, str], second: tuple[str, str], treatments: tuple[Action, ...], expected: str
) -> None:
    text = "mail bob@x.com key"
    findings = [find(text, *first), find(text, *second, severity="high")]
    segments = [Segment("/0", "user", text)]
    assert masker().edits(segments, findings, treatments) == {"/0": expected}
    assert masker().edits(segments, findings[::-1], treatments[::-1]) == {"/0": expected}


def test_several_segments_and_the_way_back() -> None:
    texts = ["a@x.com and b@x.com", "nothing", "again a@x.com"]
    segments = [Segment(f"/{n}", "user", text) for n, text in enumerate(texts)]
    findings = [
        find(texts[0], "a@x.com", MAIL, 0),
        find(texts[0], "b@x.com", MAIL, 0),
        find(texts[2], "a@x.com", MAIL, 2),
    ]
    subject = masker()
    assert subject.restorer() is None
    edits = subject.edits(segments, findings, [PSEUDO] * 3)
    assert edits == {"/0": "<EMAIL_ADDRESS_1> and <EMAIL_ADDRESS_2>", "/2": "again <EMAIL_ADDRESS_1>"}
    restorer = subject.restorer()
    assert restorer is not None
    assert restorer.feed("c", edits["/0"]) == texts[0]


def test_what_another_exchange_issued_does_not_come_back() -> None:
    names = Pseudonyms(b"key", 100)
    text = "a@x.com"
    first, second = ConversationMasker(names), ConversationMasker(names)
    first.edits([Segment("/0", "user", text)], [find(text, text, MAIL)], [PSEUDO])
    assert second.restorer() is None
    other = "b@x.com"
    second.edits([Segment("/0", "user", other)], [find(other, other, MAIL)], [PSEUDO])
    restorer = second.restorer()
    assert restorer is not None
    assert restorer.feed("c", "<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2>") == "<EMAIL_ADDRESS_1> b@x.com"


def test_a_placeholder_the_prompt_says_itself_is_not_restored() -> None:
    subject = masker()
    text = "a@x.com"
    subject.edits([Segment("/0", "user", text)], [find(text, text, MAIL)], [PSEUDO])
    later = "what is <EMAIL_ADDRESS_1>? a@x.com"
    edits = subject.edits([Segment("/0", "user", later)], [find(later, text, MAIL)], [PSEUDO])
    assert edits == {"/0": "what is <EMAIL_ADDRESS_1>? <EMAIL_ADDRESS_A_1>"}
    restorer = subject.restorer()
    assert restorer is not None
    assert restorer.feed("c", edits["/0"]) == later


def test_what_cannot_be_pseudonymised_is_redacted() -> None:
    text = 'x "a"@x.com'
    edits = masker().edits([Segment("/0", "user", text)], [find(text, '"a"@x.com', MAIL)], [PSEUDO])
    assert edits == {"/0": "x [REDACTED:EMAIL_ADDRESS]"}


def test_treatments_must_be_aligned() -> None:
    with pytest.raises(ValueError, match="zip"):
        masker().edits([Segment("/0", "user", TEXT)], [find(TEXT, "bob@x.com", MAIL)], [])


def test_repr_hides_the_values() -> None:
    subject = masker()
    subject.edits([Segment("/0", "user", TEXT)], [find(TEXT, "bob@x.com", MAIL)], [PSEUDO])
    assert "bob" not in repr(subject)
