from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weir.audit.record import AuditRecord
from weir.audit.spool.ends import Break, Ends, ends
from weir.audit.spool.lines import GENESIS, encode, seal
from weir.audit.spool import ends as module

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
