"""ZIP archives, and the documents that are ZIP archives: every member, and what stands between the members."""

from __future__ import annotations

import copy
import io
import zipfile
import zlib
from collections.abc import Sequence

from weir.dlp.files.job import Job, Stop
from weir.dlp.files.office import family, read_part, read_workbook
from weir.dlp.files.textual import strings

__all__ = ["read_zip"]

_PIECE = 1 << 18
_PACKINGS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
_HEADER = 30  # bytes of a local header before its name
_SLACK = 64  # bytes between two members that a writer may leave: descriptors and padding
_ENTRY = 46  # bytes of an entry of the directory before its name
_END = 22  # bytes of the closing record before its comment
_LOCKED = 0x1
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError)


def read_zip(job: Job, data: bytes, where: str) -> str:
    """Read all members of the archive ``data``; returns docx, xlsx, pptx, odf or zip. Raises Stop."""
    job.enter()
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except _FAULTS:
        raise Stop("file: damaged archive") from None
    with archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > job.room:
            raise Stop("file: unpacks to more than the limit", all_of_it=True)
        kind = family([info.filename for info in infos])
        job.add(f"{where}names", "\n".join(info.filename for info in infos))
        notes = [archive.comment, *(info.comment for info in infos), *(info.extra for info in infos if info.extra)]
        job.add(f"{where}notes", strings(b"\n".join(notes)))
        _beside(job, data, infos, where)
        values: dict[str, None] = {}
        if kind == "xlsx":
            infos = read_workbook(job, archive, infos, where, _unpacked, values)
        for number, info in enumerate(infos):
            if info.is_dir() and not info.file_size and not info.compress_size:
                continue
            body = _unpacked(job, archive, info)
            if body is None:
                continue
            place = f"{where}part/{number}"
            if kind == "zip" or not read_part(job, body, info.filename, place, values):
                job.nested(body, f"{place}/", info.filename)
        job.add(f"{where}attributes", "\n".join(values))
    return kind


def _unpacked(job: Job, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | None:
    """The bytes of one member; None when they can't be read, and then the job says why. Raises Stop."""
    job.member()
    if info.flag_bits & _LOCKED:
        body = _unlocked(archive, info, job.room)
        if body is None:
            job.miss("encrypted file")
        else:
            job.take(len(body))
        return body
    if info.compress_type not in _PACKINGS:
        job.miss("file: a packing that is not known", failed=True)
        return None
    if info.file_size > job.room:
        raise Stop("file: unpacks to more than the limit", all_of_it=True)
    out = bytearray()
    try:
        with archive.open(info) as stream:
            while piece := stream.read(_PIECE):
                job.take(len(piece))
                out += piece
    except _FAULTS:
        job.miss("file: damaged archive", failed=True)
        return bytes(out) or None
    return bytes(out)


def _unlocked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, room: int) -> bytes | None:
    """A member that only says of itself that it is encrypted, which some readers don't heed; None when it is."""
    plain = copy.copy(info)
    plain.flag_bits &= ~_LOCKED
    if plain.file_size > room:
        return None
    try:
        with archive.open(plain) as stream:
            return stream.read(plain.file_size + 1)  # to its end, where the checksum is compared
    except _FAULTS:
        return None


def _beside(job: Job, data: bytes, infos: Sequence[zipfile.ZipInfo], where: str) -> None:
    """What no member of the directory covers: readers that go from header to header may find files there."""
    gaps, fields = _gaps(data, infos)
    read = strings(b"\n".join((*gaps, *fields)))
    job.add(f"{where}gaps", read)
    if any(b"PK\x03\x04" in gap for gap in gaps):
        job.miss("file: members that an archive's directory leaves out", failed=True)
    elif any(len(gap) > _SLACK for gap in gaps):
        job.miss("file: data between the members of an archive")


def _gaps(data: bytes, infos: Sequence[zipfile.ZipInfo]) -> tuple[list[bytes], list[bytes]]:
    """The bytes around members and directory, and the extra fields of the members' own headers."""
    gaps: list[bytes] = []
    fields: list[bytes] = []
    end = 0
    for info in sorted(infos, key=lambda one: one.header_offset):
        start = info.header_offset
        if start > end:
            gaps.append(data[end:start])
        name = int.from_bytes(data[start + 26 : start + 28], "little")
        extra = int.from_bytes(data[start + 28 : start + 30], "little")
        body = start + _HEADER + name + extra
        if extra:
            fields.append(data[body - extra : body])
        end = max(end, body + info.compress_size)
    at = data.find(b"PK\x01\x02", end) if infos else data.find(b"PK\x05\x06", end)
    at = at if at >= 0 else len(data)
    gaps.append(data[end:at])
    while data.startswith(b"PK\x01\x02", at):
        at += _ENTRY + sum(int.from_bytes(data[at + place : at + place + 2], "little") for place in (28, 30, 32))
    closing = data.rfind(b"PK\x05\x06")
    if closing >= at:
        fields.append(data[at:closing])  # signatures, and the records of large archives
        at = closing + _END + int.from_bytes(data[closing + 20 : closing + 22], "little")
    gaps.append(data[at:])
    return [gap for gap in gaps if gap], fields
