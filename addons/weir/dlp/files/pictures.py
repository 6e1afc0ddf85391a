"""Words that a picture carries packed: those in the open are found among its bytes."""

from __future__ import annotations

import zlib
from typing import Final

from weir.dlp.files.job import Job

__all__ = ["packed_words"]

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_HEAD: Final = 8  # length and name of a chunk
_SUM: Final = 4
_PACKED: Final = (b"zTXt", b"iTXt")
_WORDS_MAX: Final = 1 << 20  # a chunk; no honest caption comes near it


def packed_words(job: Job, data: bytes) -> str:
    """The compressed texts of a PNG picture; ``""`` for other kinds. Raises Stop."""
    if not data.startswith(_PNG):
        return ""
    words: list[bytes] = []
    at = len(_PNG)
    while at + _HEAD <= len(data):
        size, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + _HEAD]
        if name in _PACKED:
            job.member()
            words.append(_inflated(job, name, data[at + _HEAD : at + _HEAD + size]))
        at += _HEAD + size + _SUM
    return b"\n".join(words).decode("utf-8", "replace")


def _inflated(job: Job, name: bytes, chunk: bytes) -> bytes:
    """What is packed in a chunk behind its keyword; empty when nothing is."""
    _, _, packed = chunk.partition(b"\0")
    if name == b"iTXt":
        packed = packed[2:].partition(b"\0")[2].partition(b"\0")[2] if packed[:1] == b"\1" else b""
    else:
        packed = packed[1:]
    machine = zlib.decompressobj()
    try:
        made = machine.decompress(packed, _WORDS_MAX)
    except zlib.error:
        return b""
    job.take(len(made))
    if machine.unconsumed_tail:
        job.miss("file: more words in a picture than the limit", failed=True)
    return made
