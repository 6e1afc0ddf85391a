"""Texts that a kill kept from the disk are told of; texts that somebody took away are not excused."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from weir.audit.content.bereft import Bereft, bereft, write_husks
from weir.audit.content.boots import Boots
from weir.audit.content.prune import prune
from weir.audit.content.reader import Unreadable
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.sealing import compress_segment
from weir.audit.spool.writer import Spool

from .conftest import Shelf

HASH = "ab" * 32


def id_of(ago_ms: int) -> str:
    """An event id that was made so long ago."""
    raw = uuid.UUID(new_event_id()).bytes
    return str(uuid.UUID(bytes=(now_us() // 1000 - ago_ms).to_bytes(6) + raw[6:]))


def boot(root: Path, name: str, rows: list[tuple[str, str]], **given: int) -> list[Path]:
    """A boot with rows of these ids and hashes; its segments."""
    spool = Spool(root / "spool", "p", name, **given)
    spool.start()
    for event_id, ct_hash in rows:
        spool.put(AuditRecord(event_id=event_id, kind="request", ts=now_us(), content_ct_hash=ct_hash or None))
        assert spool.flush(60)
    spool.close(5)
    (root / "content").mkdir(exist_ok=True)
    Boots(root / "content").begun(f"p-{name}")
    return sorted((root / "spool").glob(f"p-{name}-*"))


def ids(found: Bereft) -> set[str]:
    return {str(uuid.UUID(bytes=one)) for one in found.events}


@pytest.mark.parametrize("form", ["lines", "torn", "compressed", "many"])
def test_only_the_last_seconds_are_looked_at(shelf: Shelf, form: str) -> None:
    kept = shelf.keep()
    old, lost, bare = id_of(11_000), id_of(9_000), id_of(5)
    rows = [(old, HASH), (lost, HASH), (kept.event_id, kept.content_ct_hash), (bare, "")]
    paths = boot(shelf.root, "b1", rows, **({"segment_bytes_max": 600} if form == "many" else {}))
    assert (len(paths) > 1) == (form == "many")
    if form == "torn":
        with paths[0].open("ab") as file:
            file.write(b'{"event_id":"' + id_of(0).encode())
    if form == "compressed":
        assert not compress_segment(paths[0])
    found = bereft(shelf.root, "p-b2")
    assert (found.boots, ids(found)) == (("p-b1",), {lost})
    assert found.period_us()[0] == found.period_us()[1] < now_us() - 8_000_000


def test_a_boot_that_is_not_waiting_is_not_excused(shelf: Shelf) -> None:
    boot(shelf.root, "b1", [(id_of(0), HASH)])
    assert bereft(shelf.root, "p-b1") == Bereft(())  # it is this very one
    Boots(shelf.directory).ended("p-b1")
    assert bereft(shelf.root, "p-b2") == Bereft(())


def test_a_boot_that_is_still_written_to_waits(shelf: Shelf) -> None:
    spool = Spool(shelf.root / "spool", "p", "b1")
    spool.start()
    shelf.directory.mkdir()
    Boots(shelf.directory).begun("p-b1")
    assert bereft(shelf.root, "p-b2") == Bereft(())
    spool.close(5)
    assert bereft(shelf.root, "p-b2") == Bereft(("p-b1",))


def test_a_husk_says_what_happened_until_its_last_day(shelf: Shelf) -> None:
    lost = id_of(60_000)
    shelf.keep()
    boot(shelf.root, "b1", [(lost, HASH)])
    found = bereft(shelf.root, "p-b2")
    write_husks(shelf.directory, found.untold, days=3)
    assert shelf.reader.check({lost: HASH}) == {lost: "unwritten"}
    with pytest.raises(Unreadable, match="weir ended before they were on disk"):
        shelf.reader.read(lost, HASH)
    assert list(shelf.reader.problems()) == []
    again = bereft(shelf.root, "p-b2")  # the record of it may not have been written yet
    assert (ids(again), again.untold) == ({lost}, ())
    day = 86_400_000_000
    assert prune(shelf.directory, now_us() + 2 * day).files == 0
    assert prune(shelf.directory, now_us() + 4 * day).files == 1


def test_what_a_boot_knew_to_be_left_is_found_however_old(shelf: Shelf) -> None:
    old = id_of(3_600_000)
    shelf.directory.mkdir()
    Boots(shelf.directory).left("p-b1", [old, "no id"])
    assert ids(bereft(shelf.root, "p-b2")) == {old}


def test_texts_that_are_there_but_changed_are_not_excused(shelf: Shelf) -> None:
    kept = shelf.keep()
    boot(shelf.root, "b1", [(kept.event_id, HASH)])
    assert bereft(shelf.root, "p-b2").events == ()
    assert shelf.reader.check({kept.event_id: HASH}) == {kept.event_id: "altered"}
