from __future__ import annotations

from pathlib import Path

from harness.sealedaudit import SealedAudit
from weir.audit.evidence.removals import removing
from weir.audit.evidence.signed import Signed
from weir.audit.evidence.sums import Sums


def look(data: Path, since: int = 0) -> tuple[Sums, list[tuple[str, str]]]:
    signed = Signed(data)
    list(signed.found())
    sums = Sums(data, signed, since)
    return sums, [(str(item.wrong), item.file.partition("/")[0]) for item in sums.found()]


def test_files_that_are_as_they_were(sealed: SealedAudit) -> None:
    sums, found = look(sealed.data.path)
    assert found == [] and sums.files >= 5 and sums.bytes > 20_000
    assert look(sealed.data.path, since=1 << 60)[0].files == 0


def test_files_that_were_changed_or_taken(data: Path) -> None:
    day = next((data / "audit" / "days" / "events").glob("2*.parquet"))
    day.write_bytes(day.read_bytes() + b"\0")
    assert look(data)[1] == [("edited", "audit")]
    (text,) = (data / "content").glob("*.content")
    text.unlink()
    assert sorted(look(data)[1]) == [("edited", "audit"), ("removed", "content")]
    removing(data, [text, day])  # told, and not signed yet
    assert look(data)[1] == [("edited", "audit")], "who tells that a file goes may not change it"
    day.unlink()
    assert look(data)[1] == []


def test_a_compressed_segment_that_is_not_sealed_yet_has_sums_of_its_own(data: Path) -> None:
    (packed,) = (data / "spool").glob("*.zst")
    other = packed.with_name(packed.name.replace("-000001.", "-000009."))
    other.write_bytes(packed.read_bytes())
    assert look(data)[1] == []
    other.write_bytes(packed.read_bytes()[:-1] + b"\0")
    assert look(data)[1] == [("edited", "spool")]
