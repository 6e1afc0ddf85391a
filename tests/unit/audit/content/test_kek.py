from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from weir.audit.content.kek import KeyRing, KeyRingError, add_key, drop_old_keys, load, new_line

A, B = b"a" * 32, b"b" * 32
KEY_ID = b"i" * 16


def test_a_data_key_unwraps_only_where_it_belongs() -> None:
    ring = KeyRing([A])
    wrapped = ring.wrap(KEY_ID, b"d" * 32, b"anna")
    assert len(wrapped) == 48
    assert ring.unwrap(ring.current, KEY_ID, wrapped, b"anna") == b"d" * 32
    assert ring.unwrap(ring.current, KEY_ID, wrapped, b"bert") is None
    assert ring.unwrap(ring.current, b"j" * 16, wrapped, b"anna") is None
    assert ring.unwrap(b"unknown!", KEY_ID, wrapped, b"anna") is None
    assert KeyRing([B]).unwrap(ring.current, KEY_ID, wrapped, b"anna") is None
    assert ring.unwrap(ring.current, KEY_ID, b"short", b"anna") is None


def test_older_keys_still_unwrap() -> None:
    old, both = KeyRing([A]), KeyRing([B, A])
    wrapped = old.wrap(KEY_ID, b"d" * 32, b"")
    assert both.unwrap(old.current, KEY_ID, wrapped, b"") == b"d" * 32
    assert both.current == KeyRing([B]).current
    assert both.ids == (KeyRing([B]).current, old.current)


def test_a_key_shows_nowhere() -> None:
    ring = KeyRing.parse(new_line())
    assert "hidden" in repr(ring)
    with pytest.raises(TypeError):
        pickle.dumps(ring)


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "secret", "weir-content-key-1:QQ==", "weir-content-key-1:?"]
)
def test_what_is_no_key_is_told_and_not_quoted(text: str) -> None:
    with pytest.raises(KeyRingError) as error:
        KeyRing.parse(text)
    assert "QQ==" not in str(error.value)
    assert "secret" not in str(error.value)


def test_lines_may_have_comments_between() -> None:
    first, second = new_line(), new_line()
    assert KeyRing.parse(f"{first.strip()},{second.strip()}").ids == KeyRing.parse(first + second).ids
    assert KeyRing.parse(f"# newest\n\n  {first}{second}").ids == (
        *KeyRing.parse(first).ids,
        *KeyRing.parse(second).ids,
    )


def test_a_file_is_made_private_and_refused_when_open(tmp_path: Path) -> None:
    path = tmp_path / "content.keys"
    with pytest.raises(KeyRingError, match="cannot be read"):
        load(path)
    made = load(path, create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load(path, create=True).current == made.current
    path.chmod(0o640)
    with pytest.raises(KeyRingError, match="chmod 600"):
        load(path)


def test_a_rotation_leaves_no_old_key_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "content.keys"
    first = load(path, create=True)
    line = path.read_text()
    both = add_key(path)
    assert both.ids[1] == first.current
    assert both.current != first.current
    keep = tmp_path / "hard-link"
    keep.hardlink_to(path)
    assert drop_old_keys(path) == 1
    assert load(path).ids == (both.current,)
    assert line not in path.read_text()
    assert set(keep.read_bytes()) == {0}  # the replaced file's own bytes
    assert drop_old_keys(path) == 0
