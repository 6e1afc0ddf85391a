from __future__ import annotations

from pathlib import Path

from harness.sealedaudit import SealedAudit
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


def test_keys_that_are_gone(data: Path) -> None:
    (data / "content" / "keys").unlink()
    assert look(data) == (6, ["removed"] * 6)
