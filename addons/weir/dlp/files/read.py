"""Reads one file in this process, whatever it is, and the files inside it."""

from __future__ import annotations

import ctypes
import lzma
import tarfile
import zipfile
import zlib
from typing import Final

from weir.dlp.core.patterns import Deadline
from weir.dlp.files.archives import read_compressed, read_tar
from weir.dlp.files.job import FileLimits, FileTexts, Job, Stop
from weir.dlp.files.kinds import HEAVY, PDF_HEAD, detect, text_kind
from weir.dlp.files.mail import read_mail
from weir.dlp.files.markup import has_entities, plain
from weir.dlp.files.pdf import read_pdf
from weir.dlp.files.pictures import packed_words
from weir.dlp.files.textual import (
    ascii_runs,
    decode,
    embedded,
    strange_charset,
    strings,
    unescape_json,
    unescape_rtf,
)
from weir.dlp.files.zips import read_zip

__all__ = ["Heavy", "read_here"]

_EMBEDDED_MAX: Final = 500
_MAGIC: Final = (4, 8, 12)  # bytes that tell a kind
_GOES_ON: Final = bytes(range(0x80, 0xC0))  # within a character of UTF-8
_TAIL: Final = 66 * 1024  # how far from the end the directory of a ZIP archive may begin to close
_WORDS: Final = {
    "ole": "file: old or encrypted office format",
    "7z": "file: archive of a kind that is not read",
    "rar": "file: archive of a kind that is not read",
}
# What libraries raise on strange bytes. Anything they raise ends as `failed`, and none of their words go on.
_FAULTS: tuple[type[Exception], ...] = (
    ArithmeticError, AssertionError, AttributeError, EOFError, ImportError, LookupError, MemoryError, OSError,
    RuntimeError, TypeError, ValueError, ctypes.ArgumentError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip


class Heavy(Exception):
    """Something inside needs a reader that does not run in this process."""


def read_here(
    data: bytes, name: str, media_type: str, limits: FileLimits, deadline: Deadline | None, *, heavy: bool
) -> FileTexts:
    """All texts of ``data``. With ``heavy`` False raises Heavy for what only the reading process opens."""

    def read(job: Job, data: bytes, where: str, name: str, media_type: str) -> str:
        kind = detect(data)
        if kind in HEAVY and not heavy:
            raise Heavy
        try:
            kind = _open(job, data, where, kind, name, media_type, heavy=heavy)
        except Stop as stop:
            if stop.all_of_it and job.depth:
                raise
            job.miss(str(stop), failed=stop.failed)
        except _FAULTS as error:
            job.miss(f"file: {type(error).__name__} in the reader", failed=True)
        return kind

    job = Job(limits, deadline, read)
    return job.result(read(job, data, "", name, media_type))


def _open(job: Job, data: bytes, where: str, kind: str, name: str, media_type: str, *, heavy: bool) -> str:
    job.check()
    if kind == "zip":
        return read_zip(job, data, where)
    if kind == "tar":
        return read_tar(job, data, where)
    if kind in ("gzip", "bzip2", "xz", "zstd"):
        return read_compressed(job, data, where, kind, name)
    if kind == "pdf":
        read_pdf(job, data, where)
    elif not kind or kind == "rtf":
        kind = _text(job, data, where, name, media_type, heavy=heavy)
    else:
        _unread(job, data, where, kind)
    # A file may be two things at once, and each reader takes what it looks for.
    other = [b"%PDF-" in data[:PDF_HEAD] and kind != "pdf", b"PK\x05\x06" in data[-_TAIL:] and kind != "text"]
    if any(other) and not heavy:
        raise Heavy
    if other[0]:
        read_pdf(job, data, f"{where}pdf/")
    if other[1]:
        read_zip(job, data, f"{where}zip/")
    return kind


def _unread(job: Job, data: bytes, where: str, kind: str) -> None:
    job.add(f"{where}strings", strings(data))
    job.miss(_WORDS.get(kind, kind))
    if kind == "image":
        job.add(f"{where}words", packed_words(job, data))
    for magic in _MAGIC:
        done = decode(data[magic:].lstrip(_GOES_ON)) if len(data) > magic else None
        if done is not None:  # nothing but the first bytes says that it is no text
            job.add(f"{where}text", done[0])
            break


def _text(job: Job, data: bytes, where: str, name: str, media_type: str, *, heavy: bool) -> str:
    if not data:
        return "empty"
    done = decode(data, media_type)
    if done is None:
        main = media_type.partition("/")[0].lower()
        _unread(job, data, where, main if main in ("image", "audio", "video") else "file")
        return "binary"
    text, sure = done
    if strange_charset(media_type):
        job.miss("file: a charset that is not known", failed=True)
    if sure and not text.isascii() and 2 * len(text) <= len(data):
        job.add(f"{where}bytes", ascii_runs(data))
    kind = text_kind(text, name, media_type)
    if kind == "mail":
        if not heavy:
            raise Heavy
        return read_mail(job, data if sure else text.encode(), where)
    if kind == "json":
        text = unescape_json(text)
    elif kind == "rtf":
        stripped, objects = unescape_rtf(text)
        job.add(f"{where}text", stripped)
        if objects:
            job.miss("file: objects in a text document")
    elif kind == "markup":
        # Both ways: as it stands, with every attribute, and without the tags that may cut a word in two.
        job.add(f"{where}text", plain(text))
        if has_entities(text):
            job.miss("file: XML that defines entities", failed=True)
    job.add(f"{where}source" if kind in ("markup", "rtf") else f"{where}text", text)
    _inner_files(job, text, where)
    return kind


def _inner_files(job: Job, text: str, where: str) -> None:
    """Files written into a text as base64, as batch files and saved web pages do."""
    for number, inner in enumerate(embedded(text)):
        if number >= _EMBEDDED_MAX:
            job.miss("file: more files in a text than the limit", failed=True)
            return
        if detect(inner):
            job.enter()
            job.take(len(inner))
            job.nested(inner, f"{where}inline/{number}/")
