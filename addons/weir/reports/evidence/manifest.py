"""The manifest: the SHA-256 of every file of a folder and who vouches for it; whether a folder is still that one."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from weir.audit.evidence.note import BadNote, SigningKey, VerifierKey, parse_note, sign_note, verified

__all__ = ["MANIFEST", "NOTE", "Statement", "Wrong", "check_files", "read_statement", "sums", "write_manifest"]

MANIFEST, NOTE = "MANIFEST.sha256", "MANIFEST.note"
_TITLE = "weir evidence folder"  # its second line is no number and no word of a checkpoint: it can't be taken for one
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._/-]{0,250})")
_LINES_MAX = 100_000


class Wrong(ValueError):
    """A folder or a statement that is not what it should be. The message names files, never what is in them."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a folder's note says about it."""

    proxy_id: str
    made: str
    since: str
    until: str
    files: int
    manifest: str  # hex SHA-256 of the manifest

    @property
    def text(self) -> str:
        """What is signed."""
        return (
            f"{_TITLE}\nproxy {self.proxy_id}\nmade {self.made}\nsince {self.since}\nuntil {self.until}\n"
            f"files {self.files}\nmanifest {self.manifest}\n"
        )


def sums(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder by its path, in order. Raises Wrong for what is no plain file."""
    found = {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in (MANIFEST, NOTE):
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return dict(sorted(found.items()))


def write_manifest(
    folder: Path, proxy_id: str, since: datetime, until: datetime, made: datetime, key: SigningKey | None
) -> Statement:
    """Write the manifest of a finished folder, and its signed note where there is a key. Raises OSError, Wrong."""
    found = sums(folder)
    text = "".join(f"{digest}  {name}\n" for name, digest in found.items())
    if not all(_LINE.fullmatch(line) for line in text.splitlines()):
        raise Wrong("a file's name can't stand in the manifest")
    (folder / MANIFEST).write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    statement = Statement(proxy_id, _moment(made), _moment(since), _moment(until), len(found), digest)
    if key is not None:
        (folder / NOTE).write_bytes(sign_note(statement.text, key))
    return statement


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_statement(folder: Path, keys: list[VerifierKey]) -> tuple[Statement, VerifierKey]:
    """What the folder's note says, and which of ``keys`` signed it. Raises Wrong when none of them did, OSError."""
    try:
        note = parse_note((folder / NOTE).read_bytes())
        signed = verified(note, keys)
    except FileNotFoundError:
        raise Wrong(f"{NOTE} is not there: nobody vouches for this folder") from None
    except BadNote as problem:
        raise Wrong(f"{NOTE} can't be believed: {problem}") from None
    if not signed:
        raise Wrong(f"{NOTE} is not signed by the key that is believed")
    lines = note.text.split("\n")
    values = [line.partition(" ") for line in lines[1:-1]]
    words = ("proxy", "made", "since", "until", "files", "manifest")
    if lines[0] != _TITLE or tuple(word for word, _, _ in values) != words or not values[4][2].isdigit():
        raise Wrong(f"{NOTE} does not speak of a folder")
    proxy, made, since, until, files, digest = (value for _, _, value in values)
    return Statement(proxy, made, since, until, int(files), digest), signed[0]


def check_files(folder: Path, statement: Statement | None = None) -> Iterator[str]:
    """What differs between a folder and its manifest, and between the manifest and the statement. Raises OSError."""
    try:
        data = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        yield f"{MANIFEST} is not there"
        return
    if statement is not None and hashlib.sha256(data).hexdigest() != statement.manifest:
        yield f"{MANIFEST} is not the one that was signed"
    named: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        found = _LINE.fullmatch(line)
        if found is None or ".." in found[2].split("/") or number > _LINES_MAX:
            yield f"{MANIFEST}:{number}: the line is no sum of a file"
            continue
        named[found[2]] = found[1]
    try:
        there = sums(folder)
    except Wrong as problem:
        yield str(problem)
        return
    for name in sorted({*named, *there}):
        if name not in there:
            yield f"{name}: the file is gone"
        elif name not in named:
            yield f"{name!r}: the manifest does not name this file"
        elif named[name] != there[name]:
            yield f"{name}: the file was changed"


def _files(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*files, *folders]):
            path = Path(at) / name
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                yield path
            elif not stat.S_ISDIR(mode):
                raise Wrong(f"{path.relative_to(folder).as_posix()!r} is neither a file nor a folder")
