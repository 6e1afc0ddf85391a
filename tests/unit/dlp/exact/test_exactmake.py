"""Making fingerprints: what is taken, what is refused and counted, and that the file reveals nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.dlp.core.patterns import Deadline
from weir.dlp.exact import exactmake
from weir.dlp.exact.exact import load_exact
from weir.dlp.exact.exactmake import Made, fingerprint

KEY = bytes(range(32))


def make(out: Path, *rows: tuple[str, ...], columns: tuple[str, ...] = ("name",), short: bool = False) -> Made:
    return fingerprint(iter(rows), columns, label="customers", key=KEY, out=out, allow_short=short)


def test_counts_and_no_values(tmp_path: Path) -> None:
    out = tmp_path / "a.fp"
    rows = [
        ("DE89 3704 0044 0532 0130 00", "C1234567"),
        ("DE89370400440532013000", "12345"),
        ("", "abcd"),
        ("xy" * 65, "n/a"),
    ]
    made = make(out, *rows, columns=("iban", "id"))
    assert (made.values, made.cells) == (2, 7)
    assert dict(made.refused) == {"id: too short": 3, "iban: more than 128 characters": 1}
    data = out.read_bytes()
    assert made.bytes == len(data)
    assert all(value.encode() not in data.lower() for value in ("c1234567", "de8937", "1234567"))
    assert "C1234567" not in repr(made)


def test_the_same_table_makes_another_file_each_time(tmp_path: Path) -> None:
    rows = [(f"C{number}",) for number in range(1_000_000, 1_000_100)]
    make(tmp_path / "a.fp", *rows)
    make(tmp_path / "b.fp", *rows)
    one, two = ((tmp_path / name).read_bytes() for name in ("a.fp", "b.fp"))
    assert len(one) == len(two)
    # Whoever has both files cannot tell which values they share: no eight bytes of one are in the other.
    hashes = {one[at : at + 8] for at in range(len(one) - 32 - 100 * 10, len(one) - 32 - 200, 8)}
    assert len(hashes) == 100 and not any(piece in two for piece in hashes)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("abcd", "too short"),
        ("a b-c.d", "too short"),
        ("12345", "too short"),
        ("王小", "too short"),
        ("000000000", "no real value"),
        ("Unknown", "no real value"),
        ("1" + "2" * 128, "more than 128 characters"),
    ],
)
def test_what_is_no_use_is_refused(value: str, reason: str, tmp_path: Path) -> None:
    made = make(tmp_path / "a.fp", (value,), ("good-value-1",))
    assert dict(made.refused) == {f"name: {reason}": 1}
    assert made.values == 1


def test_short_values_only_when_asked_for(tmp_path: Path) -> None:
    assert make(tmp_path / "a.fp", ("ab1",), ("4711",), short=True).values == 2


def test_nothing_left_leaves_the_old_file(tmp_path: Path) -> None:
    out = tmp_path / "a.fp"
    make(out, ("good-value-1",))
    before = out.read_bytes()
    with pytest.raises(ValueError, match="no value is left"):
        make(out, ("abc",))
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.fp"]


def test_too_many_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exactmake, "VALUES_MAX", 10)
    with pytest.raises(ValueError, match="split the table"):
        make(tmp_path / "a.fp", *((f"value{number}",) for number in range(11)))


def test_doubtful_columns_are_told(tmp_path: Path) -> None:
    rows = [("White", f"{number:06d}") for number in range(1000, 1200)]
    made = make(tmp_path / "a.fp", *rows, columns=("last", "number"))
    assert made.single_words == {"last": 200}
    assert made.dense == {6: 200 / 10**6}


def test_many_chunks_are_all_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exactmake, "_CHUNK", 7)
    values = [f"K{number:07d}" for number in range(0, 70_000, 700)]
    make(tmp_path / "a.fp", *((value,) for value in values), *((value,) for value in values))
    detector = load_exact(tmp_path / "a.fp", KEY)
    assert detector.fingerprints.header.values == 100
    text = "\n".join(values)
    assert [text[start:end] for start, end, _ in detector.find(text, Deadline(10))] == values
