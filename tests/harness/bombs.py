"""A little that unpacks to a lot, made in the time that a megabyte of it takes."""

from __future__ import annotations

import struct
import zlib

__all__ = ["gzip_bomb"]

_MEGABYTE = 1 << 20


def gzip_bomb(megabytes: int, byte: bytes = b"\0") -> bytes:
    """One gzip member of that much of one byte: what a flush ends can stand any number of times."""
    plain, squeeze = byte * _MEGABYTE, zlib.compressobj(9, wbits=-15)
    block = squeeze.compress(plain) + squeeze.flush(zlib.Z_FULL_FLUSH)
    sum_ = 0
    for _ in range(megabytes):
        sum_ = zlib.crc32(plain, sum_)
    end = struct.pack("<II", sum_, megabytes * _MEGABYTE & 0xFFFFFFFF)
    return b"\x1f\x8b\x08" + bytes(7) + block * megabytes + squeeze.flush() + end
