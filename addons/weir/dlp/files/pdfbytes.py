"""What a PDF says beside its pages: properties of any name, metadata, scripts, forms of XML, remarks between objects.

No parsing: whatever stands there is read, whether or not anything refers to it. Streams with drawings are left to
PDFium, which knows what of them is shown.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

from weir.dlp.files.job import Job
from weir.dlp.files.textual import decode, strings

__all__ = ["beside_pages"]

_STREAM = re.compile(rb"\bstream\r?\n")
_DICTIONARY: Final = 4096  # bytes before a stream among which its dictionary stands
_STREAM_MAX: Final = 16 << 20  # of a stream, unpacked
_DRAWN: Final = (re.compile(rb"\bBT\b"), re.compile(rb"\bT[jJ]\b"))
_MARKED = re.compile(rb"/(?:Metadata|XML|ObjStm|JavaScript|JS)\b")
_MEDIA = re.compile(rb"/(?:Image|FontFile\d?|Length1|CIDFontType0C|Type1C|XRef|EmbeddedFile)\b")
_MARK = re.compile(rb"\\.|[()]", re.DOTALL)  # of a string in round brackets
_HEX = re.compile(rb"<([0-9A-Fa-f\s]{12,}+)>")
_REMARK = re.compile(rb"%([^\r\n]{8,}+)|/([^\s/<>()\[\]{}%]{16,}+)")
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|(\r\n|[\r\n])|(.))", re.DOTALL)
_NAMED: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_SHORT: Final = 6
_END: Final = b"%%EOF"


def beside_pages(job: Job, data: bytes, where: str) -> None:
    """Add those texts of the document ``data`` to ``job``. Raises Stop."""
    told: dict[str, None] = {}
    at = 0
    for found in _STREAM.finditer(data):
        if found.start() < at:
            continue
        job.check()
        told |= dict.fromkeys(_words(data[at : found.start()]))
        end = data.find(b"endstream", found.end())
        end = end if end >= 0 else len(data)
        header = data[max(at, found.start() - _DICTIONARY) : found.start()]
        text = _stream(job, header[header.rfind(b" obj") + 1 :], data[found.end() : end])
        if b"/ObjStm" in header:
            told |= dict.fromkeys(_words(text))
        elif text and (done := decode(text)) is not None:
            job.add(f"{where}stream/{found.start()}", done[0])
        at = end
    told |= dict.fromkeys(_words(data[at:]))
    job.add(f"{where}values", "\n".join(told))
    last = data.rfind(_END)
    job.add(f"{where}after", strings(data[last + len(_END) :]) if last >= 0 else "")


def _stream(job: Job, header: bytes, body: bytes) -> bytes:
    """What a stream holds that may be words; empty for drawings, pictures, fonts and what is packed in other ways."""
    if _MEDIA.search(header):
        return b""
    if b"Decode" in header:
        machine = zlib.decompressobj()
        try:
            body = machine.decompress(body, min(_STREAM_MAX, job.room + 1))
        except zlib.error:
            return b""
        job.take(len(body))
        if machine.unconsumed_tail:
            job.miss("file: a stream over the limit", failed=True)
    if _MARKED.search(header) or body.lstrip()[:1] == b"<":
        return body
    return b"" if all(mark.search(body) for mark in _DRAWN) else body


def _words(data: bytes) -> Iterator[str]:
    """Strings of either form, remarks and long names among the objects in ``data``."""
    for literal in _literals(data):
        if len(literal) >= _SHORT:
            yield _text(_ESCAPE.sub(_unescaped, literal) if b"\\" in literal else literal)
    for digits in _HEX.findall(data):
        packed = b"".join(digits.split())
        yield _text(bytes.fromhex(packed[: len(packed) // 2 * 2].decode("ascii")))
    for remark, name in _REMARK.findall(data):
        yield _text(remark or re.sub(rb"#([0-9A-Fa-f]{2})", lambda one: bytes.fromhex(one[1].decode()), name))


def _literals(data: bytes) -> Iterator[bytes]:
    """What stands in brackets, which may hold others; one that is never closed goes on to the end."""
    depth = start = 0
    for found in _MARK.finditer(data):
        mark = found[0]
        if mark == b"(":
            start = start if depth else found.end()
            depth += 1
        elif mark == b")" and depth:
            depth -= 1
            if not depth:
                yield data[start : found.start()]
    if depth:
        yield data[start:]


def _unescaped(found: re.Match[bytes]) -> bytes:
    octal, line, other = found.groups()
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    return b"" if line else _NAMED.get(other, other)


def _text(value: bytes) -> str:
    done = decode(value)
    return done[0] if done is not None else strings(value)
