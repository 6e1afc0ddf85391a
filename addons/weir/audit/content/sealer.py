"""Encrypts the texts of an event before its record is made: the record carries the hash of what will be stored.

Nonces are unique by construction: a data key encrypts only in the process that made it, and its nonce is a count that
never goes back. After a restart, a fork or when it was put out of memory, a key encrypts nothing more; there is a new
one instead. CPU only, no disk: AES-256-GCM and zstd, about 3 ms for a megabyte of text.
"""

from __future__ import annotations

import os
import secrets
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from weir.audit.content.entries import PLAIN_MAX, BadEntry, Entry, Head, SealedPart
from weir.audit.content.keyfile import digest_of
from weir.audit.content.parts import CALL, BadParts, Content, Part, bounded, content_of, parts_of
from weir.audit.content.slots import Erased
from weir.audit.record import now_us

__all__ = ["DataKey", "Sealed", "Sealer", "open_entry"]

NONCES_MAX = 1 << 31  # uses of one key: far below what AES-GCM allows
_COMPRESS_FROM = 256  # bytes
_LEVEL = 1  # of zstd: prompts shrink to a third or less, and it is faster than writing what it saves


@dataclass(slots=True, eq=False)
class DataKey:
    """A data key in the memory of the process that made it. Never printed."""

    key_id: bytes
    secret: bytes = field(repr=False)
    user: bytes  # digests
    conversation: bytes
    expires_day: int
    made_us: int
    generation: int  # of the key file when it was made
    used: int = 0  # nonces
    stored: bool = False  # its place in the key file is on disk; set by the writer


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted event, to be given to the writer.

    ``content_ct_hash`` and ``args_ct_hashes`` (one a tool call, in order) are for the event's audit record.
    """

    event_id: str
    ts_us: int
    key: DataKey
    payload: bytes = field(repr=False)
    content_ct_hash: str
    args_ct_hashes: tuple[str, ...] = ()


_local = threading.local()


class Sealer:
    """Makes data keys and encrypts with them. From any thread."""

    def __init__(
        self, salt: bytes, *, generation: Callable[[], int], keys_max: int = 4096, bytes_max: int = 8 << 20
    ) -> None:
        """``salt`` is the key file's, ``generation`` asks it whether keys were taken away. At most ``keys_max`` keys
        are held, and ``bytes_max`` bytes of text kept of one event (the rest is cut and counted)."""
        self._salt, self._generation = salt, generation
        self._keys_max, self._bytes_max = keys_max, bytes_max
        self._lock = threading.Lock()
        self._keys: OrderedDict[tuple[bytes, bytes, int], DataKey] = OrderedDict()
        self._seen = generation()
        self._pid = os.getpid()
        self.erased = Erased()  # in the last days; set by the writer

    def seal(
        self, content: Content, *, event_id: str, user: str, conversation: str, ts_us: int, expires_day: int
    ) -> Sealed | None:
        """The texts of an event, encrypted; None when there are none, or when they belong to an erased past.

        ``event_id``: that of the audit record; ``ts_us``: when the exchange began. Raises ValueError for an event id
        that is no UUID.
        """
        parts = parts_of(bounded(content, self._bytes_max))
        event = uuid.UUID(event_id).bytes
        owner = digest_of(self._salt, "user", user), digest_of(self._salt, "conversation", conversation)
        if not parts or self.erased.covers(*owner, ts_us):
            return None
        key, first = self._take((*owner, expires_day), len(parts))
        head = Head(event, key.key_id, ts_us, expires_day, len(parts))
        cipher = AESGCM(key.secret)
        sealed = tuple(_seal(cipher, head, part, first + number) for number, part in enumerate(parts))
        payload = Entry(head, sealed).pack()
        calls = tuple(part.ct_hash for part in sealed if part.kind == CALL)
        return Sealed(event_id, ts_us, key, payload, sha256(payload).hexdigest(), calls)

    def forget(self) -> None:
        """Let go of all keys, if any were taken away since they were made: what was erased must leave memory too."""
        with self._lock:
            self._renew()

    @property
    def held(self) -> int:
        """Keys in memory."""
        return len(self._keys)

    def _take(self, owner: tuple[bytes, bytes, int], count: int) -> tuple[DataKey, int]:
        """A key for this owner and the first of ``count`` nonces that nobody else will use."""
        with self._lock:
            self._renew()
            key = self._keys.get(owner)
            if key is None or key.used + count > NONCES_MAX:
                key = DataKey(secrets.token_bytes(16), secrets.token_bytes(32), *owner, now_us(), self._seen)
                self._keys[owner] = key
            self._keys.move_to_end(owner)
            while len(self._keys) > self._keys_max:
                self._keys.popitem(last=False)
            first, key.used = key.used, key.used + count
            return key, first

    def _renew(self) -> None:
        generation, pid = self._generation(), os.getpid()
        if generation != self._seen or pid != self._pid:
            self._keys.clear()
            self._seen, self._pid = generation, pid

    def __repr__(self) -> str:
        return f"Sealer({len(self._keys)} keys, hidden)"


def open_entry(entry: Entry, secret: bytes) -> Content:
    """The texts of an entry. Raises BadEntry when ``secret`` is not its key or anything of it was changed."""
    cipher = AESGCM(secret)
    # Parts are sealed with nonces in a row: one that stands elsewhere, or twice in place of another, breaks it.
    if any(part.nonce != entry.parts[0].nonce + place for place, part in enumerate(entry.parts)):
        raise BadEntry("the entry's parts are not the ones that were written together")
    try:
        return content_of([_open(cipher, entry.head, part) for part in entry.parts])
    except BadParts as problem:
        raise BadEntry(str(problem)) from None


def _seal(cipher: AESGCM, head: Head, part: Part, nonce: int) -> SealedPart:
    data = part.data
    if len(data) > PLAIN_MAX:
        raise ValueError("a text is at most 1 GiB")
    small = _compressed(data) if len(data) >= _COMPRESS_FROM else data
    compressed = len(small) < len(data)
    bare = SealedPart(part.kind, part.ord, compressed, len(data), nonce)
    ciphertext = cipher.encrypt(_nonce(nonce), small if compressed else data, bare.associated(head))
    return SealedPart(part.kind, part.ord, compressed, len(data), nonce, ciphertext)


def _open(cipher: AESGCM, head: Head, part: SealedPart) -> Part:
    try:
        data = cipher.decrypt(_nonce(part.nonce), part.ciphertext, part.associated(head))
        if part.compressed:
            # What passes the tag is our own, and says how long it is: nothing can be blown up here.
            data = zstandard.ZstdDecompressor().decompress(data, max_output_size=part.length)
    except (InvalidTag, ValueError, zstandard.ZstdError):
        raise BadEntry("a text does not open: it was changed, or the key is another") from None
    if len(data) != part.length:
        raise BadEntry("a text has another length than it says")
    return Part(part.kind, part.ord, data)


def _compressed(data: bytes) -> bytes:
    # Making a compressor costs more than most prompts do; one serves one thread at a time.
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return compressor.compress(data)


def _nonce(count: int) -> bytes:
    return count.to_bytes(12)
