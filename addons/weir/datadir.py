"""The data directory: where weir keeps its CA, keys, spool and audit, and how a private file is written and read.

Nothing here is ever readable or writable by another user unless the operator opens a directory by hand: directories
are made 0700, private files 0600, and a private file whose mode has been loosened is refused rather than used.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = [
    "DataDir",
    "DataDirError",
    "create_private",
    "held",
    "locked",
    "read_private",
    "write_private",
    "write_public",
]

LOCK_TIMEOUT_S = 10.0
PRIVATE_LIMIT = 64 * 1024 * 1024

_SECRET_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class DataDirError(Exception):
    """A directory or file of the data directory cannot be used. One line: which path, why, what to do."""


def read_private(path: Path, limit: int = PRIVATE_LIMIT) -> bytes:
    """The bytes of a file that nobody else may read.

    Raises DataDirError when it is missing, not a regular file, larger than ``limit`` bytes, or open to group or
    others. The mode is taken from the opened file, so it cannot be swapped between the check and the read.
    """
    try:
        # O_NONBLOCK: opening a FIFO must fail the check below instead of waiting for a writer for ever.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise DataDirError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise DataDirError(f"{path}: is not a regular file")
        if info.st_mode & 0o077:
            mode = stat.S_IMODE(info.st_mode)
            raise DataDirError(f"{path}: is open to other users (mode {mode:04o}); run: chmod 600 {path}")
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise DataDirError(f"{path}: cannot be read ({error.strerror})") from None
    finally:
        os.close(fd)
    if len(data) > limit:
        raise DataDirError(f"{path}: is larger than {limit} bytes")
    return data


def write_private(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step, mode 0600: a reader sees the old file or the new one, never a part."""
    _replace(path, data, 0o600)


def write_public(path: Path, data: bytes) -> None:
    """Like ``write_private`` for material everyone may read, such as certificates (mode 0644)."""
    _replace(path, data, 0o644)


def create_private(path: Path, make: Callable[[], bytes], limit: int = PRIVATE_LIMIT) -> bytes:
    """The bytes of ``path``, made by ``make`` and stored first if there is no such file yet.

    Two processes that start at once both get the bytes of whichever came first.
    """
    if not path.exists():
        with locked(path):
            if not path.exists():
                write_private(path, make())
    return read_private(path, limit)


