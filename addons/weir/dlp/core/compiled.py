"""Hyperscan's databases, compiled once and kept from one start to the next.

Compiling takes most of a second and yields the same each time. What is kept is used only where it is certain to be
the same: its file is named after everything that goes into compiling, its content bears a code that only this
deployment's key makes, and neither file nor folder may be somebody else's. Anything else is compiled anew and
replaced. Nothing here ever decides which patterns there are: that is asked for, and answered in full or not at all.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import platform
import stat
import struct
import sys
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from weakref import WeakValueDictionary

import hyperscan

from weir.datadir import DataDirError, write_private

__all__ = ["ANALYSER_ERRORS", "Compiled", "Expressions", "Store", "compiled", "digest_of", "machine"]

log = logging.getLogger("weir.dlp")

# What the scanning libraries are known to raise; whoever scans turns these into "not fully scanned".
ANALYSER_ERRORS: tuple[type[Exception], ...] = (hyperscan.error, hyperscan.HyperscanError)

Expressions = Mapping[int, tuple[bytes, int]]  # by number: the pattern and its flags

_MAGIC = b"weir-hs1"  # another number when the layout changes: magic, code, digest, count, numbers, database
_CODE_BYTES = 32
_HEAD = struct.Struct(">32sQ")
_BYTES_MAX = 256 * 1024 * 1024
_FILES_MAX = 18  # six make one policy's; more than three policies in turn are compiled anew
_SUFFIX = ".hs"
_UNUSABLE: tuple[type[Exception], ...] = (OSError, ValueError, struct.error, *ANALYSER_ERRORS)
_UNKEPT: tuple[type[Exception], ...] = (DataDirError, OSError, *ANALYSER_ERRORS)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Compiled:
    """One database, and the numbers of the expressions that are in it; the others Hyperscan does not take."""

    database: hyperscan.Database | None
    accepted: frozenset[int]


# Those in use in this process: an engine that is made anew for the same patterns shares the other one's.
_in_use: MutableMapping[bytes, Compiled] = WeakValueDictionary()


def compiled(expressions: Expressions, store: Store | None = None) -> Compiled:
    """One database of all ``expressions`` that Hyperscan takes, out of ``store`` if it is there.

    It may be in use elsewhere in this process: each thread that scans brings its own scratch space.
    """
    if not expressions:
        return Compiled(None, frozenset())
    digest = digest_of(expressions)
    made = _in_use.get(digest)
    if made is not None:
        if store is not None and not store.holds(digest):
            store.save(digest, made)
        return made
    made = store.load(digest, expressions) if store is not None else None
    if made is None:
        made = _build(expressions)
        if store is not None:
            store.save(digest, made)
    _in_use[digest] = made
    return made


def _build(expressions: Expressions) -> Compiled:
    database = _compile(expressions)
    if database is None:
        # Rare, and only at start: find the culprits one by one.
        expressions = {number: item for number, item in expressions.items() if _compile({number: item}) is not None}
        database = _compile(expressions) if expressions else None
    return Compiled(database, frozenset(expressions) if database is not None else frozenset())


def _compile(expressions: Expressions) -> hyperscan.Database | None:
    database = hyperscan.Database()
    try:
        database.compile(
            expressions=[pattern for pattern, _ in expressions.values()],
            ids=list(expressions),
            elements=len(expressions),
            flags=[flags for _, flags in expressions.values()],
        )
    except ANALYSER_ERRORS:
        return None
    return database


@cache
def machine() -> str:
    """What a database depends on besides its patterns: the library, how it was built, and the processor."""
    probe = hyperscan.Database()
    probe.compile(expressions=[b"weir"], ids=[0], elements=1, flags=[0])
    built = Path(str(import_module("hyperscan._hs_ext").__file__)).stat().st_size
    system = f"{sys.platform} {platform.machine()} {sys.byteorder} {struct.calcsize('P')}"
    return f"{version('hyperscan')} {built} {probe.info()!r} {system} {_processor()}"


def _processor() -> str:
    """What the processor can do, as the kernel tells it; all processors of one machine are taken to be alike."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    told: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("vendor_id", "cpu family", "model", "flags", "Features", "CPU part", "CPU implementer"):
            told.setdefault(name.strip(), value.strip())
    return repr(sorted(told.items()))


