"""What is kept is what would be compiled, or it is compiled."""

from __future__ import annotations

import gc
import logging
import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

import hyperscan
import pytest

from weir.dlp.core import compiled as module
from weir.dlp.core.compiled import Compiled, Expressions, Store, compiled, digest_of, machine

KEY = b"deployment" * 3
PATTERNS: Expressions = {0: (b"abc[0-9]+", 0), 7: (b"secret", hyperscan.HS_FLAG_CASELESS)}
TEXT = b"abc12 SECRET"


class Nothing(dict[bytes, Compiled]):
    """Keeps nothing, as if each compilation were another process's."""

    def get(self, *_: object) -> None:
        return None


@pytest.fixture(autouse=True)
def processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_in_use", Nothing())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compiled").mkdir(mode=0o700)
    return tmp_path / "compiled"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many expressions each compilation had."""
    seen: list[int] = []
    real = module._compile

    def counted(expressions: Expressions) -> hyperscan.Database | None:
        seen.append(len(expressions))
        return real(expressions)

    monkeypatch.setattr(module, "_compile", counted)
    return seen


def hits(made: Compiled, text: bytes = TEXT) -> set[int]:
    found: set[int] = set()
    assert made.database is not None
    made.database.scan(
        text,
        match_event_handler=lambda number, *_: found.add(number) and None,
        scratch=hyperscan.Scratch(made.database),
    )
    return found


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_the_second_time_it_is_read_and_finds_the_same(folder: Path, compilations: list[int]) -> None:
    first = compiled(PATTERNS, Store(folder, KEY))
    second = compiled(PATTERNS, Store(folder, KEY))
    assert compilations == [2]
    assert hits(first) == hits(second) == {0, 7}
    assert first.accepted == second.accepted == {0, 7}
    assert [file.stat().st_mode & 0o777 for file in files(folder)] == [0o600]


def test_without_a_store_nothing_is_kept(compilations: list[int]) -> None:
    assert hits(compiled(PATTERNS)) == hits(compiled(PATTERNS)) == {0, 7}
    assert compilations == [2, 2]
    assert compiled({}) == Compiled(None, frozenset())


@pytest.mark.parametrize(
    "other",
    [
        {0: (b"abc[0-8]+", 0), 7: PATTERNS[7]},  # a pattern
        {0: PATTERNS[0], 7: (b"secret", 0)},  # its flags
        {0: PATTERNS[0], 8: PATTERNS[7]},  # its number
        {7: PATTERNS[7], 0: PATTERNS[0]},  # the order
        {0: PATTERNS[0]},  # one less
        {**PATTERNS, 9: (b"more", 0)},  # one more
        {0: (b"abc[0-9]+\0", 0), 7: (b"secre", hyperscan.HS_FLAG_CASELESS)},  # where one ends
    ],
)
def test_whatever_goes_into_it_makes_another_file(other: Expressions, folder: Path, compilations: list[int]) -> None:
    store = Store(folder, KEY)
    compiled(PATTERNS, store)
    made = compiled(other, store)
    assert len(compilations) == len(files(folder)) == 2
    assert made.accepted == other.keys()


def test_another_machine_or_library_makes_another_file(
    folder: Path, compilations: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(folder, KEY)
    compiled(PATTERNS, store)
    real = machine()
    assert "Version: " in real
    for change in (real.replace("Version: 5", "Version: 6"), real + " avx512"):
        assert change != real
        monkeypatch.setattr(module, "machine", lambda told=change: told)
        compiled(PATTERNS, store)
    assert len(compilations) == len(files(folder)) == 3


def test_what_the_processor_can_do_is_part_of_the_machine() -> None:
    told = Path("/proc/cpuinfo")  # of Linux
    lines = told.read_text().splitlines() if told.exists() else []
    flags = (line.partition(":")[2].strip() for line in lines if line.startswith(("flags", "Features")))
    able = next(flags, platform.processor())
    assert able in machine()


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def another_code(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[10] ^= 1
    file.write_bytes(content)


def another_layout(file: Path) -> None:
    file.write_bytes(b"weir-hs0" + file.read_bytes()[8:])


def of_another_deployment(file: Path) -> None:
    folder = file.parent / "theirs"
    folder.mkdir(mode=0o700)
    compiled(PATTERNS, Store(folder, b"another"))
    next(folder.iterdir()).replace(file)
    folder.rmdir()


def of_other_patterns(file: Path) -> None:
    folder = file.parent / "other"
    folder.mkdir(mode=0o700)
    compiled({0: (b"nothing", 0), 7: (b"of that", 0)}, Store(folder, KEY))
    next(folder.iterdir()).replace(file)
    folder.rmdir()


def readable(file: Path) -> None:
    file.chmod(0o644)


def writable(file: Path) -> None:
    file.chmod(0o620)


def a_link(file: Path) -> None:
    kept = file.with_name("kept")
    file.rename(kept)
    file.symlink_to(kept)


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


SPOILED: list[Callable[[Path], None]] = [
    truncated, emptied, flipped, another_code, another_layout, of_another_deployment, of_other_patterns,
    readable, writable, a_link, a_pipe,
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
def test_what_is_not_surely_ours_is_made_anew_and_replaced(
    spoil: Callable[[Path], None], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(folder, KEY)
    compiled(PATTERNS, store)
    (file,) = files(folder)
    whole = file.read_bytes()
    spoil(file)
    with caplog.at_level(logging.WARNING, "weir.dlp"):
        assert hits(compiled(PATTERNS, store)) == {0, 7}
    assert "is not used" in caplog.text
    assert file.is_file() and not file.is_symlink()
    assert file.read_bytes() == whole and file.stat().st_mode & 0o777 == 0o600
    caplog.clear()
    assert hits(compiled(PATTERNS, store)) == {0, 7}
    assert caplog.text == ""


def test_a_folder_that_others_may_write_to_is_not_read(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(folder, KEY)
    compiled(PATTERNS, store)
    folder.chmod(0o777)
    assert store.load(digest_of(PATTERNS), PATTERNS) is None
    assert "others may write to its folder" in caplog.text


def test_files_of_somebody_else_are_not_read(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(folder, KEY)
    compiled(PATTERNS, store)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    assert store.load(digest_of(PATTERNS), PATTERNS) is None
    assert "is not used" in caplog.text


def test_numbers_that_are_not_asked_for_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even from a file with a right code: what is not in the database would be looked for nowhere."""
    store = Store(folder, KEY)
    for accepted in (frozenset({0, 7, 8}), frozenset[int]()):
        made = compiled(PATTERNS)
        store.save(digest_of(PATTERNS), Compiled(made.database, accepted))
        assert store.load(digest_of(PATTERNS), PATTERNS) is None


