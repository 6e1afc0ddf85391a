"""The data directory: whom it belongs to, who may read it, the CA, the vocabularies."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from weir.cli.checkup import Result, fail, ok, warn

__all__ = ["authority", "directory", "tokenizers"]

CA_SOON_DAYS = 30
_FOLDERS = ("ca", "keys", "secrets", "spool", "audit", "run", "tokenizers")
_PRIVATE = ("ca/*.key", "keys/*.json", "secrets/*", "spool/*.jsonl*", "proxy-id")


def directory(data: Path) -> list[Result]:
    """Owner and modes; one result for each thing that is wrong, or one that says all is well."""
    if not data.exists():
        return [warn("data", f"{data} is not there yet", "weir run makes it; if it should be there, check --data")]
    if not data.is_dir():
        return [fail("data", f"{data} is not a directory", "name weir's data directory with --data")]
    wrong = [*_owner(data), *_modes(data)]
    return wrong or [ok("data", f"{data}: owner and modes are right")]


def _owner(data: Path) -> Iterator[Result]:
    owner = data.stat().st_uid
    if owner != os.geteuid():
        yield fail("data", f"{data} belongs to user id {owner}", "run weir as that user, or chown -R the directory")


def _modes(data: Path) -> Iterator[Result]:
    for path in (data, *(data / name for name in _FOLDERS)):
        if path.is_dir() and path.stat().st_mode & 0o022:
            yield fail("data", f"other users may write to {path}", f"chmod go-w {path}")
    for pattern in _PRIVATE:
        for path in sorted(data.glob(pattern)):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                yield fail("data", f"{path} is open to other users (mode {mode:04o})", f"chmod 600 {path}")


def authority(data: Path) -> Result:
    """Whether the CA can sign, and for how long."""
    from weir.datadir import DataDirError
    from weir.tls.ca import CaError, ensure_ca

    folder = data / "ca"
    keys = sorted(folder.glob("*-ca.key"))
    if not keys:
        return warn("ca", "there is none yet", "weir run or weir ca show makes one")
    name = keys[0].name.removesuffix("-ca.key")
    if not all((folder / f"{name}-ca.{ending}").exists() for ending in ("pem", "cer")):
        return warn("ca", f"the public copies beside {keys[0]} are gone", "weir ca show makes them again")
    try:
        files = ensure_ca(folder, name)
    except (CaError, DataDirError) as error:
        return fail("ca", str(error), "put back a good key file, or remove it and enrol a new CA: certs/README.md")
    left = (files.expires - datetime.now(UTC)).days
    if left < CA_SOON_DAYS:
        return warn("ca", f"expires in {left} days", "make a new one and enrol it now: certs/README.md, Rotate")
    return ok("ca", f"good for {left} days")


def tokenizers(data: Path) -> Result:
    """Whether every vocabulary is there, by its SHA-256."""
    from weir.places import shared_tokenizers
    from weir.usage.encodings import load_encodings

    folders = (data / "tokenizers", shared_tokenizers())
    vocabularies = load_encodings().vocabularies.values()
    missing = [v.name for v in vocabularies if all(v.read(folder) is None for folder in folders)]
    if missing:
        why = f"{', '.join(missing)} missing or not what it should be: those token counts are estimates"
        return warn("tokenizers", why, "weir tokenizers fetch")
    return ok("tokenizers", f"{len(vocabularies)} vocabularies, SHA-256 as expected")
