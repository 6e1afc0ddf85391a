from __future__ import annotations

import pytest

from weir.dlp.core.patterns import Deadline
from weir.dlp.files.job import FileLimits, Job, Stop, not_read


def reads(job: Job, data: bytes, where: str, name: str, media_type: str) -> str:
    job.add(f"{where}{job.depth}", data.decode())
    return "text"


def test_texts_and_reasons_once_each() -> None:
    job = Job(FileLimits(), None, reads)
    job.add("a", "x")
    job.add("b", " \n")
    job.miss("image")
    job.miss("image")
    job.miss("damage", failed=True)
    job.nested(b"y", "inner/")
    found = job.result("zip")
    assert [(text.where, text.text) for text in found.texts] == [("a", "x"), ("inner/1", "y")]
    assert (found.kind, found.complete, found.reason, found.failed) == ("zip", False, "image; damage", True)
    assert job.depth == 0


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        (lambda job: job.take(11), "unpacks"),
        (lambda job: [job.member() for _ in range(3)], "members"),
    ],
)
def test_bounds_end_all_of_it(does: object, reason: str) -> None:
    job = Job(FileLimits(bytes_max=10, members_max=2), None, reads)
    with pytest.raises(Stop, match=reason) as raised:
        does(job)  # type: ignore[operator]
    assert raised.value.all_of_it and raised.value.failed


def test_depth_ends_one_file() -> None:
    job = Job(FileLimits(depth_max=0), None, lambda job, *_: job.enter() or "zip")
    job.enter()
    with pytest.raises(Stop, match="too deep") as raised:
        job.nested(b"", "")
    assert not raised.value.all_of_it and job.depth == 0


def test_the_time_is_looked_at() -> None:
    with pytest.raises(Stop, match="out of time"):
        Job(FileLimits(), Deadline(0), reads).take(0)


def test_room() -> None:
    job = Job(FileLimits(bytes_max=10), None, reads)
    job.take(4)
    assert job.room == 6 and job.result("x").bytes_made == 4


def test_not_read_is_failed() -> None:
    found = not_read("why")
    assert (found.complete, found.failed, found.reason, found.texts) == (False, True, "why", ())
