"""Texts of a reply that is only looked at: windows, what is found in them, and that nothing changes."""

from __future__ import annotations

import re

import pytest

from weir.dlp.replies.listen import PENDING_CHARS_MAX, WINDOW_CHARS, Listener, Window, look_at
from weir.dlp.replies.reply import Scanned
from weir.model import Finding
from weir.ports import ECHO, WHOLE, Watch


def look(text: str) -> Scanned:
    found = [
        Finding("secret/key", "secret", 0, m.start(), m.end(), 1.0, fingerprint=m[0], direction="response")
        for m in re.finditer(r"key-\d+", text)
    ]
    return found, "out of time" if "slow" in text else ""


def listened(*parts: str, channel: str = "c") -> Listener:
    one = Listener()
    for part in parts:
        assert one.feed(channel, part) == part
    one.end()
    windows = one.windows()
    one.take(windows, look_at(windows, look))
    return one


def test_it_is_a_watch_that_never_acts() -> None:
    one = Listener()
    assert isinstance(one, Watch) and not (one.edits or one.acts or one.stopped)
    one.unread("a reason")
    assert one.found.failed == "a reason" and not one.stopped


def test_a_finding_over_pieces() -> None:
    one = listened("so key-", "1", "2 and")
    assert [(f.start, f.end) for f in one.found.findings] == [(3, 9)]


@pytest.mark.parametrize("place", [10, WINDOW_CHARS - 3, WINDOW_CHARS, WINDOW_CHARS + 5, 3 * WINDOW_CHARS - 4])
@pytest.mark.parametrize("size", [7, 1000, 10**6])
def test_findings_at_the_edges_of_windows_are_found_once_where_they_are(place: int, size: int) -> None:
    text = ("word " * 10_000)[: place - 1] + " key-1234 " + "word " * 3000
    one = listened(*(text[at : at + size] for at in range(0, len(text), size)))
    assert [(f.start, f.end) for f in one.found.findings] == [(place, place + 8)]


def test_windows_are_bounded_and_given_once() -> None:
    one = Listener()
    one.feed("c", "word " * 20_000)
    windows = one.windows()
    assert len(windows) > 10 and all(len(window.text) == WINDOW_CHARS for window in windows)
    assert one.windows() == [] and one.pending_chars == 0


def test_more_text_than_can_wait_is_a_failure() -> None:
    one = Listener()
    for number in range(PENDING_CHARS_MAX // 100_000 + 20):
        one.feed(f"c{number}", "word " * 20_000)
        one.flush(f"c{number}")
    assert one.found.failed and one.pending_chars < PENDING_CHARS_MAX + 200_000


def test_repetitions_are_scanned_once_and_echoes_never() -> None:
    one = Listener()
    for number in range(3):
        one.feed(f"{WHOLE}{number}", "said with key-1 before")
        one.flush(f"{WHOLE}{number}")
        one.feed(f"{ECHO}{number}", "said with key-2 before")
        one.flush(f"{ECHO}{number}")
    assert [window.text for window in one.windows()] == ["said with key-1 before"]


def test_what_only_claims_to_repeat_the_request_is_scanned() -> None:
    one = Listener(lambda text: text == "said with key-2 before")
    for number, text in enumerate(("said with key-2 before", "never said, key-3")):
        one.feed(f"{ECHO}{number}", text)
        one.flush(f"{ECHO}{number}")
    windows = one.windows()
    assert [window.text for window in windows] == ["never said, key-3"] and one.windows() == []
    one.put_back(windows)
    assert one.pending_chars == len("never said, key-3") and one.windows() == windows


def test_a_scan_that_was_not_finished_is_no_clean_one() -> None:
    assert listened("slow").found.failed == ""  # too short to hold anything
    assert listened("slow words").found.failed == "out of time"


def test_texts_stay_out_of_reprs() -> None:
    one = listened("canary words")
    assert "canary" not in repr(one) and "canary" not in repr(Window(0, "canary", 0, 0, 6))


@pytest.mark.parametrize("echo", [False, True])
def test_a_whole_text_is_heard_as_a_channel_of_its_own_would_be(echo: bool) -> None:
    texts = ["", "short", "a whole text", "sent before", "a whole text", "key-1 " * 4000, "another"]

    def sent(text: str) -> bool:
        return text.startswith("sent")

    one, two = Listener(sent), Listener(sent)
    for number, text in enumerate(texts):
        one.whole(text, echo=echo)
        channel = f"{ECHO if echo else WHOLE}{number}"
        two.feed(channel, text)
        two.flush(channel)
    assert one.pending_chars == two.pending_chars > 0
    assert one.windows() == two.windows()
