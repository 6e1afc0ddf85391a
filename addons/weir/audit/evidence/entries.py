"""The texts that are signed: a checkpoint of a boot's tree (C2SP tlog-checkpoint), the change of a key, and the sums
of files that are closed for good.

All kinds share one chain: each has the next number and the SHA-256 of the text before it, over restarts and over
boots, so that none can be left out. What weir adds to a checkpoint stands in its extension lines.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from weir.audit.evidence.merkle import HASH_BYTES
from weir.audit.evidence.note import BadKey, VerifierKey
from weir.audit.spool.lines import GENESIS

__all__ = [
    "FILES_MAX",
    "REASONS",
    "AnyEntry",
    "BadEntry",
    "Checkpoint",
    "Entry",
    "Files",
    "Rotation",
    "Sum",
    "is_file_name",
    "key_name",
    "parse_entry",
]

REASONS = ("start", "rows", "time", "close", "asked")  # why a checkpoint was made
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_HASH = re.compile(r"[0-9a-f]{64}")
FILES_MAX = 30  # lines of one entry: it has to fit into a syslog message
_FILE = re.compile(r"(?!.*(?:^|/)[./])[A-Za-z0-9._/-]{1,400}(?<!/)")  # no part is empty or begins with a dot
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class BadEntry(ValueError):
    """A text that is neither a checkpoint nor a change of key. The message never quotes it."""


def key_name(proxy_id: str) -> str:
    """The name under which a proxy's checkpoints are signed."""
    return f"weir/{proxy_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What checkpoints and changes of key have in common. ``ts``: µs since the epoch by the signer's clock."""

    proxy_id: str
    number: int  # from 1, without a gap
    ts: int
    previous: str = GENESIS  # hex SHA-256 of the text of number - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Entry):
    """The tree over the first ``size`` rows of a boot. ``head`` is the row hash of the last of them."""

    boot_id: str
    size: int
    root: bytes
    head: str = GENESIS
    reason: str = "rows"

    @property
    def chain(self) -> str:
        """The name of the chain of rows it speaks of."""
        return f"{self.proxy_id}-{self.boot_id}"

    @property
    def text(self) -> str:
        """What is signed: three lines that every tool for such logs reads, then weir's own."""
        return (
            f"{key_name(self.proxy_id)}/{self.boot_id}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"
            f"number {self.number}\ntime {_moment(self.ts)}\nprevious {self.previous}\n"
            f"row {self.head}\nreason {self.reason}\n"
        )

    @property
    def digest(self) -> str:
        """What the next entry names as its ``previous``: the text alone, so that cosignatures change nothing."""
        return _digest(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation(Entry):
    """From here on ``new`` signs and ``old`` no longer does. Both sign this."""

    old: VerifierKey
    new: VerifierKey

    @property
    def text(self) -> str:
        """What is signed. Its second line is no number, so it can't be taken for a checkpoint."""
        return (
            f"{key_name(self.proxy_id)}\nkey rotation\nnumber {self.number}\ntime {_moment(self.ts)}\n"
            f"previous {self.previous}\nold {self.old.text}\nnew {self.new.text}\n"
        )

    @property
    def digest(self) -> str:
        """What the next entry names as its ``previous``: the text alone, so that cosignatures change nothing."""
        return _digest(self.text)


@dataclass(frozen=True, slots=True)
class Sum:
    """A file's bytes: how many, and their SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Files(Entry):
    """Files that were taken away on purpose, and files that will not change any more; by name below the data directory.

    What is in ``sealed`` is there from then on, until a later entry has it in ``removed`` (with the same sum).
    """

    removed: tuple[tuple[str, Sum], ...] = ()
    sealed: tuple[tuple[str, Sum], ...] = ()

    @property
    def text(self) -> str:
        """What is signed. Its second line is no number, so it can't be taken for a checkpoint."""
        lines = [
            f"{word} {item.size} {item.sha256} {name}\n"
            for word, items in (("removed", self.removed), ("sealed", self.sealed))
            for name, item in items
        ]
        return (
            f"{key_name(self.proxy_id)}\nfiles\nnumber {self.number}\ntime {_moment(self.ts)}\n"
            f"previous {self.previous}\n{''.join(lines)}"
        )

    @property
    def digest(self) -> str:
        """What the next entry names as its ``previous``: the text alone, so that cosignatures change nothing."""
        return _digest(self.text)


AnyEntry = Checkpoint | Rotation | Files


def is_file_name(name: str) -> bool:
    """Whether a name can stand in an entry of files."""
    return _FILE.fullmatch(name) is not None


def parse_entry(text: str) -> AnyEntry:
    """Read any of them. Raises BadEntry, also for a text that would be written in any other way."""
    lines = text.split("\n")
    kinds: dict[str, Callable[[list[str]], AnyEntry]] = {"key rotation": _rotation, "files": _files}
    try:
        made = kinds.get(lines[1], _checkpoint)(lines)
    except (IndexError, KeyError, binascii.Error, BadKey, ValueError):
        raise BadEntry("it is no checkpoint of weir, no change of key and no list of files") from None
    if made.text != text:
        raise BadEntry("it is not written as weir writes it")
    return made


def _checkpoint(lines: list[str]) -> Checkpoint:
    prefix, proxy_id, boot_id = lines[0].split("/")
    root = base64.b64decode(lines[2], validate=True)
    reason = _after(lines[7], "reason", REASONS.__contains__)
    if prefix != "weir" or len(root) != HASH_BYTES or not _NUMBER.fullmatch(lines[1]):
        raise BadEntry
    return Checkpoint(
        proxy_id=_matching(proxy_id, _NAME),
        boot_id=_matching(boot_id, _NAME),
        size=int(lines[1]),
        root=root,
        number=int(_after(lines[3], "number", _NUMBER.fullmatch)),
        ts=_micros(_after(lines[4], "time", _TIME.fullmatch)),
        previous=_after(lines[5], "previous", _HASH.fullmatch),
        head=_after(lines[6], "row", _HASH.fullmatch),
        reason=reason,
    )


def _rotation(lines: list[str]) -> Rotation:
    prefix, proxy_id = lines[0].split("/")
    if prefix != "weir":
        raise BadEntry
    return Rotation(
        proxy_id=_matching(proxy_id, _NAME),
        number=int(_after(lines[2], "number", _NUMBER.fullmatch)),
        ts=_micros(_after(lines[3], "time", _TIME.fullmatch)),
        previous=_after(lines[4], "previous", _HASH.fullmatch),
        old=VerifierKey.parse(_after(lines[5], "old", bool)),
        new=VerifierKey.parse(_after(lines[6], "new", bool)),
    )


def _files(lines: list[str]) -> Files:
    prefix, proxy_id = lines[0].split("/")
    if prefix != "weir" or not 1 <= len(lines) - 6 <= FILES_MAX or lines[-1]:
        raise BadEntry
    found: dict[str, list[tuple[str, Sum]]] = {"removed": [], "sealed": []}
    for line in lines[5:-1]:
        word, size, sha256, name = line.split(" ")
        if not _NUMBER.fullmatch(size):
            raise BadEntry
        found[word].append((_matching(name, _FILE), Sum(int(size), _matching(sha256, _HASH))))
    return Files(
        proxy_id=_matching(proxy_id, _NAME),
        number=int(_after(lines[2], "number", _NUMBER.fullmatch)),
        ts=_micros(_after(lines[3], "time", _TIME.fullmatch)),
        previous=_after(lines[4], "previous", _HASH.fullmatch),
        removed=tuple(found["removed"]),
        sealed=tuple(found["sealed"]),
    )


def _after(line: str, word: str, fits: Callable[[str], object]) -> str:
    """The rest of a line that begins with ``word``."""
    found, _, rest = line.partition(" ")
    if found != word or not fits(rest):
        raise BadEntry
    return rest


def _matching(text: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(text):
        raise BadEntry
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _moment(ts: int) -> str:
    return (_EPOCH + timedelta(microseconds=ts)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _micros(text: str) -> int:
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return (at - _EPOCH) // timedelta(microseconds=1)
