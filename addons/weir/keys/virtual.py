"""Virtual keys: what clients hold instead of a provider's key, and the store that knows only their keyed hashes.

A key is ``weir-sk-``, 256 random bits as 43 base-62 digits, and a CRC-32 of all that as 6 more. The checksum is no
protection: it tells a weir key from any other string without a look-up, for us and for secret scanners.
"""

from __future__ import annotations

import hmac
import json
import logging
import os
import secrets
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from weir.datadir import DataDirError, locked, read_private, write_private
from weir.model import Principal

__all__ = ["PREFIX", "STRENGTH", "VirtualKey", "VirtualKeys", "VirtualKeysError", "looks_virtual", "new_key"]

PREFIX = "weir-sk-"
STRENGTH = 3

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_DIGITS = 43  # 62^43 > 2^256
_CHECK_DIGITS = 6  # 62^6 > 2^32
_LENGTH = len(PREFIX) + _RANDOM_DIGITS + _CHECK_DIGITS
_MAX_TEXT = 200


log = logging.getLogger("weir.keys")


class VirtualKeysError(Exception):
    """The key store cannot be read or changed. The message names the file and the entry, never a key or a hash."""


@dataclass(frozen=True, slots=True)
class VirtualKey:
    """What is known of one virtual key. ``services`` empty means every service; times are aware, in UTC."""

    id: str
    app: str = ""
    team: str = ""
    user: str = ""
    services: tuple[str, ...] = ()
    expires: datetime | None = None
    revoked: datetime | None = None
    created: datetime | None = None

    def principal(self) -> Principal:
        """The caller this key stands for."""
        return Principal(
            user=self.user, team=self.team, app=self.app, method="virtual_key", strength=STRENGTH, key_id=self.id
        )

    def refusal(self, service_id: str, at: datetime) -> str:
        """Why the key is not good for ``service_id`` at ``at``: revoked, expired or service; "" when it is good."""
        if self.revoked is not None:
            return "revoked"
        if self.expires is not None and at >= self.expires:
            return "expired"
        return "service" if self.services and service_id not in self.services else ""

    def allows(self, service_id: str, at: datetime) -> bool:
        """True when the key may be used for ``service_id`` at the aware time ``at``."""
        return not self.refusal(service_id, at)


def new_key() -> str:
    """A fresh virtual key."""
    body = PREFIX + _base62(secrets.randbits(256), _RANDOM_DIGITS)
    return body + _checksum(body)


def looks_virtual(value: str) -> bool:
    """True when ``value`` is a whole virtual key by prefix, length and checksum; whether it was issued is not asked."""
    return (
        len(value) == _LENGTH
        and value.startswith(PREFIX)
        and value.isascii()
        and value[len(PREFIX) :].isalnum()
        and value[-_CHECK_DIGITS:] == _checksum(value[:-_CHECK_DIGITS])
    )


