"""A scan ends in its time, and says so."""

from __future__ import annotations

import time
from collections.abc import Iterator

from harness.detectors import Faulty, of, user
from weir.dlp.core.engine import Scan
from weir.dlp.core.patterns import Deadline


def test_time_is_for_all_texts_and_what_was_found_till_then_is_told() -> None:
    class Slow(Faulty):
        def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
            self.seen.append(text)
            yield 0, 1, 1.0
            while len(self.seen) > 1:
                deadline.left()

    detector = Slow()
    scan = of(detector).scan(user("x one", "x two", "x three"), deadline_s=0.05)
    assert (scan.complete, scan.reason, scan.out_of_time) == (False, "out of time", True)
    assert [finding.segment for finding in scan.findings] == [0]
    assert detector.seen[:2] == ["x one", "x two"] and "x three" not in detector.seen


def test_many_small_texts_end_in_time_too() -> None:
    scan = of(Faulty()).scan(user(*map(str, range(200_000))), deadline_s=0.02)
    assert scan.out_of_time and scan.reason == "out of time"


def test_no_time_at_all_looks_at_nothing() -> None:
    detector = Faulty()
    scan = of(detector).scan(user("x"), deadline_s=0.0)
    assert scan.out_of_time and not scan.complete and detector.seen == []
    assert of(detector).scan(user("", ""), deadline_s=0.0).complete


def test_a_fault_in_time_is_not_out_of_time() -> None:
    scan = of(Faulty(ValueError())).scan(user("x"), deadline_s=60)
    assert not scan.complete and not scan.out_of_time


def test_a_processor_that_others_use_takes_no_time_by_its_own_clock() -> None:
    class Waiting(Faulty):
        def find(self, text: str, deadline: Deadline) -> Iterator[tuple[int, int, float]]:
            until = time.monotonic() + 0.05
            while time.monotonic() < until:
                time.sleep(0.01)
            deadline.left()
            yield 0, 1, 1.0

    assert of(Waiting()).scan(user("x"), deadline_s=0.02).out_of_time
    scan = of(Waiting()).scan(user("x"), deadline_s=0.02, clock=time.thread_time)
    assert scan.complete and len(scan.findings) == 1


def test_time_that_is_given_back_counts_again() -> None:
    deadline = Deadline(0.0)
    assert deadline.spent()
    deadline.give(60)
    assert not deadline.spent() and deadline.left() > 50


def test_a_glance_is_enough_for_a_text_that_holds_nothing() -> None:
    detector = Faulty(hits=1)
    engine = of(detector)
    plain = "nothing to be seen in here " * 300
    scan = engine.scan(user(plain, "nor here"), glance=0)
    assert scan == engine_of_all(plain, "nor here") and detector.seen == []
    assert scan.complete and scan.scanned_chars == len(plain) + len("nor here")
    again = engine.scan(user(plain, "nor here"))
    assert again.complete and again.cached_chars == scan.scanned_chars


def engine_of_all(*texts: str) -> Scan:
    return of(Faulty(hits=1)).scan(user(*texts))


def test_where_a_glance_is_not_enough_the_scan_says_so_and_keeps_nothing() -> None:
    detector = Faulty(hits=1)
    engine = of(detector)
    scan = engine.scan(user("nothing here", "x one"), glance=4)
    assert (scan.complete, scan.out_of_time, scan.findings) == (False, True, ()) and detector.seen == []
    whole = engine.scan(user("nothing here", "x one"))
    assert len(whole.findings) == 1 and whole.complete and whole.cached_chars == len("nothing here")
    assert engine.scan(user("nothing here", "x one"), glance=0).findings == whole.findings  # known by now
    assert len(of(Faulty(hits=1)).scan(user("x one"), glance=5).findings) == 1


def test_what_may_be_encoded_is_more_than_a_glance_shows() -> None:
    hidden = "see YWtpYTEyMzQ1Njc4OTBhYmNkZWZnaGlqa2xtbm9w and %78%20one " + "word " * 20
    assert of(Faulty(hits=1)).scan(user(hidden), glance=0).out_of_time
