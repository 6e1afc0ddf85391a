from __future__ import annotations

import pytest

from weir.dlp.rulebook.examples import ALPHABETS, expand
from weir.dlp.rulebook.validators import crc62


@pytest.mark.parametrize("name", sorted(ALPHABETS))
@pytest.mark.parametrize("length", [1, 7, 64])
def test_length_and_alphabet(name: str, length: int) -> None:
    value = expand(f"<{{{name}:{length}}}>", "seed")[1:-1]
    assert len(value) == length
    assert set(value) <= set(ALPHABETS[name])
    assert value[0].isalnum() and value[-1].isalnum()


def test_the_same_seed_gives_the_same_text_and_another_seed_another() -> None:
    assert expand("{b62:40}", "a") == expand("{b62:40}", "a") != expand("{b62:40}", "b")


def test_two_places_differ() -> None:
    first, second = expand("{b62:40} {b62:40}", "a").split()
    assert first != second


@pytest.mark.parametrize("text", ["${DB_PASSWORD}", "{your_password}", "{hex}", "{oct:8}", "{hex:12345}", "plain"])
def test_everything_else_stays(text: str) -> None:
    assert expand(text, "a") == text


def test_a_checksum_is_that_of_what_stands_before_it() -> None:
    key = expand("xkey-{b62:43}{crc62:47}y", "a")[1:-1]
    assert len(key) == 53 and key[-6:] == crc62(key[:-6])
    first, second = expand("a-{b62:4}{crc62:6} a-{b62:4}{crc62:6}", "a").split()
    assert first != second and all(part[-6:] == crc62(part[:-6]) for part in (first, second))
