from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from weir.audit.content import keyfile
from weir.audit.content.keyfile import KeyFile, KeyFileError, digest_of
from weir.audit.content.slots import NOBODY, SIZE, Destroyed, Wrapped


def key(number: int) -> Wrapped:
    return Wrapped(number.to_bytes(16), b"u" * 16, b"c" * 16, 20_000, 1, b"w" * 8, bytes([number % 250 + 1]) * 48)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[KeyFile]:
    made = KeyFile(tmp_path / "content")
    yield made
    made.close()


def test_a_file_is_made_when_first_changed(file: KeyFile) -> None:
    assert not file.exists()
    assert file.generation() == 0
    with file.changing() as places:
        salt = places.salt
        assert places.count == 2
    assert file.generation() == 1
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    with file.changing() as places:
        assert places.salt == salt
        assert list(places.each()) == []


@pytest.mark.parametrize("asked", [3, 60])
def test_places_are_found_by_key(file: KeyFile, asked: int) -> None:
    keys = [key(number) for number in range(1, 101)]
    with file.changing() as places:
        places.append(keys)
        places.write([(7, Destroyed(keys[5].key_id, "erased", 9))])
        found = places.find([one.key_id for one in keys[:asked]] + [b"not there" + bytes(7)])
    assert len(found) == asked
    assert found[keys[0].key_id] == (2, keys[0])
    if asked > 5:
        assert found[keys[5].key_id] == (7, Destroyed(keys[5].key_id, "erased", 9))


def test_a_place_that_was_not_finished_is_written_over(file: KeyFile) -> None:
    with file.changing() as places:
        places.append([key(1)])
    with file.path.open("ab") as broken:
        broken.write(key(2).pack()[:50])
    with file.changing() as places:
        assert [slot for _, slot in places.each()] == [key(1)]
        places.append([key(3)])
        assert [slot for _, slot in places.each()] == [key(1), key(3)]


def test_damage_takes_one_place(file: KeyFile) -> None:
    with file.changing() as places:
        places.append([key(1), key(2), key(3)])
    data = bytearray(file.path.read_bytes())
    data[3 * SIZE + 40] ^= 1
    file.path.write_bytes(data)
    with file.changing() as places:
        assert list(places.each()) == [(2, key(1)), (3, None), (4, key(3))]
        assert places.find([key(2).key_id]) == {}


def test_a_file_of_something_else_is_refused(file: KeyFile) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(b"x" * 512)
    with pytest.raises(KeyFileError, match="damaged"), file.changing():
        pass


def test_the_generation_reaches_everyone(file: KeyFile) -> None:
    with file.changing() as places:
        places.append([key(1)])
    other = KeyFile(file.path.parent)
    assert other.generation() == 1
    with file.changing() as places:
        places.advance()
    assert other.generation() == file.generation() == 2
    with file.changing() as places:
        places.rewrite([key(1)])
    assert other.generation() == file.generation() == 3  # in the file that took the old one's place
    other.close()


def test_the_old_file_is_overwritten(file: KeyFile, tmp_path: Path) -> None:
    with file.changing() as places:
        places.append([key(1), key(2)])
        (tmp_path / "link").hardlink_to(file.path)
        places.rewrite([key(2)])
    assert set((tmp_path / "link").read_bytes()) == {0}
    assert sorted(path.name for path in file.path.parent.iterdir()) == ["keys"]
    with file.changing() as places:
        assert [slot for _, slot in places.each()] == [key(2)]


@pytest.mark.parametrize("step", ["link", "replace", "sync_directory", "_shred"])
def test_a_crash_in_a_rewrite_leaves_no_copy(file: KeyFile, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with file.changing() as places:
        places.append([key(1), key(2)])

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if step == "link":
            patched.setattr(keyfile.os, "link", crash)
        elif step == "replace":
            patched.setattr(Path, "replace", crash)
        else:
            patched.setattr(keyfile, step, crash)
        with pytest.raises(KeyboardInterrupt), file.changing() as places:
            places.rewrite([key(2)])
    assert len(list(file.path.parent.iterdir())) > 1  # a copy is left over, until somebody looks
    with file.changing() as places:
        slots = [slot for _, slot in places.each()]
    assert slots == ([key(1), key(2)] if step in ("link", "replace") else [key(2)])
    assert sorted(path.name for path in file.path.parent.iterdir()) == ["keys"]


def test_a_missing_file_beside_a_copy_is_not_begun_anew(file: KeyFile) -> None:
    with file.changing() as places:
        places.append([key(1)])
    file.path.rename(file.path.with_name("keys.old"))
    with pytest.raises(KeyFileError, match="restore"), file.changing():
        pass
    assert file.path.with_name("keys.old").stat().st_size == 3 * SIZE


def test_names_stand_there_as_digests() -> None:
    salt = b"s" * 32
    assert digest_of(salt, "user", "") == NOBODY
    assert len({digest_of(salt, *one) for one in (("user", "a"), ("user", "b"), ("conversation", "a"))}) == 3
    assert digest_of(salt, "user", "a") != digest_of(b"t" * 32, "user", "a")
