"""The form of a virtual key: what is one, and what only looks like one."""

from __future__ import annotations

import sys

import pytest

from weir.keys.virtual.form import PREFIX, looks_virtual, new_key


def test_a_key_has_prefix_entropy_and_checksum() -> None:
    keys = {new_key() for _ in range(200)}
    assert len(keys) == 200
    for key in keys:
        assert key.startswith(PREFIX)
        assert len(key) == 57
        assert looks_virtual(key)


def test_damaged_keys_do_not_look_virtual() -> None:
    key = new_key()
    for position in range(len(key)):
        other = "x" if key[position] != "x" else "y"
        assert not looks_virtual(key[:position] + other + key[position + 1 :])
    for value in ("", PREFIX, key[:-1], key + "0", key.upper(), key + "\n", " " + key, key[:-1] + "é", key[:-1] + "-"):
        assert not looks_virtual(value)


@pytest.mark.parametrize(
    ("plain", "alike"),
    [("s", "ѕ"), ("e", "е"), ("w", "ｗ"), ("k", "𝗄"), ("i", "ı"), ("-", "‐"), ("r", "r\u200b")],
)
def test_look_alikes_are_no_keys(plain: str, alike: str) -> None:
    key = new_key()
    assert plain in key and not looks_virtual(key.replace(plain, alike, 1))


def test_digits_of_other_scripts_are_no_digits() -> None:
    key = new_key()
    assert not looks_virtual(key[:10] + "٣" + key[11:])


def test_no_key_stays_in_memory_for_having_been_asked_about() -> None:
    key = new_key()
    before = sys.getrefcount(key)
    assert looks_virtual(key) and sys.getrefcount(key) == before
