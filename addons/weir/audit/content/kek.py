"""The keys that wrap data keys: one or several, newest first, in a file of their own or behind a secret reference.

Whoever has the content directory has ciphertext and wrapped keys; whoever has these too can read. So they stand apart:
in a file (0600), best on another volume, or in the secret backend of the policy.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from weir.datadir import DataDirError, create_private, locked, read_private, write_private

__all__ = ["KEY_BYTES", "KeyRing", "KeyRingError", "add_key", "drop_old_keys", "load", "new_line"]

KEY_BYTES = 32
ID_BYTES = 8
_PREFIX = "weir-content-key-1:"
_LIMIT = 64 * 1024
# A wrapping key is derived for each data key by its id and used for that one alone, so its nonce never comes twice.
_NONCE = bytes(12)


class KeyRingError(Exception):
    """Keys that can't be used. One line that quotes none of them."""


class KeyRing:
    """Key-encryption keys by id; the first one wraps, all of them unwrap. Never printed."""

    def __init__(self, keys: list[bytes]) -> None:
        """Raises KeyRingError for no key, or one that has not 32 bytes."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise KeyRingError(f"content keys: at least one is needed, and each has {KEY_BYTES} bytes")
        self._keys = {_id_of(key): key for key in keys}
        self.current = _id_of(keys[0])

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """The keys of a file or a secret: ``weir-content-key-1:`` and 32 bytes in base64, newest first.

        A line or a comma stands between two: a secret of the policy is one line without blanks.

        Raises KeyRingError.
        """
        return cls([_parse(number, word) for number, word in _words(text)])

    @property
    def ids(self) -> tuple[bytes, ...]:
        """The ids of all keys, 8 bytes each, the current one first."""
        return tuple(self._keys)

    def wrap(self, key_id: bytes, data_key: bytes, bound: bytes, under: bytes = b"") -> bytes:
        """``data_key`` (32 bytes) encrypted, bound to ``bound``: 48 bytes. ``under``: the id of one of these keys, the
        current one if empty."""
        return self._cipher(under or self.current, key_id).encrypt(_NONCE, data_key, bound)

    def unwrap(self, kek_id: bytes, key_id: bytes, wrapped: bytes, bound: bytes) -> bytes | None:
        """The data key, or None when this ring lacks the key or the wrapped bytes were changed."""
        if kek_id not in self._keys:
            return None
        try:
            return self._cipher(kek_id, key_id).decrypt(_NONCE, wrapped, bound)
        except (InvalidTag, ValueError):
            return None

    def _cipher(self, kek_id: bytes, key_id: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._keys[kek_id], b"weir content wrap\0" + key_id, "sha256"))

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys, hidden)"

    def __reduce__(self) -> str:
        raise TypeError("a KeyRing is not pickled")


def new_line() -> str:
    """A new key as a line for a key file or a secret backend."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n"


def load(path: Path, *, create: bool = False) -> KeyRing:
    """The keys in ``path``, made with one new key when ``create`` and there is none.

    Raises KeyRingError when the file is missing, open to others or holds no key.
    """
    try:
        data = create_private(path, lambda: new_line().encode(), _LIMIT) if create else read_private(path, _LIMIT)
        return KeyRing.parse(data.decode("utf-8", "replace"))
    except DataDirError as error:
        raise KeyRingError(str(error)) from None
    except KeyRingError as error:
        raise KeyRingError(f"{path}: {error}") from None


def add_key(path: Path) -> KeyRing:
    """Put a new key in front of the file's: the first half of a rotation. Older keys stay until all is rewrapped."""
    try:
        with locked(path):
            text = read_private(path, _LIMIT).decode("utf-8", "replace")
            write_private(path, (new_line() + text).encode())
    except DataDirError as error:
        raise KeyRingError(str(error)) from None
    return load(path)


def drop_old_keys(path: Path) -> int:
    """Leave only the newest key in the file: the end of a rotation. Returns how many went; their bytes are overwritten.

    Call it only when nothing is wrapped by them any more. Raises KeyRingError.
    """
    try:
        with locked(path):
            words = _words(read_private(path, _LIMIT).decode("utf-8", "replace"))
            _parse(*words[0])
            old = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                write_private(path, (words[0][1] + "\n").encode())
                # The file that was replaced has no name any more; its blocks still hold the old keys.
                os.pwrite(old, bytes(os.fstat(old).st_size), 0)
                os.fsync(old)
            finally:
                os.close(old)
    except (DataDirError, OSError) as error:
        raise KeyRingError(str(error) if isinstance(error, DataDirError) else f"{path}: {error.strerror}") from None
    return len(words) - 1


def _words(text: str) -> list[tuple[int, str]]:
    """Keys as they are written, each with the number of its line."""
    lines = ((number, line) for number, line in enumerate(text.splitlines(), 1) if not line.lstrip().startswith("#"))
    words = [(number, word) for number, line in lines for word in line.replace(",", " ").split()]
    if not words:
        raise KeyRingError("holds no content key")
    return words


def _parse(number: int, word: str) -> bytes:
    try:
        key = base64.b64decode(word.removeprefix(_PREFIX), validate=True) if word.startswith(_PREFIX) else b""
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise KeyRingError(f"line {number} is no content key: {_PREFIX} and {KEY_BYTES} bytes in base64")
    return key


def _id_of(key: bytes) -> bytes:
    return hmac.digest(key, b"weir content key id", "sha256")[:ID_BYTES]
