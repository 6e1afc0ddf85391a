"""Closed segments are compressed; whatever happens on the way, no line is lost."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from weir.audit.evidence.compare import compare
from weir.audit.ingester.cursor import Cursor
from weir.audit.ingester.duty import Desk
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord
from weir.audit.spool import sealing
from weir.audit.spool.chain import replay, verify_chain
from weir.audit.spool.opened import file_faults, segments, size
from weir.audit.spool.sealing import Compressing, compress_segment, due
from weir.audit.spool.writer import Spool
from weir.sections_audit import Audit

Make = Callable[..., AuditRecord]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "LEAST_BYTES", 1)


def write(data: Path, boot: str, record: Make, count: int = 9) -> Spool:
    """A boot whose writer still has its newest segment open."""
    spool = Spool(data / "spool", "p", boot, segment_bytes_max=2048)
    spool.start()
    for _ in range(count):
        spool.put(record())
        assert spool.flush(60)
    return spool


def ingest(data: Path) -> int:
    with Ingester(data / "spool", data / "audit") as ingester:
        return ingester.run_once()


def as_if_ingested(data: Path) -> None:
    """The cursor as the ingester leaves it, without a store."""
    offsets = {path.name: size(path) for paths in segments(data / "spool").values() for path in paths}
    (data / "audit").mkdir(exist_ok=True)
    Cursor(1, offsets, {}).save(data / "audit" / "cursor.json")


def run(data: Path) -> list[str]:
    return Compressing().run(Desk(data, Audit()), last=False)


def plain(data: Path) -> list[str]:
    return sorted(path.name for path in (data / "spool").glob("*.jsonl"))


def read(data: Path) -> dict[str, int]:
    cursor = Cursor.load(data / "audit" / "cursor.json")
    return cursor.offsets if cursor else {}


def test_closed_and_ingested_segments_are_compressed_and_nothing_else_changes(tmp_path: Path, record: Make) -> None:
    live = write(tmp_path, "live", record)
    assert write(tmp_path, "over", record).close(10)
    (tmp_path / "audit").mkdir()
    assert run(tmp_path) == [] and len(plain(tmp_path)) > 5, "nothing of it was ingested"
    ages = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "spool").iterdir()}
    rows = list(replay(tmp_path / "spool"))
    assert ingest(tmp_path) == 18
    assert run(tmp_path) == []
    (left,) = plain(tmp_path)
    assert left == segments(tmp_path / "spool")["p-live"][-1].name, "only the one that is written to"
    assert list(replay(tmp_path / "spool")) == rows and verify_chain(tmp_path / "spool") == []
    for path in (tmp_path / "spool").glob("*.zst"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_mtime_ns == ages[path.name.removesuffix(".zst")]
    assert compare(tmp_path) == (18, [])
    assert ingest(tmp_path) == 0
    live.put(record())
    assert live.close(10) and ingest(tmp_path) == 1
    assert verify_chain(tmp_path / "spool") == []


def test_the_store_is_made_anew_from_compressed_segments(tmp_path: Path, record: Make) -> None:
    assert write(tmp_path, "over", record).close(10)
    ingest(tmp_path)
    run(tmp_path)
    assert plain(tmp_path) == []
    (tmp_path / "audit").rename(tmp_path / "aside")
    assert ingest(tmp_path) == 9 and compare(tmp_path) == (9, [])


def test_a_line_that_broke_off_is_kept_and_stands_in_no_ones_way(tmp_path: Path, record: Make) -> None:
    assert write(tmp_path, "over", record, 3).close(10)
    path = segments(tmp_path / "spool")["p-over"][-1]
    torn = path.read_bytes() + b'{"proxy_id":"p","bo'
    path.write_bytes(torn)
    as_if_ingested(tmp_path)
    cursor = Cursor.load(tmp_path / "audit" / "cursor.json")
    assert cursor is not None
    cursor.offsets[path.name] -= len(b'{"proxy_id":"p","bo')  # the ingester stops before a line without an end
    cursor.save(tmp_path / "audit" / "cursor.json")
    assert path in due(tmp_path / "spool", read(tmp_path))
    assert compress_segment(path) == "" and not path.exists()
    assert verify_chain(tmp_path / "spool") == []


def test_small_and_empty_ones_stay(tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert write(tmp_path, "over", record, 2).close(10)
    (tmp_path / "spool" / "p-killed-000001.jsonl").touch()
    as_if_ingested(tmp_path)
    monkeypatch.setattr(sealing, "LEAST_BYTES", 16 << 10)
    assert due(tmp_path / "spool", read(tmp_path)) == []


@pytest.mark.parametrize("call", ["fsync", "replace", "unlink", "utime"])
def test_a_crash_at_any_point_is_made_good(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    assert write(tmp_path, "over", record).close(10)
    as_if_ingested(tmp_path)
    rows = list(replay(tmp_path / "spool"))

    def dies(*_args: object, **_more: object) -> None:
        raise OSError(5, "Input/output error")

    owner = Path if call in ("replace", "unlink") else os
    with monkeypatch.context() as broken:
        broken.setattr(owner, call, dies)
        with pytest.raises(OSError, match="Input/output"):
            run(tmp_path)
    assert list(replay(tmp_path / "spool")) == rows
    (tmp_path / "spool" / ".p-over-000001.jsonl.zst.tmp").write_bytes(b"half")
    assert run(tmp_path) == []
    assert plain(tmp_path) == [] and list(replay(tmp_path / "spool")) == rows
    assert not list((tmp_path / "spool").glob(".*"))


def test_what_does_not_read_back_stays_as_it_is(tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert write(tmp_path, "over", record).close(10)
    as_if_ingested(tmp_path)
    before = plain(tmp_path)
    monkeypatch.setattr(sealing, "faults", lambda file: ["a bit fell over"])
    told = run(tmp_path)
    assert plain(tmp_path) == before and len(told) == len(before) and "stays as it is" in told[0]
    assert not list((tmp_path / "spool").glob("*.zst"))


def test_a_compressed_file_that_is_damaged_is_told_by_line(tmp_path: Path, record: Make) -> None:
    assert write(tmp_path, "over", record).close(10)
    as_if_ingested(tmp_path)
    run(tmp_path)
    path = segments(tmp_path / "spool")["p-over"][1]
    packed = path.with_name(path.name + ".zst")
    data = bytearray(packed.read_bytes())
    data[100] ^= 1
    packed.write_bytes(data)
    assert file_faults(path) == ["its compressed bytes were changed", "its lines are not those that were compressed"]
    assert f"{path.name}:1: the line is broken: it does not end in its hashes" in verify_chain(tmp_path / "spool")


def test_at_the_end_nobody_waits_for_it(tmp_path: Path, record: Make) -> None:
    assert write(tmp_path, "over", record).close(10)
    as_if_ingested(tmp_path)
    assert Compressing().run(Desk(tmp_path, Audit()), last=True) == [] and plain(tmp_path)
