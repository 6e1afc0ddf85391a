"""Keeps the pseudonyms of conversations over a restart: sealed records in one SQLite file, written behind the scenes.

Names of records are keyed digests and every record is sealed with AES-GCM under a key of its own: the file tells how
many conversations there are and about how long they are, and nothing else. What can't be read (another key, a damaged
disk) is told in the log and begun anew: losing stand-ins costs a cached prompt, not an exchange.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from weir.datadir import DataDirError

__all__ = ["Vault"]

log = logging.getLogger("weir.dlp")

_BLOCK = 512  # records are padded to multiples of it: a length would tell how many values there are
_NONCE = 12
_WAIT_S, _GLANCE_S = 2.0, 0.25  # for another connection's lock; a reader may stand on the event loop
_PRUNE_EVERY = 64  # batches
_PROBE = "#probe"  # the record that tells whether the key is the right one
_TABLE = "CREATE TABLE IF NOT EXISTS sealed (name BLOB PRIMARY KEY, seen INTEGER, data BLOB) WITHOUT ROWID"


class Vault:
    """Bytes by name, in ``path`` (mode 0600), which is made at the first `put`. No method raises for a broken store.

    ``key`` gives the 32-byte master key when it is first needed. ``max_records`` and ``max_bytes`` bound what is held;
    what was longest unused goes first.
    """

    def __init__(
        self,
        path: Path,
        key: Callable[[], bytes],
        *,
        max_records: int = 100_000,
        max_bytes: int = 256 << 20,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._make_key, self._clock = path, key, clock
        self._max_records, self._max_bytes = max_records, max_bytes
        self._master = b""
        self._lock = threading.Lock()  # of what waits
        self._store = threading.RLock()  # of the file, for those that write
        self._connecting = threading.Lock()
        self._reading = threading.Lock()  # of the reader, which a writer does not hold up
        self._reader: sqlite3.Connection | None = None
        self._waiting: dict[str, Callable[[], bytes]] = {}
        self._in_hand: dict[str, Callable[[], bytes]] = {}  # just being written
        self._writer: ThreadPoolExecutor | None = None  # ends, with all that waits written, when the interpreter does
        self._written: Future[None] | None = None
        self._batches = self._erased = 0

    def get(self, name: str, max_age_s: float) -> bytes | None:
        """What was last put under ``name``, unless that is longer ago than ``max_age_s`` seconds. Fast."""
        with self._lock:
            waiting = self._waiting.get(name) or self._in_hand.get(name)
        if waiting is not None:
            return waiting()
        return self._guarded(lambda: self._read(name, max_age_s))

    def put(self, name: str, make: Callable[[], bytes], max_age_s: float) -> None:
        """Write what ``make`` gives, soon and in another thread; of several puts of a name the last one counts."""
        with self._lock:
            begin = not self._waiting
            self._waiting[name] = make
            if begin:
                self._writer = self._writer or ThreadPoolExecutor(1, "weir-vault")
                self._written = self._writer.submit(self._write, max_age_s)

    def flush(self, timeout_s: float) -> None:
        """Wait until all that was put is written. Raises TimeoutError."""
        with self._lock:
            written = self._written
        if written is not None:
            written.result(timeout_s)

    def forget(self, names: Collection[str]) -> int:
        """Remove the records of these names, and what waits to be written under them; how many there were on disk.

        Their bytes are overwritten. Waits for the disk; a store that can't be written is told in the log, and OSError.
        """
        with self._lock:
            for waiting in (self._waiting, self._in_hand):
                for name in names:
                    waiting.pop(name, None)
        if not names or not self._path.exists():
            return 0
        digests = [self._digest(name) for name in names]
        with self._store:
            gone = self._guarded(lambda: self._delete(digests))
        if gone is None:
            raise OSError("the pseudonyms' store cannot be written")
        return gone

    def _delete(self, digests: list[bytes]) -> int:
        with closing(self._connect(create=False, wait_s=_WAIT_S)) as connection:
            with connection:
                gone = sum(
                    connection.execute("DELETE FROM sealed WHERE name = ?", (digest,)).rowcount for digest in digests
                )
            if gone:  # the log of changes holds the records as they were
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def erase(self) -> None:
        """Remove the file and all that waits."""
        with self._lock:
            self._waiting, self._in_hand = {}, {}
            self._erased += 1  # what is just being written must not come after it
        with self._store:
            self._remove()

    def __repr__(self) -> str:
        return "Vault(hidden)"

    def _write(self, max_age_s: float) -> None:
        with self._lock:
            self._in_hand, self._waiting = self._waiting, {}
            batch, erased = self._in_hand, self._erased
        if not batch:
            return
        texts = [(name, make()) for name, make in list(batch.items())]  # some may be forgotten meanwhile
        self._guarded(lambda: self._insert(texts, max_age_s, erased))
        with self._lock:
            self._in_hand = {}

    def _insert(self, texts: list[tuple[str, bytes]], max_age_s: float, erased: int) -> None:
        seen = self._minute()
        named = [(self._digest(name), data) for name, data in texts]
        sealed = [(digest, seen, self._seal(digest, data)) for digest, data in named]
        with self._store:
            if erased != self._erased:
                return
            with self._lock:
                rows = [row for row, (name, _) in zip(sealed, texts, strict=True) if name in self._in_hand]
            with closing(self._connect(create=True, wait_s=_WAIT_S)) as connection:
                with connection:
                    connection.executemany("INSERT OR REPLACE INTO sealed VALUES (?, ?, ?)", rows)
                if self._batches % _PRUNE_EVERY == 0:
                    self._prune(connection, max_age_s)
                self._batches += 1

    def _prune(self, connection: sqlite3.Connection, max_age_s: float) -> None:
        with connection:
            connection.execute(
                "DELETE FROM sealed WHERE seen < ? AND name <> ?",
                (self._minute() - max_age_s // 60 - 1, self._digest(_PROBE)),
            )
            connection.execute(
                "DELETE FROM sealed WHERE name IN (SELECT name FROM (SELECT name, count(*) OVER newest AS place, "
                "sum(length(data)) OVER newest AS size FROM sealed WHERE name <> ? "
                "WINDOW newest AS (ORDER BY seen DESC, name ROWS UNBOUNDED PRECEDING)) WHERE place > ? OR size > ?)",
                (self._digest(_PROBE), self._max_records, self._max_bytes),
            )

    def _read(self, name: str, max_age_s: float) -> bytes | None:
        if self._reader is None and not self._path.exists():
            return None
        digest, oldest = self._digest(name), self._minute() - max_age_s // 60
        with self._reading:
            self._reader = self._reader or self._connect(create=False, wait_s=_GLANCE_S)
            found = self._reader.execute("SELECT data FROM sealed WHERE name = ? AND seen >= ?", (digest, oldest))
            row = found.fetchone()
        return self._open(digest, bytes(row[0])) if row else None

    def _connect(self, *, create: bool, wait_s: float) -> sqlite3.Connection:
        """A connection to a store that this key can read; one that it can't is a DatabaseError."""
        if create and not self._path.exists():
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        connection = sqlite3.connect(self._path, timeout=wait_s, check_same_thread=False)
        try:
            with self._connecting:  # a second one finds all in place, and has nothing to wait for
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA secure_delete = ON")  # what is forgotten is gone from the disk too
                self._prove(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prove(self, connection: sqlite3.Connection) -> None:
        """Raise DatabaseError unless this key sealed the store; one that is empty gets its proof now."""
        probe, asked = self._digest(_PROBE), "SELECT data FROM sealed WHERE name = ?"
        made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sealed'").fetchone()
        found = connection.execute(asked, (probe,)).fetchone() if made else None
        if found is None and not (made and connection.execute("SELECT 1 FROM sealed LIMIT 1").fetchone()):
            with connection:
                connection.execute(_TABLE)
                row = (probe, self._minute(), self._seal(probe, b"weir"))
                connection.execute("INSERT INTO sealed VALUES (?, ?, ?)", row)
        elif found is None or self._open(probe, bytes(found[0])) != b"weir":
            raise sqlite3.DatabaseError("sealed with another key")

    def _guarded[T](self, work: Callable[[], T]) -> T | None:
        """Do ``work``; a store that can't be read is put aside, told, and tried once more."""
        for last in (False, True):
            try:
                return work()
            except (OSError, DataDirError) as error:
                log.error("%s: the pseudonyms' store can't be used: %s", self._path.name, error)
                return None
            except sqlite3.DatabaseError as error:
                # Locked, full, not writable: the next time may be better. SQLITE_ERROR is another table than ours.
                passing = isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR
                anew = "" if passing or last else ", so it is begun anew"
                log.error("%s: the pseudonyms' store can't be used: %s%s", self._path.name, error, anew)
                if not anew:
                    return None
                with self._store:
                    self._remove()
        return None

    def _remove(self) -> None:
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        for suffix in ("", "-wal", "-shm"):
            try:
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            except OSError as error:
                log.error("%s: can't be removed (%s)", self._path.name + suffix, error.strerror)

    def _key(self) -> bytes:
        if not self._master:
            self._master = self._make_key()
        return self._master

    def _digest(self, name: str) -> bytes:
        return hmac.digest(self._key(), b"name\0" + name.encode("utf-8", "surrogatepass"), "sha256")

    def _seal(self, digest: bytes, data: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        padded = len(data).to_bytes(4) + data
        padded += bytes(-len(padded) % _BLOCK)
        return nonce + AESGCM(hmac.digest(self._key(), b"seal\0" + digest, "sha256")).encrypt(nonce, padded, digest)

    def _open(self, digest: bytes, sealed: bytes) -> bytes | None:
        cipher = AESGCM(hmac.digest(self._key(), b"seal\0" + digest, "sha256"))
        try:
            padded = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], digest)
        except (InvalidTag, ValueError):
            log.error("%s: a record can't be opened, so it counts as unknown", self._path.name)
            return None
        return padded[4 : 4 + int.from_bytes(padded[:4])]

    def _minute(self) -> int:
        return int(self._clock() // 60)
