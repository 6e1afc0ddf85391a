"""Reading tables as people export them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from weir.dlp.exact.exacttable import Table, TableError


def table(tmp_path: Path, data: bytes, *columns: str) -> Table:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    return Table(path, columns or ("id", "name"))


@pytest.mark.parametrize(
    ("data", "encoding", "delimiter"),
    [
        (b"id,x,name\n1,a,Zo\xc3\xab\n", "utf-8", ","),
        (b"\xef\xbb\xbfid;x;name\r\n1;a;Zo\xc3\xab\r\n", "utf-8-sig", ";"),
        ("id\tx\tname\n1\ta\tZoë\n".encode("utf-16"), "utf-16", "\t"),
        (b"id|x|name\n1|a|Zo\xeb\n", "cp1252", "|"),
        (gzip.compress(b"id,x,name\n1,a,Zo\xc3\xab\n"), "utf-8", ","),
        (b'"id","x","name"\n"1","a","Zo\xc3\xab"', "utf-8", ","),
    ],
)
def test_every_usual_form(data: bytes, encoding: str, delimiter: str, tmp_path: Path) -> None:
    read = table(tmp_path, data)
    assert list(read.rows()) == [("1", "Zoë")]
    assert (read.encoding, read.delimiter, read.bad) == (encoding, delimiter, 0)


def test_bad_lines_are_counted_and_told_by_number(tmp_path: Path) -> None:
    rows = ["id,name", "1,a", "2", "", '3,"b\nc"', "4,d,e", "5,f"]
    read = table(tmp_path, "\n".join(rows).encode() + b"\n6," + b"x" * 200_000 + b"\n7,g\n")
    assert list(read.rows()) == [("1", "a"), ("3", "b\nc"), ("5", "f"), ("7", "g")]
    assert (read.bad, read.bad_lines) == (3, [3, 7, 9])


def test_text_that_is_no_utf8_after_all(tmp_path: Path) -> None:
    data = b"id,name\n" + b"1,aaaaaaaa\n" * 10_000 + b"2,\xff\n3,c\n"
    read = table(tmp_path, data)
    rows = list(read.rows())
    assert (len(rows), rows[-1], read.bad, read.bad_lines) == (10_001, ("3", "c"), 1, [10_002])


@pytest.mark.parametrize(
    ("data", "columns", "said"),
    [
        (b"", ("id",), "has no header"),
        (b"id,name\n", ("nmae",), "no column is called nmae; write name"),
        (b"id,name\n", ("zzzzzz",), "there are id, name"),
        (b"id,id\n", ("id",), "2 columns are called id"),
        (gzip.compress(b"id,name\n" + b"1,a\n" * 100_000)[:-200], ("id",), "gzip file is damaged"),
    ],
)
def test_what_can_not_be_used_says_what_to_do(data: bytes, columns: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=said):
        list(table(tmp_path, data, *columns).rows())


def test_columns_that_make_one_value(tmp_path: Path) -> None:
    data = b"first,last,a+b,id\nJane,Public,x,1\n,Roe,y,2\nAnn , Bell,z,3\n"
    read = table(tmp_path, data, "first + last", "a+b", "id")
    assert list(read.rows()) == [("Jane Public", "x", "1"), ("", "y", "2"), ("Ann Bell", "z", "3")]
    with pytest.raises(TableError, match="no column is called fist; write first"):
        list(table(tmp_path, data, "fist+last").rows())


def test_names_of_columns_are_found_in_any_case_and_told_progress(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    read = table(tmp_path, b"ID,Name\n" + b"1,a\n" * 9000)
    assert len(list(read.rows(lambda done, total: told.append((done, total))))) == 9000
    assert told and all(0 < done <= total for done, total in told)
