"""The two hashes: the same from a value and from where it stands in a text, other ones with another key."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from weir.dlp.exact.exacthash import Hashes, filter_bytes
from weir.dlp.exact.exacttext import reduced, tokens

KEY, SALT = bytes(range(32)), b"s" * 16


@pytest.mark.parametrize("values", [["c1234567", "de8937040044", "x"], ["жjane", "名12", "ascii1"]])
def test_the_quick_hash_of_a_value_is_that_of_its_stretch(values: list[str]) -> None:
    hashes = Hashes(KEY, SALT)
    text = tokens("1 " + " ".join(values))
    where = [spelled_at(text, value) for value in values]
    starts, ends = (np.array(side, np.int64) for side in zip(*where, strict=True))
    stretches = hashes.quick(hashes.prefix(text.symbols), starts, ends)
    assert stretches.tolist() == hashes.quick_of([value.encode() for value in values]).tolist()


def spelled_at(text: object, value: str) -> tuple[int, int]:
    whole = "".join(chr(code) for code in text.symbols.tolist())  # type: ignore[attr-defined]
    start = whole.index(value)
    return start, start + len(value)


def test_key_and_salt_change_everything() -> None:
    value = reduced("C-1234567")
    made = {
        (hashes.sure(value), int(hashes.quick_of([value])[0]), hashes.cipher(b"\0" * 16))
        for hashes in (Hashes(KEY, SALT), Hashes(KEY, b"t" * 16), Hashes(b"k" * 32, SALT))
    }
    assert all(len(set(column)) == 3 for column in zip(*made, strict=True))


def test_the_filter_is_encrypted_and_comes_back() -> None:
    bits = bytes(1000)
    hidden = Hashes(KEY, SALT).cipher(bits)
    assert hidden != bits and Hashes(KEY, SALT).cipher(hidden) == bits
    assert 3000 < sum(bin(byte).count("1") for byte in hidden) < 5000


def test_places_are_spread_over_the_filter() -> None:
    hashes = Hashes(KEY, SALT)
    quick = hashes.quick_of([f"{number:09d}".encode() for number in range(20_000)])
    for probe in range(3):
        places = hashes.places(quick, 1000, probe)
        counts = np.bincount(places.astype(np.int64), minlength=1000)
        assert len(counts) == 1000 and counts.max() < 60


@pytest.mark.parametrize(("values", "expected"), [(1, 64), (32, 64), (33, 72), (10_000_000, 20_000_000)])
def test_two_bytes_a_value(values: int, expected: int) -> None:
    assert filter_bytes(values) == expected


def test_nothing_of_the_key_is_shown_or_pickled() -> None:
    hashes = Hashes(KEY, SALT)
    assert repr(hashes) == "Hashes(hidden)"
    with pytest.raises(TypeError):
        pickle.dumps(hashes)
