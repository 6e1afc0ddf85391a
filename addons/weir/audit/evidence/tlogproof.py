"""A proof that one row is in the audit, as a text that needs no store to be checked (C2SP tlog-proof).

Its extra data is the row's line of the spool: whoever checks hashes the line, climbs to the root and checks who signed
the root. A line holds what the row says, never a prompt or a reply.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from weir.audit.evidence.entries import BadEntry, Checkpoint, parse_entry
from weir.audit.evidence.leaves import from_lines
from weir.audit.evidence.merkle import HASH_BYTES, leaf_hash
from weir.audit.evidence.note import BadNote, VerifierKey, parse_note, verified
from weir.audit.evidence.proofs import inclusion_proof, verify_inclusion
from weir.audit.spool.lines import BadLine, read_line

__all__ = ["BadProof", "Proof", "Shown", "parse_proof", "prove", "show"]

_HEAD = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")


class BadProof(ValueError):
    """A text that is no proof, or proves nothing. The message says why and never quotes a row."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A row's line, its place in the tree (from 0), the hashes up to the root, and the note that signed the root."""

    line: bytes
    index: int
    hashes: tuple[bytes, ...]
    note: bytes

    @property
    def text(self) -> str:
        """The proof as a file holds it (``.tlog-proof``)."""
        hashes = "".join(f"{base64.b64encode(item).decode()}\n" for item in self.hashes)
        extra = base64.b64encode(self.line).decode()
        return f"{_HEAD}\nextra {extra}\nindex {self.index}\n{hashes}\n{self.note.decode()}"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a proof that holds has shown: this row was there when this checkpoint was signed by this key."""

    row: dict[str, Any]
    checkpoint: Checkpoint
    key: VerifierKey


def prove(line: bytes, seq: int, row_hashes: Iterable[str], note: bytes) -> Proof:
    """The proof for the row ``seq`` under a checkpoint's ``note``.

    ``line`` is the row's line; ``row_hashes`` those of its chain from the first row on, at least as many as the
    checkpoint covers. Raises BadProof when the checkpoint does not cover the row, or the rows are fewer.
    """
    entry = _checkpoint(note)
    leaves = (leaf_hash(bytes.fromhex(item)) for item in row_hashes)
    try:
        hashes = inclusion_proof(leaves, seq - 1, entry.size)
    except ValueError as problem:
        raise BadProof(str(problem)) from None
    return Proof(line, seq - 1, tuple(hashes), note)


def parse_proof(text: str) -> Proof:
    """Read a proof. Raises BadProof; a text that would be written in any other way is refused."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    index = _INDEX.fullmatch(lines[2]) if len(lines) > 2 else None
    if lines[0] != _HEAD or index is None or not lines[1].startswith("extra "):
        raise BadProof("it is no proof of weir's")
    try:
        line = base64.b64decode(lines[1].removeprefix("extra "), validate=True)
        hashes = tuple(base64.b64decode(item, validate=True) for item in lines[3:])
        made = Proof(line, int(index[1]), hashes, note.encode())
    except (binascii.Error, ValueError):
        raise BadProof("a hash in it is no base64") from None
    if made.text != text or any(len(item) != HASH_BYTES for item in hashes):
        raise BadProof("it is not written as a proof is")
    return made


def show(proof: Proof, keys: Iterable[VerifierKey]) -> Shown:
    """What the proof shows to somebody who believes ``keys``. Raises BadProof when it does not hold."""
    entry = _checkpoint(proof.note)
    try:
        signed = verified(parse_note(proof.note), keys)
    except BadNote as problem:
        raise BadProof(f"its checkpoint can't be believed: {problem}") from None
    if not signed:
        ids = " and ".join(one.key_id.hex() for one in parse_note(proof.note).signatures)
        raise BadProof(f"no key that is believed has signed its checkpoint; key id {ids} has")
    found = list(from_lines(entry.chain, "proof", [proof.line]))
    if len(found) != 1 or found[0].problem or not found[0].fits:
        raise BadProof("the row in it does not fit its hash")
    leaf = found[0]
    if not leaf.ours or leaf.seq != proof.index + 1:
        raise BadProof("the row in it is another than the one it claims to be about")
    hashed = leaf_hash(bytes.fromhex(leaf.row_hash))
    if not verify_inclusion(hashed, proof.index, entry.size, proof.hashes, entry.root):
        raise BadProof("the row is not in the tree that was signed")
    try:
        return Shown(read_line(proof.line), entry, signed[0])
    except BadLine as problem:
        raise BadProof(f"the row in it is broken: {problem}") from None


def _checkpoint(note: bytes) -> Checkpoint:
    try:
        entry = parse_entry(parse_note(note).text)
    except (BadNote, BadEntry) as problem:
        raise BadProof(f"its checkpoint: {problem}") from None
    if not isinstance(entry, Checkpoint):
        raise BadProof("what it was signed under is no checkpoint")
    return entry
