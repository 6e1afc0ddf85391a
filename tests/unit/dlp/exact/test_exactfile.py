"""The fingerprint file: what is written is read, and anything else is refused with what to do."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from weir.dlp.exact.exactfile import (
    SHAPE_STEP,
    ExactFileError,
    Header,
    read_fingerprints,
    read_label,
    replacing,
    write_file,
)
from weir.dlp.exact.exacthash import filter_bytes

KEY = bytes(range(32))


def made() -> bytes:
    shapes = np.zeros(SHAPE_STEP * SHAPE_STEP, np.bool_)
    shapes[[8 * SHAPE_STEP + 7, 22 * SHAPE_STEP + 20]] = True
    header = Header("customers", ("iban", "id"), b"s" * 16, 3, 2, shapes)
    file = io.BytesIO()
    write_file(file, header, KEY, np.array([1, 5, 2**64 - 1], np.uint64), np.arange(filter_bytes(3), dtype=np.uint8))
    return file.getvalue()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.fp"
    path.write_bytes(made())
    read = read_fingerprints(path, KEY)
    assert (read.header.label, read.header.columns, read.header.values, read.header.words) == (
        "customers", ("iban", "id"), 3, 2,
    )  # fmt: skip
    assert read.sure.tolist() == [1, 5, 2**64 - 1]
    assert read.quick.tolist() == list(range(filter_bytes(3)))
    assert read.header.longest == 22
    assert not read.sure.flags.writeable
    assert read_label(path) == "customers"
    assert KEY.hex() not in repr(read)


@pytest.mark.parametrize(
    ("change", "key", "problem"),
    [
        (lambda data: b"", KEY, "is empty"),
        (lambda data: b"iban,customer_id\n" * 10, KEY, "is no fingerprint file"),
        (lambda data: data[:-1], KEY, "is cut short"),
        (lambda data: data[:200], KEY, "is cut short"),
        (lambda data: data[:60], KEY, "header"),
        (lambda data: data + b"x", KEY, "more in it than it should"),
        (lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:], KEY, "is damaged"),
        (lambda data: data.replace(b'"customers"', b'"customerx"'), KEY, "is damaged"),
        (lambda data: data.replace(b'"reading":1', b'"reading":9'), KEY, "another version"),
        (lambda data: data.replace(b'"salt"', b'"sald"'), KEY, "says too little"),
        (lambda data: data, b"k" * 32, "the key of another data directory"),
    ],
)
def test_any_other_file_is_refused(change: object, key: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "a.fp"
    path.write_bytes(change(made()))  # type: ignore[operator]
    with pytest.raises(ExactFileError, match=problem) as raised:
        read_fingerprints(path, key)
    assert str(raised.value).startswith(f"{path}: ") and "weir dlp fingerprint" in raised.value.remedy


def test_a_label_is_not_read_out_of_anything(tmp_path: Path) -> None:
    path = tmp_path / "a.fp"
    for data in (b"other", b"WEIRFP1\n\x05\0\0\0oops!", b"WEIRFP1\n\xff\xff\xff\xff"):
        path.write_bytes(data)
        with pytest.raises(ExactFileError):
            read_label(path)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.fp"
    path.write_bytes(made())
    before = read_fingerprints(path, KEY)
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == made()
    with replacing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new" and path.stat().st_mode & 0o777 == 0o600
    assert before.sure.tolist() == [1, 5, 2**64 - 1]  # who has the old one mapped still has it
    assert [found.name for found in tmp_path.iterdir()] == ["a.fp"]
