from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from weir.audit.store.load import stage, staged, unstage
from weir.audit.store.parquet import ParquetFiles, open_engine

LINE = (
    b'{"proxy_id":"p","boot_id":"b","seq":%d,"event_id":"01a1fd45-bc4d-7669-b506-66d53cd0fd77","ts":1700000000000001,'
    b'"user":"a\'n\\"na","user_groups":["x","y"],"stream":true,"extra":"{\\"a\\":\\"b\\"}",'
    b'"findings":[{"ord":0,"detector":"d"},{"ord":1}]}\n'
)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ParquetFiles]:
    engine = open_engine()
    made = ParquetFiles(tmp_path / "audit", engine, owner="test")
    made.prepare()
    yield made
    engine.close()


def test_lines_become_rows_of_their_types(files: ParquetFiles) -> None:
    stage(files, [LINE % 1, b'{"proxy_id":"p","boot_id":"b","seq":2,"event_id":"no uuid","extra":"{broken"}\n'])
    names = 'seq, event_id::VARCHAR, ts::VARCHAR, "user", user_groups, stream, extra, typeof(extra), device, batch'
    rows = files.engine.execute(f"SELECT {names} FROM ({staged('events', 9)})").fetchall()
    assert rows == [
        (1, "01a1fd45-bc4d-7669-b506-66d53cd0fd77", "2023-11-14 22:13:20.000001", "a'n\"na", ["x", "y"], True,
         '{"a":"b"}', "VARCHAR", None, 9),
        (2, None, None, None, None, None, None, "VARCHAR", None, 9),
    ]  # fmt: skip


def test_children_repeat_what_they_are_of(files: ParquetFiles) -> None:
    stage(files, [LINE % 5])
    rows = files.engine.execute(f"SELECT seq, ts::VARCHAR, ord, detector FROM ({staged('findings', 1)})").fetchall()
    assert rows == [(5, "2023-11-14 22:13:20.000001", 0, "d"), (5, "2023-11-14 22:13:20.000001", 1, None)]
    assert files.engine.execute(staged("tool_calls", 1)).fetchall() == []


def test_a_member_given_twice_counts_as_the_one_reader_says_who_looked_at_it(files: ParquetFiles) -> None:
    stage(files, [b'{"proxy_id":"p","boot_id":"b","seq":1,"user":"x","user":"y"}\n'])
    assert files.engine.execute(f'SELECT "user" FROM ({staged("events", 1)})').fetchall() in ([("y",)], [("x",)])


def test_no_line_stays_on_disk(files: ParquetFiles) -> None:
    stage(files, [LINE % 1])
    assert list(files.temporary.iterdir()) == []
    unstage(files)
    assert files.engine.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]


def test_the_spilled_lines_are_private_from_their_first_byte(
    files: ParquetFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    real = os.fdopen

    def opened(fd: int, *given: str) -> Any:
        modes.append(os.fstat(fd).st_mode & 0o777)
        return real(fd, *given)

    monkeypatch.setattr(os, "fdopen", opened)
    stage(files, [LINE % 1])
    assert modes == [0o600]
