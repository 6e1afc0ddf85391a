"""One way to every segment, whatever its form."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from weir.audit.spool import frames
from weir.audit.spool.opened import (
    about,
    chain_name,
    file_faults,
    held,
    number_of,
    open_segment,
    segments,
    size,
    stored,
    whole_size,
)

LINES = b"".join(b'{"seq":%d,"text":"%s"}\n' % (seq, b"x" * (seq % 90)) for seq in range(1, 400))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAME_BYTES", 1_000)


def plain(folder: Path, name: str = "p-b-000001.jsonl", data: bytes = LINES) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def pack(path: Path, *, keep: bool = False) -> Path:
    with path.open("rb") as lines, path.with_name(path.name + ".zst").open("wb") as out:
        frames.compress(lines, out)
    if not keep:
        path.unlink()
    return path


def test_names() -> None:
    for path in (Path("a-b-c-000012.jsonl"), Path("a-b-c-000012.jsonl.zst")):
        assert (chain_name(path), number_of(path)) == ("a-b-c", 12)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("data", "whole"), [(LINES, len(LINES)), (LINES + b"{" * 99_999, len(LINES)), (b'{"seq"', 0), (b"", 0)]
)
def test_what_broke_off_at_the_end_counts_for_nothing(tmp_path: Path, data: bytes, whole: int, packed: bool) -> None:
    path = plain(tmp_path, data=data)
    assert whole_size(pack(path) if packed else path) == whole


def test_segments_are_called_by_their_plain_form_in_order(tmp_path: Path) -> None:
    pack(plain(tmp_path, "p-b-000001.jsonl"))
    pack(plain(tmp_path, "p-b-000002.jsonl"), keep=True)
    plain(tmp_path, "p-b-000003.jsonl")
    plain(tmp_path, "p-a.c-000001.jsonl")
    for other in (".p-b-000004.jsonl.zst.tmp", "p-b-000005.jsonl.zst.tmp", "p-b.jsonl", "ballast", "p-b-x.jsonl"):
        (tmp_path / other).touch()
    assert segments(tmp_path) == {
        "p-a.c": [tmp_path / "p-a.c-000001.jsonl"],
        "p-b": [tmp_path / f"p-b-00000{number}.jsonl" for number in (1, 2, 3)],
    }
    assert segments(tmp_path / "none") == {}


@pytest.mark.parametrize("form", ["plain", "packed", "both"])
def test_every_form_reads_the_same(tmp_path: Path, form: str) -> None:
    path = plain(tmp_path)
    if form != "plain":
        pack(path, keep=form == "both")
    assert size(path) == len(LINES) and file_faults(path) == []
    assert stored(path).name == path.name + (".zst" if form == "packed" else "")
    found = about(path)
    assert (found is not None) == (form == "packed") and (found is None or (found.first, found.last) == (1, 399))
    with open_segment(path) as file:
        assert list(file) == LINES.splitlines(keepends=True)
        for at in (0, 1, 999, 1_000, 1_001, len(LINES) // 2, len(LINES) - 1, len(LINES), len(LINES) + 5, 3):
            file.seek(at)
            assert file.tell() == at
            assert file.readline() == LINES[at:].split(b"\n")[0] + (b"\n" if at < len(LINES) else b"")
        assert file.seek(-10, 2) == len(LINES) - 10 and file.read() == LINES[-10:]
        file.seek(5)
        assert file.read(7_000) == LINES[5:7_005]


def test_only_the_frames_asked_for_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pack(plain(tmp_path))
    asked: list[int] = []
    real = frames.content
    monkeypatch.setattr(
        "weir.audit.spool.opened.content", lambda file, frame: asked.append(frame.begins) or real(file, frame)
    )
    monkeypatch.setattr("weir.audit.spool.opened._BUFFER", 100)
    with open_segment(path) as file:
        file.seek(len(LINES) // 2)
        file.readline()
        file.readline()
    assert 1 <= len(asked) <= 2


def test_what_is_gone_is_not_found(tmp_path: Path) -> None:
    for ask in (open_segment, size, about, file_faults):
        with pytest.raises(FileNotFoundError):
            ask(tmp_path / "p-b-000001.jsonl")  # type: ignore[operator]
    assert stored(tmp_path / "p-b-000001.jsonl") == tmp_path / "p-b-000001.jsonl"


def test_a_negative_place_is_refused(tmp_path: Path) -> None:
    with open_segment(pack(plain(tmp_path))) as file, pytest.raises(ValueError, match="negative"):
        file.seek(-1)


def test_who_has_a_segment_open_is_seen(tmp_path: Path) -> None:
    path = plain(tmp_path)
    assert not held(path)
    with path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert held(path)
    assert not held(path) and not held(pack(path))
