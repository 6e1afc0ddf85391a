"""A scan ends in its time, and says so."""

from __future__ import annotations

from collections.abc import Iterator

from harness.detectors import Faulty, of, user
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
