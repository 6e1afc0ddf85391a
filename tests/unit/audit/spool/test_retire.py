"""What leaves the spool when its time is over, what is kept of it, and that the rest still verifies."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from weir.audit.evidence.compare import compare
from weir.audit.evidence.covered import covered
from weir.audit.evidence.examine import Begin
from weir.audit.evidence.keys import first_key
from weir.audit.evidence.logfile import read_log
from weir.audit.evidence.removals import announced, removing
from weir.audit.evidence.whole import Whole
from weir.audit.evidence.witness import Witness
from weir.audit.ingester.cursor import Cursor
from weir.audit.ingester.duty import Desk
from weir.audit.ingester.ingest import Ingester
from weir.audit.record import AuditRecord, now_us
from weir.audit.spool import retire as module
from weir.audit.spool import sealing
from weir.audit.spool.chain import replay
from weir.audit.spool.opened import segments, size
from weir.audit.spool.retire import Retirement, Retiring, retire
from weir.audit.spool.retired import left_of, path_of, retired
from weir.audit.spool.writer import Spool
from weir.datadir import DataDir
from weir.sections_audit import Audit, Retention

Make = Callable[..., AuditRecord]
DAY_S = 86_400


@pytest.fixture
def data(tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An old boot and a young one, each in several segments, all ingested, compressed and signed."""
    monkeypatch.setattr(sealing, "LEAST_BYTES", 1)
    proxy = DataDir(tmp_path / "data").proxy_id
    path = tmp_path / "data"
    for boot in ("old", "young"):
        spool = Spool(path / "spool", proxy, boot, segment_bytes_max=2048)
        spool.start()
        for _ in range(12):
            spool.put(record())
            assert spool.flush(60)
        assert spool.close(60)
    settle(path)
    for one in segments(path / "spool")[f"{proxy}-old"]:
        age(one, 40)
    return path


def settle(data: Path) -> None:
    """Note as ingested, sign and compress what there is."""
    paths = [path for chain in segments(data / "spool").values() for path in chain]
    (data / "audit").mkdir(exist_ok=True)
    Cursor(1, {path.name: size(path) for path in paths}, {}).save(data / "audit" / "cursor.json")
    made = DataDir(data)
    Witness(made.spool, data / "audit" / "checkpoints.jsonl", made.keys, made.proxy_id).step(now_us())
    sealing.Compressing().run(Desk(data, Audit()), last=False)


def age(path: Path, days: float) -> None:
    for file in (path, path.with_name(path.name + ".zst")):
        if file.exists():
            os.utime(file, (time.time() - days * DAY_S,) * 2)


def old(data: Path) -> str:
    return f"{DataDir(data).proxy_id}-old"


def take(data: Path, days: int = 30, **more: object) -> Retirement:
    return retire(data, days, covered, removing, **more)  # type: ignore[arg-type]


def sound(data: Path) -> list[str]:
    """What an examination of the spool that is left finds."""
    chains, gone = left_of(data)
    begins = {name: Begin(one.frontier, one.head) for name, one in gone.items()}
    report = read_log(data / "audit" / "checkpoints.jsonl", first_key(data / "keys"))
    return [str(item) for item in Whole(report, begins).found(chains)]


def test_a_boot_whose_time_is_over_goes_whole(data: Path) -> None:
    count = len(segments(data / "spool")[old(data)])
    assert count > 3
    would = take(data, dry_run=True)
    assert (would.rows, would.files) == (12, count) and len(segments(data / "spool")[old(data)]) == count
    done = take(data)
    assert (done.rows, done.files, done.problems, done.more) == (12, count, [], False)
    assert old(data) not in segments(data / "spool")
    assert retired(data)[old(data)].seq == 12
    settle(data)
    assert sound(data) == []
    assert take(data).taken == []


@pytest.mark.parametrize("compressed", [False, True])
def test_a_line_that_broke_off_holds_nothing_back(
    data: Path, record: Make, monkeypatch: pytest.MonkeyPatch, compressed: bool
) -> None:
    monkeypatch.setattr(sealing, "LEAST_BYTES", 1 if compressed else 1 << 20)
    spool = Spool(data / "spool", DataDir(data).proxy_id, "torn")
    spool.start()
    spool.put(record())
    assert spool.flush(60) and spool.close(10)
    (path,) = segments(data / "spool")[f"{DataDir(data).proxy_id}-torn"]
    whole = size(path)
    with path.open("ab") as file:
        file.write(b'{"proxy_id":"')
    settle(data)
    cursor = Cursor.load(data / "audit" / "cursor.json")
    assert cursor is not None
    cursor.offsets[path.name] = whole  # up to there the ingester reads
    cursor.save(data / "audit" / "cursor.json")
    assert path.exists() is not compressed
    age(path, 40)
    assert f"{DataDir(data).proxy_id}-torn" in {one.chain for one in take(data).taken}


def test_what_is_still_needed_is_not_read_again_and_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(module, "check", never)
    for upto in (0, 1):  # nothing of it was sent; not all of its first segment was
        assert retire(data, 30, lambda _, upto=upto: {old(data): upto}, removing).taken == []


