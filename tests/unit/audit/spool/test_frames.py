"""The compressed form of a segment: it gives the lines back, and every changed byte of it shows."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256

import pytest
import zstandard

from weir.audit.record import AuditRecord
from weir.audit.spool import frames
from weir.audit.spool.frames import about_of, compress, content, faults, table_of
from weir.audit.spool.lines import GENESIS, encode, seal

Make = Callable[..., AuditRecord]


def lines(record: Make, count: int, first: int = 1) -> bytes:
    made, prev = [], GENESIS
    for seq in range(first, first + count):
        line, prev = seal(encode(record(user=f"u{seq}"), "p", "b", seq), prev)
        made.append(line)
    return b"".join(made)


def packed(data: bytes) -> io.BytesIO:
    out = io.BytesIO()
    compress(io.BytesIO(data), out)
    return out


def all_of(file: io.BytesIO) -> bytes:
    return b"".join(content(file, frame) for frame in table_of(file))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames of a few lines."""
    monkeypatch.setattr(frames, "FRAME_BYTES", 2_000)


@pytest.mark.usefixtures("small")
def test_lines_come_back_and_each_frame_ends_with_one(record: Make) -> None:
    data = lines(record, 50, first=7)
    file = packed(data)
    table = table_of(file)
    assert len(table) > 5 and all(content(file, frame).endswith(b"\n") for frame in table)
    assert all_of(file) == data and faults(file) == []
    about = about_of(file)
    assert about is not None and asdict(about) == {
        "rows": 50,
        "first": 7,
        "last": 56,
        "bytes": len(data),
        "sha256": sha256(data).hexdigest(),
        "frames_sha256": sha256(file.getvalue()[: sum(frame.size for frame in table)]).hexdigest(),
    }


@pytest.mark.usefixtures("small")
def test_any_reader_of_zstd_understands_it(record: Make) -> None:
    data = lines(record, 50)
    file = packed(data)
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(file.getvalue()), read_across_frames=True) as reader:
        assert reader.read() == data


@pytest.mark.parametrize("data", [b"", b"torn", b"not json\n", b'{"seq":1}\n{"seq"'], ids=["no", "torn", "bad", "end"])
def test_odd_contents_are_kept_as_they_are(data: bytes) -> None:
    file = packed(data)
    assert all_of(file) == data and faults(file) == []
    about = about_of(file)
    assert about is not None and about.rows == data.count(b"\n")
    assert about.first == (1 if b'{"seq":1}' in data else None) == about.last


def test_a_line_longer_than_a_frame_has_one_of_its_own(small: None) -> None:
    data = b'{"seq":1}\n' + b"x" * 9_000 + b'\n{"seq":3}\n'
    file = packed(data)
    assert all_of(file) == data and table_of(file)[0].length == 9_011


@pytest.mark.usefixtures("small")
def test_every_byte_that_is_changed_shows(record: Make) -> None:
    good = packed(lines(record, 20)).getvalue()
    chance = random.Random(5)
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1 << chance.randrange(8)
        assert faults(io.BytesIO(bad)), f"byte {at} of {len(good)}"


@pytest.mark.usefixtures("small")
def test_a_file_that_is_cut_or_goes_on_shows(record: Make) -> None:
    good = packed(lines(record, 20)).getvalue()
    assert faults(io.BytesIO(good + b"x")) and faults(io.BytesIO(b"x" + good)) and faults(io.BytesIO())
    assert all(faults(io.BytesIO(good[:-cut])) for cut in range(1, 600, 7))


@pytest.mark.usefixtures("small")
def test_a_damaged_frame_is_one_bad_line_and_the_others_stay(record: Make) -> None:
    data = lines(record, 50)
    file = packed(data)
    hit = table_of(file)[2]
    bad = bytearray(file.getvalue())
    bad[hit.at + hit.size // 2] ^= 0xFF
    file = io.BytesIO(bad)
    found = all_of(file)
    end = hit.begins + hit.length
    assert len(found) == len(data) and found[: hit.begins] == data[: hit.begins] and found[end:] == data[end:]
    assert found[hit.begins : end].count(b"\n") == 1


@pytest.mark.usefixtures("small")
def test_without_its_table_the_frames_are_found_by_walking(record: Make) -> None:
    data = lines(record, 50)
    file = packed(data)
    table = table_of(file)
    bad = bytearray(file.getvalue())
    bad[-1] ^= 1
    assert table_of(io.BytesIO(bad)) == table and all_of(io.BytesIO(bad)) == data
    bad[table[3].at + 30] ^= 0xFF  # a frame is damaged as well: it counts as one byte, what follows is found
    walked = all_of(io.BytesIO(bad))
    end = table[3].begins + table[3].length
    assert walked == data[: table[3].begins] + b"\n" + data[end:]


def test_a_table_that_claims_too_much_takes_no_memory(record: Make) -> None:
    file = packed(lines(record, 3))
    raw = bytearray(file.getvalue())
    at = len(raw) - 9 - 4
    assert raw[at : at + 4] == table_of(file)[0].length.to_bytes(4, "little")
    raw[at : at + 4] = b"\xff\xff\xff\xff"
    assert all_of(io.BytesIO(raw)) == all_of(file)
    assert faults(io.BytesIO(raw))
