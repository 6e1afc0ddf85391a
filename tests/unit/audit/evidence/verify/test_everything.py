"""What was signed against what is there: the whole of it, and each thing that somebody may do to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from harness.processes import ROOT
from harness.sealedaudit import SealedAudit, Spoiled
from weir.audit.columns import field_ids
from weir.audit.evidence import verify
from weir.audit.evidence.compare import compare
from weir.audit.evidence.keys import first_key
from weir.audit.evidence.logfile import read_log
from weir.audit.evidence.merkle import Frontier, leaf_hash
from weir.audit.evidence.removals import removing
from weir.audit.evidence.verify import Verifier
from weir.audit.record import AuditRecord, now_us
from weir.audit.spool.lines import GENESIS, seal, unseal
from weir.audit.spool.opened import segments
from weir.audit.spool.retired import Retired, save
from weir.audit.spool.writer import Spool
from weir.audit.store.tables import STORED

Make = Callable[..., AuditRecord]


def told(data: Path) -> list[str]:
    return [str(problem) for problem in Verifier(data).problems()]


def resealed(lines: list[bytes]) -> Iterator[bytes]:
    """The lines with hashes that fit, as somebody makes them who knows how."""
    prev = GENESIS
    for line in lines:
        sealed, prev = seal(unseal(line)[0], prev)
        yield sealed


def test_a_weir_that_has_just_been_started_has_no_store_yet(tmp_path: Path, record: Make) -> None:
    spool = Spool(tmp_path / "spool", "p", "b")
    spool.start()
    try:
        spool.put(record())
        assert spool.flush(60)
        verifier = Verifier(tmp_path)
        assert list(verifier.problems()) == [] and not verifier.totals.store and verifier.totals.waiting == 1
    finally:
        spool.close(10)
    assert told(tmp_path) == ["store: there is none: what follows is about the spool alone"]


def test_what_was_signed_is_held_against_what_is_there(sealed: SealedAudit) -> None:
    verifier = Verifier(sealed.data.path, published=[sealed.published], key=first_key(sealed.data.keys), store_too=True)
    assert list(verifier.problems()) == []
    totals = verifier.totals
    assert (totals.rows, totals.proved, totals.store_rows, totals.texts) == (75, 75, 75, 6)
    assert totals.files >= 5 and totals.checkpoints >= 5 and not totals.own_key
    later = Verifier(sealed.data.path, since=1 << 51)
    assert list(later.problems()) == [] and (later.totals.skipped, later.rows) == (2, 0)
    half = Verifier(sealed.data.path, since=sealed_at(sealed, "close") - 1)
    assert list(half.problems()) == [] and half.rows >= 15


def sealed_at(sealed: SealedAudit, reason: str) -> int:
    """When the last boot was closed."""
    log = read_log(sealed.data.audit / "checkpoints.jsonl", first_key(sealed.data.keys))
    return max(item.ts for item in log.all if item.reason == reason)


@pytest.fixture
def signed(sealed: SealedAudit, spoiled_audit: Spoiled) -> Iterator[Path]:
    """A copy of the whole audit, for one test."""
    yield spoiled_audit.path
    spoiled_audit.mend()


def words(data: Path) -> set[str]:
    return {problem.wrong for problem in Verifier(data).problems()}


def test_each_thing_that_is_done_to_a_signed_audit_has_its_name(signed: Path) -> None:
    (plain,) = (path for path in (signed / "spool").glob("*-0002-*.jsonl"))
    whole = plain.read_bytes()
    lines = whole.splitlines(keepends=True)
    for changed, expected in (
        ([*lines[:4], *lines[5:]], {"removed"}),
        (lines[:-3], {"cut"}),
        ([*lines[3:6], *lines[:3], *lines[6:]], {"reordered"}),
        ([*lines[:4], lines[4].replace(b"user-4", b"user-5"), *lines[5:]], {"edited"}),
        ([*resealed([*lines[:4], lines[4].replace(b"user-4", b"user-5"), *lines[5:]])], {"rewritten"}),
    ):
        plain.write_bytes(b"".join(changed))
        assert words(signed) - {"differs"} == expected
    plain.write_bytes(whole)
    log = signed / "audit" / "checkpoints.jsonl"
    notes = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*notes[:2], *notes[3:]]))
    assert words(signed) == {"checkpoint_gone"}
    log.write_bytes(b"".join([*notes[:2], notes[2].replace(b'"size":60', b'"size":61'), *notes[3:]]))
    assert "forged" in words(signed)


def test_a_boot_that_was_put_in_between_signed_ones(signed: Path, record: Make) -> None:
    proxy = (signed / "proxy-id").read_text().strip()
    spool = Spool(signed / "spool", proxy, "00015")
    spool.start()
    spool.put(record())
    assert spool.close(60)
    assert words(signed) == {"added"}


WRITER = """
import sys
from pathlib import Path
from unit.audit.conftest import make_record
from weir.audit.ingester.ingest import Ingester
from weir.audit.spool.writer import Spool
from weir.audit.store.tables import STORED