def digest_of(expressions: Expressions) -> bytes:
    """Of everything that decides what compiling yields."""
    told = hashlib.sha256(machine().encode())
    for number, (pattern, flags) in expressions.items():
        told.update(struct.pack(">QQQ", number, flags, len(pattern)) + pattern)
    return told.digest()


class Store:
    """A folder of compiled databases, all made by this deployment: ``key`` is its own."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self.folder = folder
        self._key = hmac.digest(key, b"weir-dlp-compiled", "sha256")

    def holds(self, digest: bytes) -> bool:
        """Whether there is a file of that name, good or not."""
        return self._path(digest).exists()

    def load(self, digest: bytes, expressions: Expressions) -> Compiled | None:
        """The database with this digest, which is that of ``expressions``; None when there is none to be used."""
        path = self._path(digest)
        try:
            content = _read(path)
            found = self._parse(content, digest, expressions)
            os.utime(path)  # those used last are kept
        except FileNotFoundError:
            return None
        except _UNUSABLE as error:
            reason = str(error) if isinstance(error, _Refused) else type(error).__name__
            log.warning("%s is not used (%s): its patterns are compiled anew", path.name, reason)
            return None
        return found

    def save(self, digest: bytes, made: Compiled) -> None:
        """Keep it for the next start. Does not raise: without it a start takes longer."""
        if made.database is None:
            return
        try:
            numbers = sorted(made.accepted)
            head = _HEAD.pack(digest, len(numbers)) + struct.pack(f">{len(numbers)}Q", *numbers)
            body = head + hyperscan.dumpb(made.database)
            write_private(self._path(digest), _MAGIC + self._code(body) + body)
            self._prune()
        except _UNKEPT as error:
            log.warning("compiled patterns are not kept (%s): the next start compiles them again", type(error).__name__)

    def _path(self, digest: bytes) -> Path:
        return self.folder / (hmac.digest(self._key, digest, "sha256").hex()[:32] + _SUFFIX)

    def _code(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")

    def _parse(self, content: bytes, digest: bytes, expressions: Expressions) -> Compiled:
        """Raises _Refused, or what Hyperscan does."""
        start = len(_MAGIC) + _CODE_BYTES
        body = content[start:]
        if content[: len(_MAGIC)] != _MAGIC or not hmac.compare_digest(content[len(_MAGIC) : start], self._code(body)):
            raise _Refused("it is damaged, or not of this deployment")
        told, count = _HEAD.unpack_from(body)
        if told != digest:
            raise _Refused("it holds other patterns")
        end = _HEAD.size + 8 * count
        accepted = frozenset(struct.unpack_from(f">{count}Q", body, _HEAD.size))
        if not accepted or not accepted <= expressions.keys():
            raise _Refused("it holds other patterns")
        return Compiled(hyperscan.loadb(body[end:], hyperscan.HS_MODE_BLOCK), accepted)

    def _prune(self) -> None:
        files = sorted(self.folder.glob(f"*{_SUFFIX}"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
        for file in files[_FILES_MAX:]:
            file.unlink(missing_ok=True)


class _Refused(ValueError):
    """A file that is not to be used; the message says why."""


def _read(path: Path) -> bytes:
    """The bytes of a file that nobody else could have written. Raises OSError or _Refused."""
    folder = path.parent.stat()
    if folder.st_uid != os.geteuid() or folder.st_mode & 0o022:
        raise _Refused("others may write to its folder")
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o077:
            raise _Refused("it is open to others, or theirs")
        if info.st_size > _BYTES_MAX:
            raise _Refused("it is too large")
        return file.read(_BYTES_MAX)
