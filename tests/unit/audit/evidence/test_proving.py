from __future__ import annotations

from pathlib import Path

import pytest

from harness.sealedaudit import SealedAudit
from weir.audit.evidence.keys import first_key
from weir.audit.evidence.merkle import Frontier, leaf_hash
from weir.audit.evidence.proving import Unprovable, proof_of
from weir.audit.evidence.tlogproof import parse_proof, show
from weir.audit.record import new_event_id
from weir.audit.spool.lines import read_line, unseal
from weir.audit.spool.opened import open_segment, segments, stored
from weir.audit.spool.retired import Retired, save


def lines(data: Path, boot: str = "0001") -> list[bytes]:
    (chain,) = (name for name in segments(data / "spool") if name.endswith(boot))
    found = []
    for path in segments(data / "spool")[chain]:
        with open_segment(path) as file:
            found += list(file)
    return found


def shown(data: Path, event_id: str) -> tuple[int, int]:
    proof = parse_proof(proof_of(data, event_id).text)
    row = show(proof, [first_key(data / "keys")])
    assert row.row["event_id"] == event_id
    return row.row["seq"], row.checkpoint.size


def test_a_row_out_of_compressed_and_plain_segments(sealed: SealedAudit) -> None:
    data = sealed.data.path
    rows = [read_line(line)["event_id"] for line in lines(data)]
    assert shown(data, rows[0]) == (1, 20)
    assert shown(data, rows[20]) == (21, 40)
    assert shown(data, rows[59]) == (60, 60)


def test_without_a_store(data: Path) -> None:
    event_id = read_line(lines(data)[7])["event_id"]
    (data / "audit" / "audit.duckdb").unlink()
    assert shown(data, event_id) == (8, 20)


def test_a_row_that_retention_took_from_the_spool(data: Path) -> None:
    found = lines(data)
    (chain,) = (name for name in segments(data / "spool") if name.endswith("0001"))
    first, _ = segments(data / "spool")[chain]
    with open_segment(first) as file:
        gone = list(file)
    tree = Frontier()
    for line in gone:
        tree.append(leaf_hash(bytes.fromhex(unseal(line)[2])))
    save(data, {chain: Retired(len(gone), 1, unseal(gone[-1])[2], tree.hashes, 1)})
    stored(first).unlink()
    for at in (0, len(gone) - 1, len(gone), 59):
        assert shown(data, read_line(found[at])["event_id"])[0] == at + 1


def test_what_can_not_be_proved(sealed: SealedAudit, data: Path) -> None:
    with pytest.raises(Unprovable, match="no such event"):
        proof_of(data, new_event_id())
    with pytest.raises(ValueError):
        proof_of(data, "x")
    log = data / "audit" / "checkpoints.jsonl"
    event_id = read_line(lines(data)[40])["event_id"]
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(Unprovable, match="no checkpoint covers it"):
        proof_of(data, event_id)
