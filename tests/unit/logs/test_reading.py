"""A log is read to its end whatever is in it, by the format it is of."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from weir.logs.format import FormatError
from weir.logs.opening import open_log
from weir.logs.reading import Asked, Reading, read
from weir.logs.recognise import Unrecognised

LINE = "1767355200.500 12 10.0.0.1 TCP_TUNNEL/200 900 CONNECT ai.example:443 ann HIER_DIRECT/1.2.3.4 -\n"


def reading(path: Path, data: bytes, **asked: object) -> Reading:
    path.write_bytes(data)
    with open_log(path) as log:
        return read(log, Asked(**asked))  # type: ignore[arg-type]


def test_a_log_and_its_packed_copy_are_the_same(tmp_path: Path) -> None:
    heard: list[int] = []
    data = (LINE * 3 + "junk\n").encode()
    plain = reading(tmp_path / "log", data, progress=heard.append)
    packed = reading(tmp_path / "log", gzip.compress(data))
    assert (plain.format, plain.requests, plain.lines, plain.bad) == ("squid", 3, 4, {"fewer than 8 fields": 1})
    assert (packed.uses, packed.digest) == (plain.uses, plain.digest)
    assert heard[-1] == len(data)
    use = plain.uses[0]
    assert (use.host, use.user, use.source, use.bytes_down, use.requests) == ("ai.example", "ann", "10.0.0.1", 2_700, 3)


def test_batches_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.logs.text.BATCH", 1)
    made = reading(tmp_path / "log", (LINE * 30_000 + "junk\n").encode())
    assert (made.uses[0].requests, made.examples) == (30_000, {"fewer than 8 fields": (30_001,)})


def test_a_torn_log_gives_what_there_is(tmp_path: Path) -> None:
    made = reading(tmp_path / "log", gzip.compress((LINE * 5_000).encode())[:-9])
    assert made.trouble == "ends in the middle of its packed data"
    assert made.requests > 0


def test_nothing_is_no_error_and_junk_is_one(tmp_path: Path) -> None:
    assert reading(tmp_path / "log", b"").lines == 0
    with pytest.raises(Unrecognised):
        reading(tmp_path / "log", b"junk\n")
    with pytest.raises(FormatError, match="is zip"):
        reading(tmp_path / "log", b"PK\x03\x04" + bytes(99))
    assert reading(tmp_path / "log", b"junk\n", format="squid").bad == {"fewer than 8 fields": 1}


def test_columns_mean_a_table(tmp_path: Path) -> None:
    assert reading(tmp_path / "log", b"ann ai.example\nx,ai.example\n", columns={"host": "2"}).format == "csv"


def test_reading_on_takes_no_line_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.logs.text._BLOCK", 50)
    data = LINE.encode() * 3 + b"junk\n"
    for start, requests in ((0, 3), (len(LINE), 2), (len(LINE) * 2 - 3, 1), (len(LINE) * 3, 0), (len(data) + 9, 0)):
        made = reading(tmp_path / "log", data, start=start)
        assert (made.requests, made.bytes, made.start) == (requests, len(data), start)
        assert made.examples == ({"fewer than 8 fields": (4,)} if start < len(data) else {})
    table, more = "user;host\nann;ai.example\n".encode("utf-16"), "bob;ai.example\n".encode("utf-16-le")
    (use,) = reading(tmp_path / "log", table + more, start=len(table)).uses
    assert use.user == "bob"
    with pytest.raises(FormatError, match="can't be read on"):
        reading(tmp_path / "log", b'{"log": {"creator": {}, "entries": []}}', start=9)


def test_names_are_small_and_a_windows_domain_is_one_of_mail(tmp_path: Path) -> None:
    data = "".join(LINE.replace(" ann ", f" {user} ") for user in ("ACME%5cAnn", "ann%40ACME.com", "X\\Bob", "Ann"))
    made = reading(tmp_path / "log", data.encode(), domains={"acme": "acme.com", "o'x": "'"})
    assert {(use.user, use.requests) for use in made.uses} == {("ann@acme.com", 2), ("x\\bob", 1), ("ann", 1)}


@pytest.mark.parametrize(
    ("said", "hour"),
    [
        ("2026-07-01 12:00:00", 10),
        ("2026-01-02 12:00:00", 11),
        ("2026-01-02T12:00:00.5", 11),
        ("2026-01-02T12:00:00Z", 12),
        ("2026-01-02 12:00:00+03", 9),
        ("02/Jan/2026:12:00:00 +0300", 9),
        ("02/Jan/2026:12:00:00", 11),
        ("1767355200", 12),
    ],
)
def test_a_time_without_an_offset_is_of_the_zone(tmp_path: Path, said: str, hour: int) -> None:
    (use,) = reading(tmp_path / "log", f"time,host\n{said},ai.example\n".encode(), zone="Europe/Berlin").uses
    assert use.first // 3_600_000_000 % 24 == hour
