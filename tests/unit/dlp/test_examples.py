from __future__ import annotations

import pytest

from weir.dlp.examples import ALPHABETS, expand


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