def test_spool_and_store_still_agree(data: Path) -> None:
    def ingested() -> int:
        with Ingester(data / "spool", data / "audit") as ingester:
            return ingester.run_once()

    (data / "audit" / "cursor.json").unlink()
    assert ingested() == 24
    for path in segments(data / "spool")[old(data)][2:]:
        age(path, 1)
    take(data)
    assert ingested() == 1 and compare(data) == (25, [])
    for path in segments(data / "spool")[old(data)]:
        age(path, 40)
    assert take(data).rows > 0 and old(data) not in segments(data / "spool")
    assert ingested() == 1 and compare(data) == (26, [])
    path_of(data).unlink()
    assert [str(problem) for problem in compare(data)[1]] == [
        f"{old(data)}: the spool's files are gone; the store has 12 of the rows"
    ]


def test_a_record_says_what_went_and_the_seals_are_told(data: Path) -> None:
    files = {f"spool/{path.name}.zst" for path in segments(data / "spool")[old(data)]}
    take(data)
    (told,) = [row for row in replay(data / "spool") if row["kind"] == "retention"]
    assert told["reason"] == f"spool: {len(files)} segments whose time was over"
    chain = {"chain": old(data), "segments": len(files), "first": 1, "last": 12}
    assert json.loads(told["extra"]) == {"of": "spool", "chains": [chain]}
    assert announced(data) >= files


def test_only_the_beginning_goes_and_what_follows_still_verifies(data: Path, record: Make) -> None:
    paths = segments(data / "spool")[old(data)]
    for path in paths[1:]:
        age(path, 1)
    assert len(paths) > 3
    done = take(data)
    assert done.files == 1 and segments(data / "spool")[old(data)] == paths[1:]
    settle(data)
    assert sound(data) == []
    age(paths[1], 40)
    assert take(data).files == 1
    age(paths[-1], 40)  # not the beginning: there is a younger one before it
    assert take(data).files == 0
    settle(data)
    assert sound(data) == []
    cut = paths[-1].with_name(paths[-1].name + ".zst")
    cut.unlink()
    assert any("cut" in text or "gone" in text for text in sound(data)), "what is missing at the end still shows"


def test_what_was_not_signed_or_not_ingested_stays(data: Path) -> None:
    def unsigned(_data: Path) -> Mapping[str, int]:
        return {old(data): 5}

    done = retire(data, 30, unsigned, removing)
    assert 0 < done.rows <= 5
    (data / "audit" / "cursor.json").unlink()
    assert take(data).taken == []


def test_a_segment_that_is_written_to_stays(data: Path, record: Make) -> None:
    spool = Spool(data / "spool", DataDir(data).proxy_id, "live")
    spool.start()
    spool.put(record())
    assert spool.flush(60)
    settle(data)
    (path,) = segments(data / "spool")[f"{DataDir(data).proxy_id}-live"]
    age(path, 99)
    take(data)
    assert path.exists() and spool.close(10)


def test_rows_that_were_edited_stay_and_are_told(data: Path) -> None:
    path = segments(data / "spool")[old(data)][1]
    packed = path.with_name(path.name + ".zst")
    body = bytearray(packed.read_bytes())
    body[200] ^= 1
    packed.write_bytes(body)
    age(path, 40)
    done = take(data)
    assert done.files == 1 and "stays in the spool" in done.problems[0] and path.name in done.problems[0]


@pytest.mark.parametrize("where", ["save", "tell_retention", "removing", "unlink"])
def test_a_crash_at_any_point_is_made_good(data: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    count = len(segments(data / "spool")[old(data)])
    real, calls = Path.unlink, []

    def dies(*_args: object, **_more: object) -> None:
        raise OSError(5, "Input/output error")

    def dies_later(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".zst":
            calls.append(path)
            if len(calls) == 3:
                dies()
        real(path, missing_ok=missing_ok)

    with monkeypatch.context() as broken:
        if where in ("save", "tell_retention"):
            broken.setattr(module, where, dies)
        elif where == "unlink":
            broken.setattr(Path, "unlink", dies_later)
        with pytest.raises(OSError, match="Input/output"):
            retire(data, 30, covered, dies if where == "removing" else removing)
    settle(data)
    assert sound(data) == []
    before = count - (2 if where == "unlink" else 0)
    assert len(segments(data / "spool")[old(data)]) == before
    take(data)
    assert old(data) not in segments(data / "spool") and retired(data)[old(data)].seq == 12
    settle(data)
    assert sound(data) == []
    assert any(row["kind"] == "retention" for row in replay(data / "spool"))


def test_the_duty_goes_on_until_all_is_gone_then_rests(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Iterable[Path]] = []
    duty = Retiring(covered, lambda _data, paths: told.append(list(paths)))
    desk = Desk(data, Audit(retention=Retention(spool_days=30)))
    assert duty.run(desk, last=True) == [] and not told
    monkeypatch.setattr(module, "_RUN_S", -1.0)
    assert duty.run(desk, last=False) == [] and not told
    monkeypatch.setattr(module, "_RUN_S", 2.0)
    (line,) = duty.run(desk, last=False)
    assert "with 12 rows left the spool" in line and len(told) == 1
    for path in segments(data / "spool")[f"{DataDir(data).proxy_id}-young"]:
        age(path, 40)
    assert duty.run(desk, last=False) == [] and len(told) == 1, "it rests for some hours"
