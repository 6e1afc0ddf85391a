"""The key that signs checkpoints: a private file beside the store's other keys, and how another takes its place.

``checkpoint.key`` (0600) signs now. ``checkpoint.pub`` has the first key: whoever keeps that line elsewhere can check
everything that follows, because each key signs for the next. A change is safe against dying in between: the new key is
written to ``checkpoint.key.next``, the log gets the note that both signed, and only then the files change places; what
the log says decides which of them is right.
"""

from __future__ import annotations

import os
from pathlib import Path

from weir.audit.evidence.entries import key_name
from weir.audit.evidence.note import BadKey, SigningKey, VerifierKey
from weir.datadir import DataDirError, create_private, write_private, write_public

__all__ = ["KEY", "NEXT", "PUBLIC", "first_key", "next_key", "settle", "signing_key"]

KEY, NEXT, PUBLIC = "checkpoint.key", "checkpoint.key.next", "checkpoint.pub"
FIRST = "checkpoint.key.first"  # while the first key is being made
_LIMIT = 4_096


def signing_key(directory: Path, proxy_id: str) -> SigningKey:
    """The key at hand, made at first use (with its public line). Raises DataDirError.

    Where there is a public line and no key, none is made: the log could not go on with it. It is made under another
    name, so that whoever dies between the two lines has lost nothing.
    """

    def make() -> bytes:
        if (directory / PUBLIC).exists() and not (directory / FIRST).exists():
            why = f"is gone; put it back, or remove {PUBLIC} and the log of checkpoints to begin anew"
            raise DataDirError(f"{directory / KEY}: {why}")
        text = create_private(directory / FIRST, lambda: _made(proxy_id), _LIMIT)
        write_public(directory / PUBLIC, _parsed(directory / FIRST, text, proxy_id).verifier.text.encode() + b"\n")
        return text

    key = _parsed(directory / KEY, create_private(directory / KEY, make, _LIMIT), proxy_id)
    (directory / FIRST).unlink(missing_ok=True)
    return key


def first_key(directory: Path) -> VerifierKey:
    """The public key with which the log begins. Raises DataDirError."""
    path = directory / PUBLIC
    try:
        return VerifierKey.parse(path.read_text("utf-8").strip())
    except OSError as error:
        raise DataDirError(f"{path}: cannot be read ({error.strerror})") from None
    except (BadKey, UnicodeDecodeError):
        raise DataDirError(f"{path}: holds no public key of checkpoints") from None


def next_key(directory: Path, proxy_id: str) -> SigningKey:
    """The key that is to take over, made now or by an attempt that broke off. Raises DataDirError."""

    return _parsed(directory / NEXT, create_private(directory / NEXT, lambda: _made(proxy_id), _LIMIT), proxy_id)


def settle(directory: Path, proxy_id: str, current: VerifierKey) -> SigningKey:
    """The key file that belongs to ``current``, which is the key that the log ends with.

    The key that was to take over does so when the log says it has; otherwise it stays for the next attempt. Raises
    DataDirError when neither key at hand is the log's.
    """
    key = signing_key(directory, proxy_id)
    other = next_key(directory, proxy_id) if (directory / NEXT).exists() else None
    if other is not None and other.verifier == current:
        write_private(directory / KEY, other.private_text.encode() + b"\n")
        (directory / NEXT).unlink()
        return other
    if key.verifier == current:
        return key
    raise DataDirError(f"{directory / KEY}: is not the key that the log of checkpoints ends with; put that one back")


def _made(proxy_id: str) -> bytes:
    return SigningKey(key_name(proxy_id), os.urandom(32)).private_text.encode() + b"\n"


def _parsed(path: Path, data: bytes, proxy_id: str) -> SigningKey:
    try:
        key = SigningKey.parse(data.decode().removesuffix("\n"))
    except (BadKey, UnicodeDecodeError):
        raise DataDirError(f"{path}: holds no key for checkpoints") from None
    if key.verifier.name != key_name(proxy_id):
        raise DataDirError(f"{path}: is the key of another proxy")
    return key
