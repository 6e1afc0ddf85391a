"""Making the proof for one event: where its row is, which checkpoint covers it, and the hashes between the two."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weir.audit.evidence.covered import begins, log_of
from weir.audit.evidence.entries import Checkpoint, parse_entry
from weir.audit.evidence.keys import first_key
from weir.audit.evidence.log import LogReport
from weir.audit.evidence.logfile import notes_of, read_log
from weir.audit.evidence.note import VerifierKey, parse_note, verified
from weir.audit.evidence.rebuilt import line_of
from weir.audit.evidence.tlogproof import BadProof, Proof, prove
from weir.audit.spool.lines import BadLine, read_line, unseal
from weir.audit.spool.opened import chain_name, open_segment, segments
from weir.audit.store import database as store

__all__ = ["Unprovable", "proof_of", "signer_of"]

_FIND = "SELECT proxy_id || '-' || boot_id, seq FROM events WHERE event_id = ?"
_HASHES = """
    SELECT seq, row_hash FROM (SELECT proxy_id, boot_id, seq, row_hash FROM events
        UNION ALL SELECT proxy_id, boot_id, seq, row_hash FROM husks)
    WHERE proxy_id || '-' || boot_id = ? AND seq <= ? ORDER BY seq"""


class Unprovable(Exception):
    """There is no proof for an event, and why."""


@dataclass(frozen=True, slots=True)
class _Row:
    chain: str
    seq: int
    line: bytes


def proof_of(data: Path, event_id: str) -> Proof:
    """The proof for an event under the first checkpoint that covers it.

    Reads the hashes of its chain up to there. Raises Unprovable, OSError, DataDirError, duckdb.Error, and ValueError
    for an id that is none.
    """
    wanted = str(uuid.UUID(event_id))
    row = _row(data, wanted)
    report = read_log(log_of(data), first_key(data / "keys"))
    entry = _covering(report, row)
    note = next(
        (note for _, note in notes_of(log_of(data), []) if parse_entry(parse_note(note).text).digest == entry.digest),
        None,
    )
    assert note is not None
    try:
        return prove(row.line, row.seq, _hashes(data, row.chain, entry.size), note)
    except BadProof as problem:
        raise Unprovable(f"{problem}: weir audit verify tells what is wrong") from None


def signer_of(data: Path, proof: Proof) -> VerifierKey:
    """The public key that signed a proof's checkpoint: after a change of keys not the first one. Raises as above."""
    return verified(parse_note(proof.note), read_log(log_of(data), first_key(data / "keys")).keys)[0]


def _covering(report: LogReport, row: _Row) -> Checkpoint:
    covering = [item for item in report.checkpoints.get(row.chain, []) if item.size >= row.seq]
    if not covering:
        raise Unprovable("no checkpoint covers it yet: weir signs new rows within a minute")
    return min(covering, key=lambda item: (item.size, item.number))


def _row(data: Path, event_id: str) -> _Row:
    """The row by the store's index of events, else by reading the spool."""
    place = None
    if store.path_of(data).exists():
        with store.connect(data) as connection:
            _, found = store.ask(connection, _FIND, [event_id])
        place = (str(found[0][0]), int(found[0][1])) if found else None
    needle = f'"event_id":"{event_id}"'.encode()
    for chain, paths in segments(data / "spool").items():
        if place is not None and chain != place[0]:
            continue
        for path in paths:
            with open_segment(path) as file:
                for line in file:
                    if needle in line and line.endswith(b"\n") and _is(line, event_id):
                        return _Row(chain_name(path), int(read_line(line)["seq"]), line)
    if place is not None:  # retention took it out of the spool; the store has every column
        with store.connect(data) as connection:
            line = line_of(connection, event_id)
        if line:
            return _Row(place[0], place[1], line)
        raise Unprovable("its line is gone from the spool, and the store's row does not fit its hash")
    raise Unprovable(
        "there is no such event, in the spool or in the store; an exchange's id is none, the view events has its events"
    )


def _is(line: bytes, event_id: str) -> bool:
    try:
        return read_line(line).get("event_id") == event_id
    except BadLine:
        return False


def _hashes(data: Path, chain: str, size: int) -> Iterator[str]:
    """The row hashes of a chain from its first row on: retired ones from the store, the others from the spool."""
    kept = begins(data).get(chain)
    due = 1
    if kept is not None and kept.tree.size:
        with store.connect(data) as connection:
            answer = connection.execute(_HASHES, [chain, min(kept.tree.size, size)])
            while rows := answer.fetchmany(10_000):
                for seq, row_hash in rows:
                    if seq != due:
                        raise Unprovable(f"row {due} of its chain is gone from spool and store")
                    yield str(row_hash)
                    due += 1
    for path in segments(data / "spool").get(chain, []):
        with open_segment(path) as file:
            for line in file:
                if due > size:
                    return
                try:
                    row_hash, seq = unseal(line)[2], read_line(line).get("seq")
                except BadLine:
                    raise Unprovable(f"a line of {path.name} is broken: weir audit verify tells more") from None
                if seq == due:  # earlier ones are left of a retention that was interrupted
                    yield row_hash
                    due += 1
