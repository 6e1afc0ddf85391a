"""The checkpoints and the public keys as files, with the steps to check them by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from weir.audit.evidence.covered import LOG, log_of
from weir.audit.evidence.entries import Rotation, parse_entry
from weir.audit.evidence.keys import PUBLIC, first_key
from weir.audit.evidence.logfile import notes_of
from weir.audit.evidence.note import VerifierKey, parse_note
from weir.datadir import DataDirError
from weir.reports.evidence.section import Section, Titled
from weir.reports.table import Table

__all__ = ["signatures"]

_STEPS = Path(__file__).with_name("steps.md")


def signatures(data_dir: Path, folder: Path) -> Section:
    """Copy the log of checkpoints and the public keys to ``folder``; what is there. Raises OSError."""
    folder.mkdir()
    shutil.copyfile(_STEPS, folder / "HOW-TO-VERIFY.md")
    log = log_of(data_dir)
    says = [
        "A checkpoint is a signed statement of how many rows there were at a moment, and the root of the hash tree "
        "over them. Rows that were signed cannot be changed without the signature failing.",
        "The key here comes from the same machine as the records. It proves something only if it is the key that was "
        "noted elsewhere before: compare checkpoint.pub with that.",
        "How to check without weir: checkpoints/HOW-TO-VERIFY.md. With it: weir audit evidence --check on this folder, "
        "and weir audit verify-proof for a single row.",
    ]
    notes: list[tuple[str, bytes]] = []
    if log.exists():
        shutil.copyfile(log, folder / LOG)
        notes = list(notes_of(folder / LOG, []))
    else:
        says.append(
            "There is no log of checkpoints: the rows are chained, and nothing signed says how many there were."
        )
    keys = _keys(data_dir, notes)
    if keys:
        (folder / PUBLIC).write_text(keys[0][1].text + "\n")
    for number, (_, key) in enumerate(keys, 1):
        (folder / f"key-{number}.pem").write_bytes(_pem(key))
    if notes:
        (folder / "last.note").write_bytes(notes[-1][1])
    rows = tuple((number, key.name, key.key_id.hex(), since) for number, (since, key) in enumerate(keys, 1))
    table = Table("Keys that sign", ("number", "name", "key_id", "signs_from_entry"), rows)
    return Section("checkpoints", "Checkpoints and keys", says, (Titled("keys", table, "There is no key."),))


def _keys(data_dir: Path, notes: list[tuple[str, bytes]]) -> list[tuple[int, VerifierKey]]:
    """The first key, and each that took over, with the number of the entry from which on it signs."""
    try:
        found = [(1, first_key(data_dir / "keys"))]
    except DataDirError:
        return []
    for _, data in notes:
        entry = parse_entry(parse_note(data).text)  # notes_of has left out what can't be read
        if isinstance(entry, Rotation):
            found.append((entry.number + 1, entry.new))
    return found


def _pem(key: VerifierKey) -> bytes:
    public = Ed25519PublicKey.from_public_bytes(key.public)
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
