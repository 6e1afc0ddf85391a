"""Whether a folder is still the one that was made: its files, who signed for them, and whether its rows were signed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from weir.audit.evidence.covered import LOG
from weir.audit.evidence.keys import PUBLIC
from weir.audit.evidence.log import LogReport
from weir.audit.evidence.logfile import read_log
from weir.audit.evidence.note import BadKey, VerifierKey
from weir.reports.evidence.chain import check_chain
from weir.reports.evidence.manifest import NOTE, Statement, Wrong, check_files, read_statement

__all__ = ["Result", "check"]


@dataclass(slots=True)
class Result:
    """``wrong``: one line each. ``said``: what was checked, and what it does not show."""

    wrong: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    statement: Statement | None = None
    signed: int = 0
    unsigned: int = 0


def check(folder: Path, key: VerifierKey | None = None) -> Result:
    """Check a folder offline. ``key``: the public key as it was noted elsewhere; without it, the folder's own is taken,
    which proves only that nobody without that key changed the folder. Raises OSError."""
    made = Result()
    trusted = key or _own(folder, made)
    log = _log(folder, trusted, made)
    if trusted is None:
        made.said.append("There is no key in the folder and none was given: signatures were not checked.")
    elif (folder / NOTE).exists() or key is not None:
        keys = [trusted, *([log.key] if log is not None and log.key is not None else [])]
        try:
            made.statement, _ = read_statement(folder, list(dict.fromkeys(keys)))
        except Wrong as problem:
            made.wrong.append(str(problem))
    else:
        made.said.append("The folder is not signed: whoever changed a file could change the manifest too.")
    made.wrong += check_files(folder, made.statement)
    if log is not None:
        _rows(folder, log, made)
    return made


def _own(folder: Path, made: Result) -> VerifierKey | None:
    path = folder / "checkpoints" / PUBLIC
    if not path.is_file():
        return None
    try:
        key = VerifierKey.parse(path.read_text("utf-8").strip())
    except (BadKey, UnicodeDecodeError):
        made.wrong.append(f"checkpoints/{PUBLIC} holds no key")
        return None
    made.said.append("The key was taken from the folder itself: give --key with the one noted elsewhere.")
    return key


def _log(folder: Path, key: VerifierKey | None, made: Result) -> LogReport | None:
    path = folder / "checkpoints" / LOG
    if key is None or not path.is_file():
        made.said.append("Rows were not held against checkpoints: the folder has none, or no key to believe them.")
        return None
    report = read_log(path, key)
    made.wrong += [f"checkpoints: {found}" for found in report.found]
    return report


def _rows(folder: Path, log: LogReport, made: Result) -> None:
    try:
        found = check_chain(folder / "records", log)
    except FileNotFoundError as error:
        made.wrong.append(f"records: {Path(error.filename).name} is not there")
        return
    except duckdb.Error:
        made.wrong.append("records: the Parquet files can't be read")
        return
    made.wrong += [f"records: {text}" for text in found.wrong]
    made.signed, made.unsigned = found.signed, found.unsigned
