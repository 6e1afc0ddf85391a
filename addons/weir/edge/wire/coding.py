"""Content codings, decoded incrementally and within bounds: gzip, deflate, br, zstd.

A decoder never produces more than its limit: a bomb is an error, and what an error means is the caller's decision.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import brotli
import zstandard

__all__ = ["EXPANSION_MAX", "SUPPORTED", "CodingError", "Decoder", "acceptable", "decode"]

SUPPORTED = ("gzip", "deflate", "br", "zstd", "identity")
_ZSTD_PIECE = 256  # input bytes a step: a zstd block can claim 128 KiB out of four bytes
_PIECE = 16_384
_GZIP_EXTRAS = 0x1C  # FEXTRA, FNAME, FCOMMENT
_RATIO_FREE_BYTES = 1 << 20  # below this much output the ratio is not looked at
EXPANSION_MAX = 400


class CodingError(ValueError):
    """The bytes are not what their content-encoding says, or expand beyond the limit. Never quotes content."""


class Decoder:
    """Decodes one body as it comes. `limit` bounds the decoded bytes in total, `expansion` what becomes of each."""

    def __init__(self, encoding: str, limit: int, expansion: int = EXPANSION_MAX) -> None:
        self.expansion = expansion
        self.encoding = encoding.strip().lower() or "identity"
        self.limit = limit
        self.taken = 0
        self.made = 0
        self.parts = 1  # gzip members or zstd frames
        self._ended: Callable[[], bool] = lambda: True
        self._step = self._stepper()

    def _stepper(self) -> Callable[[bytes], bytes]:
        match self.encoding:
            case "identity":
                return lambda data: data
            case "gzip" | "x-gzip":
                return self._inflater(47)
            case "deflate":
                return self._deflate
            case "br":
                return self._brotli(brotli.Decompressor())
            case "zstd":
                return self._zstd(zstandard.ZstdDecompressor(max_window_size=1 << 27))
        raise CodingError(f"content-encoding {self.encoding[:20]!r} is not supported")

    def _inflater(self, wbits: int) -> Callable[[bytes], bytes]:
        machine = zlib.decompressobj(wbits)
        self._ended = lambda: machine.eof

        def step(data: bytes) -> bytes:
            nonlocal machine
            out = bytearray()
            while data:
                out += machine.decompress(data, self.limit - self.made + 1)
                if self.made + len(out) > self.limit:
                    raise CodingError("decoded body over the limit")
                data = machine.unconsumed_tail or machine.unused_data
                if machine.eof and data:
                    self.parts += 1
                    machine = zlib.decompressobj(wbits)  # gzip members may follow one another
            return bytes(out)

        return step

    def _deflate(self, data: bytes) -> bytes:
        """`deflate` is zlib by the standard and raw deflate by habit: the first byte tells."""
        self._step = self._inflater(15 if data[:1] and data[0] & 0x0F == 8 else -15)
        return self._step(data)

    def _brotli(self, machine: brotli.Decompressor) -> Callable[[bytes], bytes]:
        self._ended = machine.is_finished

        def step(data: bytes) -> bytes:
            out = bytearray(machine.process(data, output_buffer_limit=_RATIO_FREE_BYTES))
            while not machine.can_accept_more_data():
                if self.made + len(out) > self.limit:
                    raise CodingError("decoded body over the limit")
                out += machine.process(b"", output_buffer_limit=_RATIO_FREE_BYTES)
            return bytes(out)

        return step

    def _zstd(self, source: zstandard.ZstdDecompressor) -> Callable[[bytes], bytes]:
        machine = source.decompressobj()
        self._ended = lambda: machine.eof

        def step(data: bytes) -> bytes:
            nonlocal machine
            out = bytearray()
            while data:
                if machine.eof:  # frames follow one another, empty and skippable ones too: none may hide the next
                    self.parts += 1
                    machine = source.decompressobj()
                out += machine.decompress(data)
                data = machine.unused_data if machine.eof else b""
            return bytes(out)

        return step

    def feed(self, data: bytes) -> bytes:
        """Decode the next bytes. Raises CodingError."""
        if self.encoding == "identity":
            self.made += len(data)
            if self.made > self.limit:
                raise CodingError("body over the limit")
            return data
        piece = _ZSTD_PIECE if self.encoding == "zstd" else _PIECE
        out = bytearray()
        for start in range(0, len(data), piece):
            part = data[start : start + piece]
            try:
                made = self._step(part)
            except CodingError:
                raise
            except (zlib.error, brotli.error, zstandard.ZstdError, EOFError):
                raise CodingError(f"body is not valid {self.encoding}") from None
            self.taken += len(part)
            self.made += len(made)
            out += made
            if self.made > self.limit:
                raise CodingError("decoded body over the limit")
            if self.made > _RATIO_FREE_BYTES and self.made > self.taken * self.expansion:
                raise CodingError("decoded body expands beyond reason")
        return bytes(out)

    def close(self) -> None:
        """The body has ended: raises CodingError when its coding has not, since another reader may see more of it."""
        if self.taken and not self._ended():
            raise CodingError(f"body is not a whole {self.encoding}")


def decode(body: bytes, encoding: str, limit: int, expansion: int = EXPANSION_MAX) -> bytes:
    """A whole request body, decoded. Several codings (`gzip, br`) are undone last first. Raises CodingError.

    A coding has places for text of its own (names, comments, skippable frames) that nobody would look into: a request
    that uses them is not read.
    """
    codings = [c.strip() for c in encoding.split(",") if c.strip()]
    if len(codings) > 3:
        raise CodingError("too many content-encodings")
    for coding in reversed(codings):
        if coding.lower() in ("gzip", "x-gzip") and len(body) > 3 and body[3] & _GZIP_EXTRAS:
            raise CodingError("gzip header carries a name, a comment or more")
        decoder = Decoder(coding, limit, expansion)
        body = decoder.feed(body)
        decoder.close()
        if decoder.parts > 1:
            raise CodingError(f"body is more than one {coding.lower()[:10]} part")
    if len(body) > limit:
        raise CodingError("body over the limit")
    return body


def acceptable(accept_encoding: str) -> str:
    """The client's accept-encoding without what weir cannot read; unchanged when it can read all of it."""
    parts = [p.strip() for p in accept_encoding.split(",") if p.strip()]
    kept = [p for p in parts if p.split(";", 1)[0].strip().lower() in SUPPORTED]
    if len(kept) == len(parts):
        return accept_encoding
    return ", ".join(kept) or "identity"