data = Path(sys.argv[1])
spool = Spool(data / "spool", "p", "b", segment_bytes_max=1 << 14)
spool.start()
with Ingester(data / "spool", data / "audit", merge_at=8, settle_s=1.0, fold_rows=20) as ingester:
    for number in range(20):
        for _ in range(5):
            spool.put(make_record())
        assert spool.flush(60)
        ingester.run_once()
        if not number:
            print("one pass", flush=True)
assert spool.close(60)
"""


def test_while_records_are_written_and_files_merged_nothing_looks_wrong(tmp_path: Path) -> None:
    paths = os.pathsep.join(str(ROOT / name) for name in ("addons", "tests"))
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert writer.stdout
    with writer:
        writer.stdout.readline()
        for _ in range(3):
            assert told(tmp_path) == [] and compare(tmp_path)[1] == []
    assert writer.returncode == 0 and compare(tmp_path) == (100, []) and told(tmp_path) == []


def test_checkpoints_that_were_never_made_or_taken_away(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (signed / "audit" / "checkpoints.jsonl").unlink()
    assert told(signed) == [], "a crash came between the first row and its checkpoint"
    monkeypatch.setattr(verify, "SIGNED_US", 0)
    assert [line.partition(": ")[0] for line in told(signed)] == ["checkpoints.jsonl"]
    (signed / "keys" / "checkpoint.pub").unlink()
    assert [line.partition(": ")[0] for line in told(signed)] == ["checkpoints.jsonl"]


def test_a_beginning_that_was_taken_away_as_if_its_time_were_over(signed: Path) -> None:
    (chain,) = [name for name in segments(signed / "spool") if name.endswith("-0002")]
    tree, head, seq = Frontier(), GENESIS, 0
    for path in segments(signed / "spool")[chain]:
        for line in path.read_bytes().splitlines(keepends=True):
            head, seq = unseal(line)[2], seq + 1
            tree.append(leaf_hash(bytes.fromhex(head)))
        path.unlink()
    save(signed, {chain: Retired(seq, 9, head, tree.hashes, now_us())})
    verifier = Verifier(signed)
    assert list(verifier.problems()) == [] and verifier.totals.retired == 15, "its rows are in the store"
    day = next((signed / "audit" / "days" / "events").glob("2*.parquet"))
    made = day.with_suffix(".made")
    rows = f"SELECT * FROM '{day}' WHERE boot_id <> '0002'"
    duckdb.connect().execute(f"COPY ({rows}) TO '{made}' (FORMAT parquet, FIELD_IDS {field_ids(STORED['events'])})")
    made.replace(day.with_name(day.name.replace(".0000", ".0009")))
    removing(signed, [day])
    day.unlink()
    assert f"{chain}: removed: seq 1 to 15: they are gone from the spool" in "\n".join(told(signed))
