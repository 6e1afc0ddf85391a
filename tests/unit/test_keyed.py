"""Digests under a key that was made ready once are those that `hmac` makes."""

from __future__ import annotations

import hmac
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from weir.keyed import Keyed, keyed


@pytest.mark.parametrize("size", [0, 1, 32, 63, 64, 65, 200])
@pytest.mark.parametrize("length", [0, 1, 55, 64, 1000, 5000])
def test_they_are_those_of_hmac(size: int, length: int) -> None:
    key, data = os.urandom(size), os.urandom(length)
    made = Keyed(key)
    assert made.digest(data) == made.digest(data) == hmac.digest(key, data, "sha256")


def test_one_stands_for_each_key() -> None:
    one, other = b"a" * 32, b"b" * 32
    assert keyed(one) is keyed(one)
    assert keyed(one).digest(b"x") != keyed(other).digest(b"x")


def test_threads_do_not_disturb_each_other() -> None:
    key = os.urandom(32)
    made, texts = Keyed(key), [os.urandom(3000) for _ in range(200)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(made.digest, texts)) == [hmac.digest(key, text, "sha256") for text in texts]


def test_it_shows_no_key() -> None:
    assert "61" * 4 not in repr(Keyed(b"a" * 32)) and "aaaa" not in repr(Keyed(b"a" * 32))
