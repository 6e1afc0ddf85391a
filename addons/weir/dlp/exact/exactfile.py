"""The fingerprint file: a header, the sorted hashes of the values, the quick filter, and a seal over all of it.

    magic (8 bytes) · header length (4, little-endian) · header (JSON) · zeros up to a multiple of 64
    values × 8 bytes: the sure hashes as little-endian numbers, ascending, none twice
    the quick filter, encrypted
    32 bytes: keyed BLAKE2b of everything before

The hashes are mapped into memory, so that all processes of a machine share one copy of them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import mmap
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from weir.dlp.exact.exacthash import Hashes, filter_bytes
from weir.dlp.exact.exacttext import CHARS_MAX, READING, Words

__all__ = [
    "SHAPE_STEP", "ExactFileError", "Fingerprints", "Header", "read_fingerprints", "read_label", "replacing",
    "write_file",
]  # fmt: skip

MAGIC = b"WEIRFP1\n"
SHAPE_STEP = CHARS_MAX + 1  # a value's shape is its length x SHAPE_STEP + its digits
_SEAL = 32
_HEADER_MAX = 1 << 20
_BLOCK = 1 << 22


class ExactFileError(ValueError):
    """A fingerprint file that can't be used: ``PATH: what is wrong; what to do``."""

    def __init__(self, path: Path, problem: str, remedy: str = "make it again with weir dlp fingerprint") -> None:
        super().__init__(f"{path}: {problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself. It names columns and the shapes of values, and no value."""

    label: str
    columns: tuple[str, ...]
    salt: bytes = field(repr=False)
    values: int  # distinct
    words: int  # tokens without a digit that a value may begin with
    shapes: NDArray[np.bool_] = field(repr=False)  # by length x SHAPE_STEP + digits

    @property
    def longest(self) -> int:
        """Letters and digits of the longest value."""
        return int(np.flatnonzero(self.shapes)[-1]) // SHAPE_STEP

    def encoded(self, key: bytes) -> bytes:
        """Magic, length and header, padded."""
        fields = {
            "label": self.label,
            "columns": list(self.columns),
            "salt": self.salt.hex(),
            "key_check": _key_check(key, self.salt),
            "reading": READING,
            "values": self.values,
            "words": self.words,
            "shapes": np.flatnonzero(self.shapes).tolist(),
        }
        data = json.dumps(fields, separators=(",", ":")).encode()
        start = MAGIC + len(data).to_bytes(4, "little") + data
        return start + bytes(-len(start) % 64)


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """An opened file."""

    header: Header
    digest: str  # hex, of the whole file: it says which version of it this is
    hashes: Hashes = field(repr=False)
    sure: Words = field(repr=False)  # sorted
    quick: NDArray[np.uint8] = field(repr=False)  # the filter's bits, eight a byte, the lowest first


def read_fingerprints(path: Path, key: bytes) -> Fingerprints:
    """Open and verify the file at ``path``. Raises ExactFileError, or OSError. Reads all of it once (1 GB/s)."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < len(MAGIC) + 4 + _SEAL or file.read(len(MAGIC)) != MAGIC:
            raise ExactFileError(path, "is no fingerprint file" if size else "is empty")
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    length = int.from_bytes(view[len(MAGIC) : len(MAGIC) + 4], "little")
    start = len(MAGIC) + 4
    header = _header(path, bytes(view[start : start + length]) if length <= _HEADER_MAX else b"", key)
    start += length
    start += -start % 64
    quick_start = start + 8 * header.values
    end = quick_start + filter_bytes(header.values)
    if size != end + _SEAL:
        raise ExactFileError(path, "is cut short" if size < end + _SEAL else "has more in it than it should")
    seal = _seal(key, header.salt)
    for at in range(0, end, _BLOCK):
        seal.update(view[at : min(end, at + _BLOCK)])
    if not hmac.compare_digest(seal.digest(), view[end:]):
        raise ExactFileError(path, "is damaged: its checksum does not hold")
    hashes = Hashes(key, header.salt)
    quick = np.frombuffer(hashes.cipher(bytes(view[quick_start:end])), np.uint8)
    sure = np.frombuffer(view, "<u8", header.values, start)
    return Fingerprints(header, bytes(view[end:]).hex(), hashes, sure, quick)


def read_label(path: Path) -> str:
    """What the file at ``path`` says it is called; needs no key and proves nothing. Raises as `read_fingerprints`."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ExactFileError(path, "is no fingerprint file")
        length = int.from_bytes(file.read(4), "little")
        data = file.read(length) if length <= _HEADER_MAX else b""
    try:
        return str(json.loads(data)["label"])
    except (ValueError, KeyError, TypeError):
        raise ExactFileError(path, "has a header that can't be read") from None


def _header(path: Path, data: bytes, key: bytes) -> Header:
    try:
        fields: dict[str, Any] = json.loads(data)
        if fields["reading"] != READING:
            raise ExactFileError(path, "was made by another version of weir")
        salt = bytes.fromhex(fields["salt"])
        if not hmac.compare_digest(fields["key_check"], _key_check(key, salt)):
            remedy = "make it again with weir dlp fingerprint and the --data directory of the weir that reads it"
            raise ExactFileError(path, "was made with the key of another data directory", remedy)
        shapes = np.zeros(SHAPE_STEP * SHAPE_STEP, np.bool_)
        shapes[np.array(fields["shapes"], np.int64)] = True
        return Header(
            str(fields["label"]), tuple(map(str, fields["columns"])), salt, int(fields["values"]), int(fields["words"]),
            shapes,
        )  # fmt: skip
    except (KeyError, TypeError, IndexError, AttributeError, OverflowError):
        raise ExactFileError(path, "has a header that says too little") from None
    except ValueError as error:
        if isinstance(error, ExactFileError):
            raise
        raise ExactFileError(path, "has a header that can't be read") from None


def write_file(file: IO[bytes], header: Header, key: bytes, sure: Words, quick: NDArray[np.uint8]) -> None:
    """Write a whole file. ``sure`` is sorted, ``quick`` not yet encrypted."""
    seal = _seal(key, header.salt)

    def put(data: bytes | memoryview) -> None:
        seal.update(data)
        file.write(data)

    put(header.encoded(key))
    for at in range(0, len(sure), _BLOCK // 8):
        put(sure[at : at + _BLOCK // 8].astype("<u8").tobytes())
    put(Hashes(key, header.salt).cipher(quick.tobytes()))
    file.write(seal.digest())


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of ``path`` in one step when the block ends, mode 0600; nothing on an error."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        # What is mapped must never be written again: the file in use stays as it is until nobody holds it.
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _seal(key: bytes, salt: bytes) -> Any:
    return hashlib.blake2b(key=Hashes.derived(key, salt, "seal", 32), digest_size=_SEAL)


def _key_check(key: bytes, salt: bytes) -> str:
    return Hashes.derived(key, salt, "key check", 8).hex()
