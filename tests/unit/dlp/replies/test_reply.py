"""Texts of a reply that are acted on: what goes when, what is taken out, what stops it, what is remembered."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from weir.dlp.replies.reply import FINDINGS_MAX, Found, Guard, Scanned, segment_of
from weir.dlp.replies.replytail import Shapes
from weir.model import Action, Finding
from weir.ports import ECHO, WHOLE, Watch

_KEY = re.compile(r"key-[0-9]+|-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----|red river", re.DOTALL)


def found_in(text: str) -> list[Finding]:
    return [
        Finding("secret/key", "secret", 0, m.start(), m.end(), 1.0, fingerprint=f"{hash(m[0])}", direction="response")
        for m in _KEY.finditer(text)
    ]


def look(text: str) -> Scanned:
    return found_in(text), ""


def always(action: Action) -> object:
    def judge(findings: Sequence[Finding]) -> Sequence[Action]:
        return [action] * len(findings)

    return judge


def guard(action: Action = Action.REDACT, *, edits: bool = True, strict: bool = True) -> Guard:
    return Guard(look, always(action), Shapes(words=1), edits=edits, strict=strict)  # type: ignore[arg-type]


def test_it_is_a_watch() -> None:
    assert isinstance(guard(), Watch)


def test_words_flow_and_keys_wait() -> None:
    one = guard()
    said = [one.feed("c", part) for part in ("The ", "river ", "is ", "ke", "y-1", "2", "3 ", "and ", "low")]
    assert said == ["The ", "river ", "is ", "", "", "", "[REDACTED:key] ", "and ", ""]
    assert one.flush("c") == "low"
    (finding,) = one.found.findings
    assert (finding.start, finding.end, finding.segment, finding.direction) == (13, 20, 0, "response")
    assert one.feed("c", "more ") == "more ", "a channel may begin again"


def test_channels_are_apart() -> None:
    one = guard()
    assert one.feed("a", "key-1") + one.feed("b", "2 ") + one.feed("a", "3 ") == "2 [REDACTED:key] "
    assert [(f.segment, f.start, f.end) for f in one.found.findings] == [(0, 0, 6)]


def test_positions_count_from_the_beginning_of_a_channel() -> None:
    one = guard()
    filler = "The river stands low. " * 200
    said = "".join(one.feed("c", word) for word in re.findall(r"\S+\s*", f"{filler}key-77 {filler}"))
    assert said + one.flush("c") == f"{filler}[REDACTED:key] {filler}"
    assert [(f.start, f.end) for f in one.found.findings] == [(len(filler), len(filler) + 6)]


@pytest.mark.parametrize("action", [Action.BLOCK, Action.COACH, Action.DOWNGRADE])
def test_a_block_stops_it(action: Action) -> None:
    one = guard(action)
    assert one.feed("c", "The river ") == "The river "
    assert one.feed("c", "has key-12 in it ") == "" and one.stopped
    assert one.feed("c", "more ") == "" == one.flush("c")
    assert len(one.found.findings) == 1


@pytest.mark.parametrize("action", [Action.ALLOW, Action.ALERT])
def test_what_is_only_noted_passes(action: Action) -> None:
    one = guard(action)
    assert one.feed("c", "has key-12 in it ") == "has key-12 in it "
    assert len(one.found.findings) == 1 and not one.stopped


def test_a_block_of_a_private_key_is_taken_out_whole() -> None:
    one = guard()
    key = "-----BEGIN " + "PRIVATE KEY-----\n" + "MIIB abcd\n" * 200 + "-----END PRIVATE KEY-----"
    said = "".join(one.feed("c", part) for part in re.findall(r".{1,9}", f"So: {key} and on ", re.DOTALL))
    assert said + one.flush("c") == "So: [REDACTED:key] and on "


def test_what_began_before_it_was_known_is_taken_out_from_there_on() -> None:
    """Two words, one of which had gone: a price, and its rest does not follow it."""
    one = guard()
    assert one.feed("c", "the red ") == "the red "
    assert one.feed("c", "river ") == "[REDACTED:key] "
    assert [(f.start, f.end) for f in one.found.findings] == [(4, 13)]


def test_a_text_given_whole_is_scanned_once_and_not_again_when_it_is_repeated() -> None:
    calls: list[str] = []

    def counted(text: str) -> Scanned:
        calls.append(text)
        return look(text)

    one = Guard(counted, always(Action.REDACT), Shapes())  # type: ignore[arg-type]
    for number in range(3):
        for text, out in (("clean text", "clean text"), ("a key-1 b", "a [REDACTED:key] b")):
            channel = f"{WHOLE}{number}{text}"
            assert (one.feed(channel, text), one.flush(channel)) == ("", out)
    assert calls.count("clean text") == 1
    assert len(one.found.findings) == 1, "a repetition is no second finding"


def test_what_the_client_had_sent_is_not_looked_at() -> None:
    one = guard(Action.BLOCK)
    assert one.feed(f"{ECHO}1", "key-1 ") == "key-1 " and one.flush(f"{ECHO}1") == "" and not one.stopped


def test_what_only_claims_to_repeat_the_request_is_looked_at() -> None:
    one = Guard(look, always(Action.REDACT), Shapes(), sent=lambda text: text == "my key-1 ")
    for number, (text, out) in enumerate({"my key-1 ": "my key-1 ", "a key-2 b": "a [REDACTED:key] b"}.items()):
        channel = f"{ECHO}{number}"
        assert one.feed(channel, text) + one.flush(channel) == out
    assert len(one.found.findings) == 1


@pytest.mark.parametrize("action", [Action.REDACT, Action.PSEUDONYMISE, Action.BLOCK])
def test_without_edits_texts_pass_at_once_and_what_would_be_changed_stops(action: Action) -> None:
    one = guard(action, edits=False)
    assert one.feed("c", "has ke") == "has ke" and not one.stopped
    one.feed("c", "y-12 ")
    assert one.stopped and len(one.found.findings) == 1


@pytest.mark.parametrize("strict", [True, False])
def test_what_can_not_be_looked_at(strict: bool) -> None:
    one = Guard(lambda text: ((), "out of time"), always(Action.REDACT), Shapes(), strict=strict)  # type: ignore[arg-type]
    out = one.feed("c", "some words. ")
    assert one.found.failed == "out of time"
    assert (one.stopped, out) == ((True, "") if strict else (False, "some words. "))
    other = guard(strict=strict)
    other.unread("event over the limit")
    assert (other.found.failed, other.stopped) == ("event over the limit", strict)


@pytest.mark.parametrize("strict", [True, False])
def test_more_findings_than_are_kept_are_a_failure(strict: bool) -> None:
    one = guard(strict=strict)
    out = "".join(one.feed("c", f"key-{number} ") for number in range(FINDINGS_MAX + 5))
    assert len(one.found.findings) == FINDINGS_MAX and "more than" in one.found.failed
    assert one.stopped is strict and "key-" not in out, "those beyond are taken out all the same"


def test_a_finding_that_goes_on_replaces_what_it_began_as() -> None:
    kept = Found()
    for start, end, mark in ((0, 5, "a"), (0, 9, "b"), (20, 25, "c"), (0, 9, "b")):
        kept.add(Finding("secret/key", "secret", 0, start, end, 1.0, fingerprint=mark))
    assert [(f.start, f.end) for f in kept.findings] == [(0, 9), (20, 25)]
    kept.fail("first")
    kept.fail("second")
    assert kept.failed == "first"


def test_texts_stay_out_of_reprs() -> None:
    one = guard()
    one.feed("c", "canary-key-1")
    assert "canary" not in repr(one) and "canary" not in repr(segment_of("canary"))


@pytest.mark.parametrize("before", ["", "The river stands low. " * 200])
def test_what_goes_on_after_its_end_is_read_together(before: str) -> None:
    """A client adds it to what it has: half of a key may have gone, the other half does not."""
    one = guard()
    assert one.feed("c", f"{before}ke") + one.flush("c") == f"{before}ke"
    assert one.feed("d", "other ") == "other "
    assert one.feed("c", "y-12345 and") + one.flush("c") == "[REDACTED:key] and"
    assert [(f.start - len(before), f.end - len(before)) for f in one.found.findings] == [(0, 9)]
    stopping = guard(Action.BLOCK)
    stopping.feed("c", "ke")
    stopping.flush("c")
    assert stopping.feed("c", "y-1 ") == "" and stopping.stopped


def test_only_some_ends_are_remembered() -> None:
    one = guard()
    for number in range(1000):
        one.feed(f"{number}", "ke")
        one.flush(f"{number}")
    assert len(one._past) <= 256 and not one._channels