@contextmanager
def locked(path: Path, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the lock that guards changes of ``path`` among processes and threads.

    It is a ``.lock`` file beside it, which goes when the holder lets go.
    Raises DataDirError when another holder does not let go within ``timeout_s`` seconds.
    """
    lock = path.with_name(f".{path.name}.lock")
    deadline = time.monotonic() + timeout_s
    while (fd := _open_locked(lock)) is None:
        if time.monotonic() >= deadline:
            raise DataDirError(f"{path}: another process has held its lock for {timeout_s:g} s")
        time.sleep(0.01)
    try:
        yield
    finally:
        # Before the lock is let go of: the file belongs to the next one from then on.
        with suppress(OSError):
            lock.unlink()
        os.close(fd)  # closing lets go of the lock


def held(path: Path) -> bool:
    """Whether another process holds a lock on the file itself, as who writes it does for as long as it lives.

    False when there is no such file; raises OSError when it cannot be opened.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, and let go at once: two who ask don't see each other, and whoever starts just now tries again.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


class DataDir:
    """One weir's data directory, made with mode 0700 when it does not exist.

    Raises DataDirError when the path is not a directory or when other users could replace files in it.
    The directory properties make their directory at first use.
    """

    def __init__(self, path: Path) -> None:
        self.path = _directory(path.absolute())
        self.worker = 0  # which of several this process is; 0: the only one

    @property
    def ca(self) -> Path:
        """The interception CA: its key and the certificate for enrolment."""
        return _directory(self.path / "ca")

    @property
    def keys(self) -> Path:
        """Virtual keys (keyed hashes of them)."""
        return _directory(self.path / "keys")

    @property
    def spool(self) -> Path:
        """The append-only audit spool."""
        return _directory(self.path / "spool")

    @property
    def audit(self) -> Path:
        """Parquet files and audit.duckdb."""
        return _directory(self.path / "audit")

    @property
    def policies(self) -> Path:
        """Every policy that was ever in force, by its hash, so that an old record can be read with its policy."""
        return _directory(self.path / "policies")

    @property
    def content(self) -> Path:
        """Texts of exchanges, encrypted, and their keys, which are encrypted too; what wraps those stands elsewhere."""
        return _directory(self.path / "content")

    @property
    def secrets(self) -> Path:
        """Keys of weir's own, one a file."""
        return _directory(self.path / "secrets")

    @property
    def run(self) -> Path:
        """What lives only as long as a process: trust bundles, ready files, sockets."""
        return _directory(self.path / "run")

    @property
    def tokenizers(self) -> Path:
        """Vocabularies for offline token counts."""
        return _directory(self.path / "tokenizers")

    @property
    def owed(self) -> Path:
        """Use that budgets must still be charged with; each worker has its own, as a process takes its file away."""
        return self.path / (f"limits-owed-{self.worker}.jsonl" if self.worker else "limits-owed.jsonl")

    @property
    def compiled(self) -> Path:
        """Compiled detection patterns, which save a start most of a second; may be deleted at any time."""
        return _directory(self.path / "compiled")

    @property
    def prices(self) -> Path:
        """Price lists that the operator has vetted."""
        return _directory(self.path / "prices")

    def secret(self, name: str, nbytes: int = 32) -> bytes:
        """The random key called ``name`` (lower-case letters, digits, hyphens), made at first use.

        Raises DataDirError when the stored key is open to others or is not ``nbytes`` long.
        """
        if not _SECRET_NAME.fullmatch(name):
            raise ValueError("a secret's name is 1 to 64 lower-case letters, digits and hyphens")
        path = self.secrets / f"{name}.key"
        value = create_private(path, lambda: secrets.token_bytes(nbytes))
        if len(value) != nbytes:
            raise DataDirError(f"{path}: holds {len(value)} bytes, expected {nbytes}; restore it from a backup")
        return value

    @property
    def proxy_id(self) -> str:
        """A random id of this installation (``weir-`` and 16 hex digits), the same after every restart."""
        path = self.path / "proxy-id"
        value = create_private(path, lambda: f"weir-{secrets.token_hex(8)}\n".encode(), limit=256)
        text = value.decode("ascii", "replace").strip()
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
            raise DataDirError(f"{path}: is not a proxy id; delete it to get a new one")
        return text


def _directory(path: Path) -> Path:
    try:
        info = path.stat()
    except FileNotFoundError:
        info = _make_directory(path)
    except OSError as error:
        raise DataDirError(f"{path}: cannot be used ({error.strerror})") from None
    if not stat.S_ISDIR(info.st_mode):
        raise DataDirError(f"{path}: is not a directory")
    # Whoever may write into it could put their own key in place of ours; reading may be opened on purpose.
    if info.st_mode & 0o022:
        raise DataDirError(f"{path}: other users may write to it; run: chmod go-w {path}")
    return path


def _make_directory(path: Path) -> os.stat_result:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        return path.stat()
    except OSError as error:
        raise DataDirError(f"{path}: cannot be made ({error.strerror})") from None


def _open_locked(lock: Path) -> int | None:
    """The lock file, open and locked; None when somebody else holds it, or has just taken it away."""
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DataDirError(f"{lock}: cannot be opened ({error.strerror})") from None
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The holder before may have removed it between the two: then others lock another file of that name.
        if os.path.samestat(os.fstat(fd), lock.lstat()):
            return fd
    os.close(fd)
    return None


def _replace(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            with os.fdopen(fd, "wb") as file:
                os.fchmod(file.fileno(), mode)  # the umask may have narrowed what a public file needs
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)
    except OSError as error:
        raise DataDirError(f"{path}: cannot be written ({error.strerror})") from None


def _sync_directory(path: Path) -> None:
    # A rename is durable only once the directory entry is on disk.
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