class VirtualKeys:
    """The store: one JSON file (0600) of keyed hashes, held in memory by hash.

    ``hmac_key`` (32 bytes, ``DataDir.secret("virtual-keys")``) makes the file useless without it.
    Raises VirtualKeysError when the file is there and cannot be used.
    """

    def __init__(self, path: Path, hmac_key: bytes) -> None:
        self._path = path
        self._key = hmac_key
        self._signature = _signature(path)
        self._records = _read(path)

    def lookup(self, presented: str) -> VirtualKey | None:
        """The record of ``presented``, revoked or expired ones too (ask ``refusal``); None when it was never issued.

        A key that is not known may have been issued a moment ago by another process: then the file is looked at first.
        """
        if not looks_virtual(presented):
            return None
        digest = self._hash(presented)
        record = self._records.get(digest)
        if record is None and _signature(self._path) not in ((), self._signature):
            try:
                self.reload_if_changed()
            except (VirtualKeysError, DataDirError) as error:
                log.error("virtual keys changed and can't be read, the ones in force stay: %s", error)
            record = self._records.get(digest)
        return record

    def create(
        self,
        *,
        app: str = "",
        team: str = "",
        user: str = "",
        services: Iterable[str] = (),
        expires: datetime | None = None,
    ) -> tuple[VirtualKey, str]:
        """Issue a key: its record and the key itself, which is stored nowhere and shown this once.

        Raises ValueError for an expiry without time zone or a text with control characters.
        """
        if expires is not None and expires.tzinfo is None:
            raise ValueError("expires needs a time zone")
        now = datetime.now(UTC).replace(microsecond=0)
        expiry = None if expires is None else expires.astimezone(UTC)
        record = VirtualKey(
            id=f"vk-{secrets.token_hex(6)}",
            app=_text("app", app),
            team=_text("team", team),
            user=_text("user", user),
            services=tuple(_text("service", service) for service in services),
            expires=expiry,
            created=now,
        )
        key = new_key()
        with locked(self._path):
            self._store({**_read(self._path), self._hash(key): record})
        return record, key

    def revoke(self, key_id: str) -> bool:
        """Revoke the key with this id from now on; False when there is none. Revoking twice keeps the first time."""
        with locked(self._path):
            records = _read(self._path)
            for digest, record in records.items():
                if record.id == key_id:
                    if record.revoked is None:
                        now = datetime.now(UTC).replace(microsecond=0)
                        self._store({**records, digest: replace(record, revoked=now)})
                    return True
        return False

    def list(self) -> tuple[VirtualKey, ...]:
        """All records, the oldest first."""
        return tuple(self._records.values())

    def reload_if_changed(self) -> bool:
        """Take over a file that another process changed; True when it was.

        Raises VirtualKeysError once a change that cannot be read, or when the file is gone; the keys in force stay.
        """
        signature = _signature(self._path)
        if signature == self._signature:
            return False
        self._signature = signature
        if not signature:
            raise VirtualKeysError(f"{self._path}: is gone; the keys it held stay in force until it is back")
        self._records = _read(self._path)
        return True

    def _hash(self, key: str) -> str:
        return hmac.digest(self._key, key.encode(), "sha256").hex()

    def _store(self, records: dict[str, VirtualKey]) -> None:
        entries = [{"hash": digest, **_to_json(record)} for digest, record in records.items()]
        document = {"version": 1, "keys": entries}
        write_private(self._path, json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n")
        self._signature = _signature(self._path)
        self._records = records


def _read(path: Path) -> dict[str, VirtualKey]:
    if not path.exists():
        return {}
    try:
        document = json.loads(read_private(path))
    except DataDirError as error:
        raise VirtualKeysError(str(error)) from None
    except ValueError:
        raise VirtualKeysError(f"{path}: is not JSON; restore it from a backup") from None
    if not isinstance(document, dict) or document.get("version") != 1 or not isinstance(document.get("keys"), list):
        raise VirtualKeysError(f"{path}: is not a version 1 key store")
    records: dict[str, VirtualKey] = {}
    for number, entry in enumerate(document["keys"], 1):
        try:
            digest, record = entry["hash"], _from_json(entry)
            if len(bytes.fromhex(digest)) != 32:
                raise ValueError
        except (KeyError, TypeError, ValueError):
            raise VirtualKeysError(f"{path}: key number {number} is damaged; restore the file from a backup") from None
        records[digest] = record
    return records


def _to_json(record: VirtualKey) -> dict[str, Any]:
    times = {
        name: None if value is None else value.isoformat()
        for name, value in (("created", record.created), ("expires", record.expires), ("revoked", record.revoked))
    }
    return {
        "id": record.id,
        "app": record.app,
        "team": record.team,
        "user": record.user,
        "services": list(record.services),
        **times,
    }


def _from_json(entry: Mapping[str, Any]) -> VirtualKey:
    services = entry["services"]
    if not isinstance(services, list):
        raise TypeError
    return VirtualKey(
        id=_text("id", entry["id"]),
        app=_text("app", entry["app"]),
        team=_text("team", entry["team"]),
        user=_text("user", entry["user"]),
        services=tuple(_text("service", service) for service in services),
        expires=_time(entry["expires"]),
        revoked=_time(entry["revoked"]),
        created=_time(entry["created"]),
    )


def _time(value: str | None) -> datetime | None:
    if value is None:
        return None
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError
    return time


def _text(name: str, value: str) -> str:
    # These end up in audit rows and terminals: no control characters, no half surrogates.
    if len(value) > _MAX_TEXT or any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        raise ValueError(f"{name} is at most {_MAX_TEXT} characters, without control characters")
    return value


def _signature(path: Path) -> tuple[int, ...]:
    try:
        info = os.stat(path)  # noqa: PTH116
    except OSError:
        return ()
    return (info.st_mtime_ns, info.st_size, info.st_ino, info.st_mode)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECK_DIGITS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, rest = divmod(number, 62)
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))
