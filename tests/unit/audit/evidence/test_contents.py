from __future__ import annotations

from pathlib import Path

from harness.sealedaudit import SealedAudit
from weir.audit.content.bereft import write_husks
from weir.audit.content.segments import name_of, walk_heads
from weir.audit.evidence.contents import Contents
from weir.audit.evidence.removals import removing
from weir.audit.evidence.signed import Signed
from weir.audit.store import database as store


def look(data: Path, since: int = 0) -> tuple[int, list[str]]:
    signed = Signed(data)
    list(signed.found())
    with store.connect(data) as connection:
        contents = Contents(data, connection, signed.log, since)
        found = [str(item.wrong) for item in contents.found()]
    return contents.texts, found


def test_texts_that_are_as_they_were(sealed: SealedAudit) -> None:
    assert look(sealed.data.path) == (6, [])
    assert look(sealed.data.path, since=1 << 51) == (0, [])


def test_texts_that_are_gone_or_changed(data: Path) -> None:
    (path,) = (data / "content").glob("*.content")
    whole = path.read_bytes()
    path.write_bytes(whole[:300] + b"\0" + whole[301:])
    texts, found = look(data)
    assert texts == 6 and set(found) <= {"removed", "edited"} and len(found) >= 2  # a row's texts, and the file
    path.unlink()
    assert look(data) == (6, ["removed"] * 6)
    removing(data, [path])  # retention took them, and nobody can say any more what was in the file
    assert look(data) == (6, [])
    signed = Signed(data)
    list(signed.found())
    signed.log.sealed_at[f"content/{path.name}"] = 1  # closed before these rows were written: they were not in it
    with store.connect(data) as connection:
        assert len(list(Contents(data, connection, signed.log).found())) == 6


def test_a_removed_file_excuses_only_what_it_can_have_held(data: Path) -> None:
    (path,) = (data / "content").glob("*.content")
    path.unlink()
    begun = int(path.name.partition("-")[0], 16)
    later = path.with_name(name_of(begun + 3 * 86_400_000, "0" * 8, 1))
    removing(data, [later])
    assert look(data) == (6, ["removed"] * 6)
    removing(data, [path])
    assert look(data) == (6, [])


def test_a_file_excuses_nothing_after_it_was_closed(data: Path) -> None:
    (path,) = (data / "content").glob("*.content")
    path.unlink()
    removing(data, [path])
    signed = Signed(data)
    list(signed.found())
    signed.log.sealed_at[f"content/{path.name}"] -= 86_400_000_000  # as if all this were of a day later
    with store.connect(data) as connection:
        assert len(list(Contents(data, connection, signed.log).found())) == 6


def test_keys_that_are_gone(data: Path) -> None:
    (data / "content" / "keys").unlink()
    assert look(data) == (6, ["removed"] * 6)


def test_texts_that_a_kill_took_are_no_finding_where_the_next_start_said_so(data: Path) -> None:
    (path,) = (data / "content").glob("*.content")
    events = [head.event_id for head in walk_heads(path) if head is not None]
    path.unlink()
    write_husks(data / "content", events[:4], days=30)
    assert look(data) == (6, ["removed"] * 2)
