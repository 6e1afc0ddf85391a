"""ZIP archives, and the documents that are ZIP archives: every member, and what stands between the members."""

from __future__ import annotations

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
_END = 22 + 76  # the closing records without their comment
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
        if kind == "zip":
            job.add(f"{where}names", "\n".join(info.filename for info in infos))
        notes = [archive.comment, *(info.comment for info in infos), *(info.extra for info in infos if info.extra)]
        job.add(f"{where}notes", strings(b"\n".join(notes)))
        gaps = _gaps(data, infos)
        if gaps:
            job.add(f"{where}gaps", strings(gaps))
            job.miss("file: data between the members of an archive")
        values: dict[str, None] = {}
        if kind == "xlsx":
            infos = read_workbook(job, archive, infos, where, _unpacked, values)
        for number, info in enumerate(infos):
            if info.is_dir():
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
    if info.flag_bits & 0x1:
        job.miss("encrypted file")
        return None
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


def _gaps(data: bytes, infos: Sequence[zipfile.ZipInfo]) -> bytes:
    """What no member of the directory covers: readers that go from header to header may find files there."""
    found: list[bytes] = []
    end = 0
    for info in sorted(infos, key=lambda one: one.header_offset):
        start = info.header_offset
        if start - end > _SLACK:
            found.append(data[end:start])
        name = int.from_bytes(data[start + 26 : start + 28], "little")
        extra = int.from_bytes(data[start + 28 : start + 30], "little")
        end = max(end, start + _HEADER + name + extra + info.compress_size)
    directory = data.find(b"PK\x01\x02", end)
    directory = directory if directory >= 0 else data.find(b"PK\x05\x06", end)
    if directory - end > _SLACK:
        found.append(data[end:directory])
    return b"\n".join(found)