def test_what_hyperscan_does_not_take_stays_known_as_such(folder: Path, compilations: list[int]) -> None:
    refused: Expressions = {1: (b"abc", 0), 2: (b"(?<=a)b", 0)}
    first = compiled(refused, Store(folder, KEY))
    again = compiled(refused, Store(folder, KEY))
    assert first.accepted == again.accepted == {1}
    assert compilations == [2, 1, 1, 1]
    assert compiled({2: refused[2]}, Store(folder, KEY)).database is None
    assert len(files(folder)) == 1


def test_a_folder_that_cannot_be_written_costs_time_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert hits(compiled(PATTERNS, Store(tmp_path / "none", KEY))) == {0, 7}
    assert "are not kept" in caplog.text
    (tmp_path / "file").write_text("")
    assert hits(compiled(PATTERNS, Store(tmp_path / "file", KEY))) == {0, 7}


def test_the_folder_does_not_grow_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FILES_MAX", 3)
    store = Store(folder, KEY)
    compiled(PATTERNS, store)
    (kept,) = files(folder)
    for number in range(6):
        compiled({number: (b"word%d" % number, 0)}, store)
        os.utime(kept, ns=(2**62, 2**62))  # used last
    assert len(files(folder)) == 3 and kept in files(folder)


def test_another_deployments_folder_is_of_no_use(folder: Path, tmp_path: Path, compilations: list[int]) -> None:
    compiled(PATTERNS, Store(folder, KEY))
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy").chmod(0o700)
    assert Store(tmp_path / "copy", b"another").load(digest_of(PATTERNS), PATTERNS) is None
    assert Store(tmp_path / "copy", KEY).load(digest_of(PATTERNS), PATTERNS) is not None


def test_what_is_in_use_is_shared_and_let_go_with_its_last_user(
    folder: Path, compilations: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_in_use", WeakValueDictionary())
    first = compiled(PATTERNS)
    second = compiled(PATTERNS, Store(folder, KEY))
    assert second is first and len(files(folder)) == 1  # for the next process
    del first, second
    gc.collect()
    assert len(module._in_use) == 0
    assert hits(compiled(PATTERNS)) == {0, 7}
    assert compilations == [2, 2]
