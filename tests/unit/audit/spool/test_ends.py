from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weir.audit.record import AuditRecord
from weir.audit.spool import ends as module
from weir.audit.spool.chain import check, segments
from weir.audit.spool.ends import Break, Ends, ends
from weir.audit.spool.lines import GENESIS, encode, seal
from weir.audit.spool.sealing import compress_segment
from weir.audit.spool.writer import Spool

Make = Callable[..., AuditRecord]


@pytest.fixture
def lines(record: Make) -> list[bytes]:
    made, prev = [], GENESIS
    for seq in range(1, 7):
        line, prev = seal(encode(record(reason="x" * 50 * seq), "p", "b", seq), prev)
        made.append(line)
    return made


def files(directory: Path, *parts: list[bytes]) -> list[Path]:
    paths = []
    for number, part in enumerate(parts, 1):
        paths.append(directory / f"p-b-{number:06d}.jsonl")
        paths[-1].write_bytes(b"".join(part))
    return paths


@pytest.mark.parametrize("block", [1, 100, 64 << 10])
def test_files_that_follow_each_other(
    tmp_path: Path, lines: list[bytes], monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    assert ends(files(tmp_path, lines[:3], lines[3:4], lines[4:])) == Ends(6, ())
    assert ends(files(tmp_path, lines)) == Ends(6, ())
    assert ends(files(tmp_path, [*lines[:5], lines[5][:30]])) == Ends(5, ()), "a torn line is none"
    assert ends(files(tmp_path, lines, [])) == Ends(6, ()), "the next segment has no line yet"
    assert ends(files(tmp_path, [lines[0][:30]])) == Ends(0, ())
    assert ends([]) == Ends(0, ())


def test_breaks_are_named(tmp_path: Path, lines: list[bytes]) -> None:
    first, second = (path.name for path in files(tmp_path, [], []))
    expected = Break(second, "it begins with seq 5, seq 4 was expected")
    assert ends(files(tmp_path, lines[:3], lines[4:])) == Ends(6, (expected,))
    assert ends(files(tmp_path, lines[2:])).breaks == (Break(first, "it begins with seq 3, seq 1 was expected"),)
    broken = ends(files(tmp_path, [b"hunter2\n"], lines)).breaks
    assert broken == (Break(first, "its first or last line is broken: it is no JSON"),)
    assert ends(files(tmp_path, [b'{"seq":"1"}\n'])).breaks[0].text.endswith("it has no seq")


def test_a_compressed_segment_says_its_ends_itself(
    tmp_path: Path, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, "p", "b", segment_bytes_max=2048)
    spool.start()
    for _ in range(9):
        spool.put(record())
        assert spool.flush(60)
    assert spool.close(60)
    paths = segments(tmp_path)["p-b"]
    before = ends(paths)
    for path in paths:
        assert compress_segment(path) == ""
    with monkeypatch.context() as closed:
        closed.setattr(module, "open_segment", lambda path: pytest.fail("its lines were read"))
        assert ends(paths) == before == Ends(9, ())
    packed = paths[1].with_name(paths[1].name + ".zst")
    packed.write_bytes(packed.read_bytes()[:-1] + b"\0")
    assert ends(paths) == before, "without its last bytes the lines are read"


def test_what_retention_took_is_no_break(tmp_path: Path, record: Make) -> None:
    spool = Spool(tmp_path, "p", "b", segment_bytes_max=2048)
    spool.start()
    for _ in range(9):
        spool.put(record())
        assert spool.flush(60)
    assert spool.close(60)
    first, *rest = segments(tmp_path)["p-b"]
    taken = ends([first]).last
    assert ends(rest, taken) == Ends(9, ()) and ends(rest).breaks and ends([], taken) == Ends(taken, ())
    last = list(check("p-b", [first]))[-1]
    rows = list(check("p-b", rest, taken, last.row_hash))
    assert rows[-1].seq == 9 and not any(row.problems for row in rows)
    assert next(check("p-b", rest, taken)).problems == ("the link to the row before is broken",)
