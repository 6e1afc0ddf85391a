"""Puts the token vocabularies into the cache directory: a set-up step, never part of a request.

Where a file came from doesn't matter: only the SHA-256 that tiktoken itself expects makes it acceptable.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from weir.usage.encodings import Vocabulary, load_encodings

__all__ = ["Result", "fetch"]

_VENDOR_ANSWERS_S = 4.0  # for all vocabularies together, until the first reply's head is there
_VENDOR_FINISHES_S = 60.0
_PACKAGE_S = 300.0
_LARGEST = 16 * 1024 * 1024  # bytes; the largest vocabulary has 3.6 MB

# Registry packages that carry the files unchanged, and the command that downloads (never installs) each.
_PACKAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "PyPI package litellm",
        (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--no-input", "litellm"),
    ),
    ("npm package gpt-tokenizer", ("npm", "pack", "--ignore-scripts", "--silent", "gpt-tokenizer")),
)

Progress = Callable[[str], None]
Vendor = Callable[[Sequence[Vocabulary]], dict[str, bytes]]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one vocabulary. ``source`` is ``cache``, ``vendor`` or a package's name; empty if not ``ok``."""

    name: str
    ok: bool
    source: str
    message: str


def fetch(cache_dir: Path, progress: Progress = lambda _line: None) -> list[Result]:
    """Make sure that every vocabulary is in ``cache_dir``; one Result each, in the table's order.

    Tries the vendor, then registry packages. Does nothing when all are there. Raises OSError when ``cache_dir`` can't
    be written; anything else that goes wrong is in the results. ``progress`` gets lines for people.
    """
    vocabularies = list(load_encodings().vocabularies.values())
    results = {v.name: _done(v, "cache") for v in vocabularies if v.read(cache_dir) is not None}
    cache_dir.mkdir(parents=True, exist_ok=True)
    reasons: list[str] = []
    for source, attempt in _attempts():
        missing = [v for v in vocabularies if v.name not in results]
        if not missing:
            break
        progress(f"{source}: looking for {', '.join(v.name for v in missing)}")
        try:
            found = attempt(missing)
        except _Unavailable as reason:
            progress(f"{source}: {reason}")
            reasons.append(f"{source}: {reason}")
            continue
        for vocabulary in missing:
            if vocabulary.name in found:
                _store(cache_dir / vocabulary.file_name, found[vocabulary.name])
                results[vocabulary.name] = _done(vocabulary, source)
                progress(f"{source}: {vocabulary.name} has the expected SHA-256, stored")
        if len(found) < len(missing):
            reasons.append(f"{source}: not all files with the expected SHA-256")
    why = "; ".join(reasons)
    return [results.get(v.name) or Result(v.name, False, "", f"{v.name} not available ({why})") for v in vocabularies]


class _Unavailable(Exception):
    """A source can't be used; the message says why in a few words."""


def _done(vocabulary: Vocabulary, source: str) -> Result:
    return Result(vocabulary.name, True, source, f"{vocabulary.name} ready ({source})")


def _attempts() -> Iterator[tuple[str, Vendor]]:
    yield "vendor", _from_vendor
    for title, command in _PACKAGES:
        yield title, lambda missing, command=command: _from_package(command, missing)  # type: ignore[misc]


def _from_vendor(missing: Sequence[Vocabulary]) -> dict[str, bytes]:
    """Download from the vendor's store. Gives up in seconds unless an answer has begun to come."""
    found: dict[str, bytes] = {}
    answered, finished = threading.Event(), threading.Event()

    def work() -> None:
        # Every failure means the same here, and urllib's are many: nothing was found, the next source is tried.
        with suppress(OSError, ValueError, http.client.HTTPException):
            for vocabulary in missing:
                with urllib.request.urlopen(vocabulary.url, timeout=_VENDOR_ANSWERS_S) as reply:
                    answered.set()
                    data = reply.read(_LARGEST)
                if vocabulary.accepts(data):
                    found[vocabulary.name] = data
        finished.set()
        answered.set()

    # A thread, because a name lookup can hang for longer than any timeout that urllib knows.
    threading.Thread(target=work, name="weir-tokenizers-vendor", daemon=True).start()
    if not answered.wait(_VENDOR_ANSWERS_S):
        raise _Unavailable(f"no answer within {_VENDOR_ANSWERS_S:.0f} s")
    finished.wait(_VENDOR_FINISHES_S)
    if not found:
        raise _Unavailable("out of reach")
    return dict(found)


def _from_package(command: Sequence[str], missing: Sequence[Vocabulary]) -> dict[str, bytes]:
    """Download a package into a temporary directory and take from its archive what has the right hash."""
    with tempfile.TemporaryDirectory(prefix="weir-tokenizers-") as directory:
        try:
            subprocess.run(
                command,
                cwd=directory,
                check=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PACKAGE_S,
            )
        except FileNotFoundError:
            raise _Unavailable(f"{command[0]} is not installed") from None
        except subprocess.TimeoutExpired:
            raise _Unavailable(f"download took more than {_PACKAGE_S:.0f} s") from None
        except subprocess.CalledProcessError as error:
            # The tools' own output may quote registry addresses with credentials in them: only the code is told.
            raise _Unavailable(f"download failed, exit code {error.returncode}") from None
        found: dict[str, bytes] = {}
        for archive in sorted(Path(directory).iterdir()):
            for data in _candidates(archive):
                found.update({v.name: data for v in missing if v.accepts(data)})
        return found


def _candidates(archive: Path) -> Iterator[bytes]:
    """Members of a wheel or tarball that could be a vocabulary by their name; read in memory, nothing is unpacked."""
    names = {v.file_name for v in load_encodings().vocabularies.values()}

    def eligible(name: str, size: int) -> bool:
        return size <= _LARGEST and (name.endswith(".tiktoken") or name.rpartition("/")[2] in names)

    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel:
                for info in wheel.infolist():
                    if eligible(info.filename, info.file_size):
                        yield wheel.read(info)
        else:
            with tarfile.open(archive) as tarball:
                for member in tarball:
                    if member.isfile() and eligible(member.name, member.size):
                        stream = tarball.extractfile(member)
                        if stream is not None:
                            yield stream.read()
    except (zipfile.BadZipFile, tarfile.TarError):
        raise _Unavailable(f"{archive.name} is not a readable archive") from None


def _store(path: Path, data: bytes) -> None:
    """Write so that a reader sees the whole file or none."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            temporary.chmod(0o644)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
