from __future__ import annotations

from weir.audit.content.prune import Pruned, prune
from weir.audit.content.reader import Opened
from weir.audit.record import now_us

from .conftest import TODAY, Shelf

DAY = 86_400_000_000


def test_what_is_due_goes_and_the_rest_stays(shelf: Shelf) -> None:
    short = shelf.keep(expires_day=TODAY)
    long = shelf.keep(expires_day=TODAY + 30)
    assert prune(shelf.directory, now_us()) == Pruned(0, 0, 0, 0)
    done = prune(shelf.directory, (TODAY + 1) * DAY)
    assert (done.keys, done.files) == (1, 0)
    states = shelf.reader.check({short.event_id: "", long.event_id: ""})
    assert states == {short.event_id: "expired", long.event_id: "whole"}


def test_a_file_goes_with_its_last_key(shelf: Shelf) -> None:
    kept = [shelf.keep(user=name) for name in ("anna", "bert")]
    shelf.writers[0].close(5)
    size = shelf.segments()[0].stat().st_size
    shelf.keys.erase("user", "anna", now_us())
    assert prune(shelf.directory, now_us()).files == 0
    shelf.keys.erase("user", "bert", now_us())
    done = prune(shelf.directory, now_us())
    assert (done.files, done.bytes) == (1, size)
    assert shelf.segments() == []
    assert set(shelf.reader.check({one.event_id: "" for one in kept}).values()) == {"missing"}


def test_a_file_that_is_written_to_stays(shelf: Shelf) -> None:
    shelf.keep()
    shelf.keys.erase("user", "anna", now_us())
    assert prune(shelf.directory, now_us()).files == 0
    later = shelf.keep(ts_us=now_us() + 1)
    assert isinstance(next(shelf.reader.read_each({later.event_id: ""})), Opened)


def test_a_file_that_cannot_be_read_at_all_stays_for_somebody_to_see(shelf: Shelf) -> None:
    shelf.keep()
    shelf.writers[0].close(5)
    (path,) = shelf.segments()
    path.write_bytes(b"\0" * path.stat().st_size)
    shelf.keys.erase("user", "anna", now_us())
    assert prune(shelf.directory, now_us()).files == 0
    assert len(list(shelf.reader.problems())) == 1
    path.write_bytes(b"")  # begun, and the writer was killed
    assert prune(shelf.directory, now_us()).files == 1


def test_places_of_what_is_long_gone_go_too(shelf: Shelf) -> None:
    for number in range(20):
        shelf.keep(conversation=f"c{number}")
    shelf.writers[0].close(5)
    later = (TODAY + 60) * DAY
    first = prune(shelf.directory, later)
    assert (first.keys, first.files, first.places) == (20, 1, 0)
    assert prune(shelf.directory, later + 2 * DAY).places == 20
    assert prune(shelf.directory, later + 2 * DAY) == Pruned(0, 0, 0, 0)


def test_nothing_is_made_where_nothing_is(shelf: Shelf) -> None:
    assert prune(shelf.directory, now_us()) == Pruned(0, 0, 0, 0)
    assert not shelf.directory.exists()
