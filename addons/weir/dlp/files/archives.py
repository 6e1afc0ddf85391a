"""TAR archives and compressed files, unpacked within bounds."""

from __future__ import annotations

import bz2
import io
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable
from typing import Final, Protocol

import zstandard

from weir.dlp.files.job import Job, Stop
from weir.dlp.files.textual import strings

__all__ = ["read_compressed", "read_tar"]

_PIECE: Final = 1 << 16
_ZSTD_PIECE: Final = 256  # input bytes a step: a block can claim 128 KiB out of four bytes
_ZSTD_WINDOW: Final = 1 << 27
_LZMA_MEMORY: Final = 256 << 20
_BLOCK: Final = 512
_GZIP_NAMED: Final = 0x1C  # FEXTRA, FNAME, FCOMMENT
_GZIP_EXTRA: Final = 0x04
_GZIP_WORDS: Final = (0x08, 0x10)
_GZIP_FIXED: Final = 10  # bytes of a header before those
_SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # frames that a reader of zstd passes over
_FAULTS = (tarfile.TarError, zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError, OSError, ValueError)


class _Machine(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def read_tar(job: Job, data: bytes, where: str) -> str:
    """Read all members of a TAR archive. Raises Stop."""
    job.enter()
    names: list[str] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", errors="replace") as archive:
            end = 0
            for number, info in enumerate(archive):
                job.member()
                headers = "\n".join(str(value) for value in info.pax_headers.values())
                names += filter(None, (info.name, info.linkname, info.uname, info.gname, headers))
                end = max(end, archive.offset)
                body = _member(job, archive, info)
                if body:
                    job.nested(body, f"{where}part/{number}/", info.name)
    except _FAULTS:
        job.miss("file: damaged archive", failed=True)
        end = len(data)
        job.add(f"{where}strings", strings(data))
    job.add(f"{where}names", "\n".join(names))
    rest = data[end:].strip(b"\0")
    if rest:  # readers that skip empty blocks go on here
        job.add(f"{where}rest", strings(rest))
        job.miss("file: data after the end of an archive", failed=True)
    return "tar"


def _member(job: Job, archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    if not info.isreg() and info.type in tarfile.SUPPORTED_TYPES:  # those of a kind nobody knows are unpacked as files
        return b""
    if info.issparse() or info.size > job.room:
        raise Stop("file: unpacks to more than the limit", all_of_it=not info.issparse())
    stream = archive.extractfile(info)
    body = stream.read(info.size) if stream else b""
    job.take(len(body))
    return body


def read_compressed(job: Job, data: bytes, where: str, kind: str, name: str) -> str:
    """Read the one file that a gzip, bzip2, xz or zstd stream holds, in however many members. Raises Stop."""
    job.enter()
    if kind == "zstd" and _SKIPPED.search(data):
        job.add(f"{where}skipped", strings(data))
    out = bytearray()
    try:
        if kind == "zstd":
            _zstd(job, data, out)
        else:
            _members(job, data, out, kind, where)
    except _FAULTS:
        job.miss("file: damaged archive", failed=True)
    except MemoryError:
        raise Stop("file: unpacks to more than the limit", all_of_it=True) from None
    plain = name.rpartition(".")[0] if "." in name else name
    job.nested(bytes(out), f"{where}content/", f"{plain}.tar" if name.lower().endswith(".tgz") else plain)
    return kind


class _Inflater:
    """zlib's machine with the face that bz2 and lzma have."""

    def __init__(self) -> None:
        self._machine = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._machine.eof

    @property
    def unused_data(self) -> bytes:
        return self._machine.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._machine.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._machine.decompress(self._machine.unconsumed_tail or data, max_length)


_MACHINES: dict[str, Callable[[], _Machine]] = {
    "gzip": _Inflater,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY),
}


def _gzip_names(data: bytes) -> str:
    """What a member's header says beside its numbers: a name, a comment, a field of any content."""
    if len(data) < _GZIP_FIXED or not data[3] & _GZIP_NAMED:
        return ""
    end = _GZIP_FIXED
    if data[3] & _GZIP_EXTRA:
        end += 2 + int.from_bytes(data[end : end + 2], "little")
    for flag in _GZIP_WORDS:
        if data[3] & flag:
            closed = data.find(b"\0", end)
            end = closed + 1 if closed >= 0 else len(data)
    return strings(data[_GZIP_FIXED:end])


def _members(job: Job, data: bytes, out: bytearray, kind: str, where: str) -> None:
    while data:
        job.member()
        if kind == "gzip":
            job.add(f"{where}names", _gzip_names(data))
        machine = _MACHINES[kind]()
        at = 0
        while not machine.eof:
            piece = b""
            if machine.needs_input:
                piece = data[at : at + _PIECE]
                at += len(piece)
                if not piece:
                    raise EOFError
            made = machine.decompress(piece, _PIECE * 4)
            job.take(len(made))
            out += made
        rest = machine.unused_data + data[at:]
        data = rest if rest.strip(b"\0") else b""


def _zstd(job: Job, data: bytes, out: bytearray) -> None:
    source = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    machine = None
    for start in range(0, len(data), _ZSTD_PIECE):
        piece = data[start : start + _ZSTD_PIECE]
        while piece:
            if machine is None:
                job.member()
                machine = source.decompressobj()
            made = machine.decompress(piece)
            job.take(len(made))
            out += made
            piece = machine.unused_data if machine.eof else b""
            machine = None if machine.eof else machine
    if machine is not None:
        raise EOFError
