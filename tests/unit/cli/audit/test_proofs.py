"""``weir audit prove``, ``verify-proof`` and ``rotate-key``, each as it is called."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.sealedaudit import SealedAudit
from weir.audit.spool.lines import read_line
from weir.audit.spool.opened import open_segment, segments


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> SealedAudit:
    made = SealedAudit(tmp_path_factory.mktemp("proofs"))
    made.boot("0001", 30)
    made.sign()
    return made


def event(audit: SealedAudit) -> str:
    path = next(iter(segments(audit.data.spool).values()))[0]
    with open_segment(path) as file:
        return str(read_line(file.readline())["event_id"])


def test_a_proof_is_checked_with_the_key_alone(weir, audit: SealedAudit, tmp_path: Path) -> None:
    event_id, proof = event(audit), tmp_path / "one.tlog-proof"
    done = weir("audit", "prove", event_id, "--data", audit.data.path, "--out", proof)
    assert (done.code, done.out) == (0, "")
    assert weir("audit", "prove", event_id, "--data", audit.data.path).out == proof.read_text()
    key = tmp_path / "checkpoint.pub"
    key.write_bytes((audit.data.keys / "checkpoint.pub").read_bytes())
    done = weir("audit", "verify-proof", proof, "--key", key)
    assert done.code == 0 and "row 1 of the 20 that checkpoint" in done.out and event_id in done.out
    assert re.search(r"^it is of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, boot ", done.out, re.MULTILINE)
    told = json.loads(weir("audit", "verify-proof", proof, "--key", key, "--format", "json").out)
    assert told["ok"] and told["record"]["event_id"] == event_id and told["checkpoint"]["size"] == 20
    proof.write_text(proof.read_text().replace("index 0", "index 1"))
    done = weir("audit", "verify-proof", proof, "--key", key)
    assert (done.code, done.out) == (1, "") and done.err.startswith("weir audit verify-proof: ")


def test_what_can_not_be_proved_or_checked(weir, audit: SealedAudit, tmp_path: Path) -> None:
    data = ("--data", audit.data.path)
    assert weir("audit", "prove", "x", *data).code == 2
    done = weir("audit", "prove", "00000000-0000-7000-8000-000000000000", *data)
    assert done.code == 1 and "there is no such event" in done.err
    assert weir("audit", "prove", event(audit), *data, "--out", tmp_path / "no" / "where").code == 1
    other = tmp_path / "other"
    other.write_text("nonsense")
    assert weir("audit", "verify-proof", other, "--key", other).code == 2
    public = audit.data.keys / "checkpoint.pub"
    assert weir("audit", "verify-proof", other, "--key", public).code == 1
    assert weir("audit", "verify-proof", tmp_path / "none", "--key", public).code == 2
    other.write_bytes(b"\xff")
    assert weir("audit", "verify-proof", other, "--key", public).code == 1


def told_with_it(weir, audit: SealedAudit, new_key: str) -> None:
    """After a change of keys ``prove`` names the key that its checkpoint needs; who has another one is told which."""
    proof, key = audit.root / "late.tlog-proof", audit.root / "new.pub"
    path = list(segments(audit.data.spool).values())[-1][0]
    with open_segment(path) as file:
        late = str(read_line(file.readline())["event_id"])
    made = weir("audit", "prove", f" {late}\r", "--data", audit.data.path, "--out", proof)
    assert made.code == 0 and made.err.endswith(f"{new_key}\n"), made.err
    old = weir("audit", "verify-proof", proof, "--key", audit.data.keys / "checkpoint.pub")
    assert old.code == 1 and f"key id {new_key.split('+')[1]} has" in old.err
    key.write_text(new_key)
    assert weir("audit", "verify-proof", proof, "--key", key).code == 0


def test_a_new_key_takes_over(weir, audit: SealedAudit) -> None:
    data = ("--data", audit.data.path)
    before = (audit.data.keys / "checkpoint.key").read_bytes()
    done = weir("audit", "rotate-key", *data)
    assert done.code == 0 and done.out.startswith(f"weir/{audit.data.proxy_id}+")
    assert (audit.data.keys / "checkpoint.key").read_bytes() != before
    audit.boot("0002", 5)
    assert audit.sign() == [], "the witness that was at work goes on under it"
    told = json.loads(weir("audit", "verify", *data, "--format", "json").out)
    assert (told["proved"], [item["chain"] for item in told["problems"]]) == (35, ["store"])
    told_with_it(weir, audit, done.out.strip())
    assert weir("audit", "rotate-key", "--data", audit.root / "nowhere").code == 1
    (audit.data.keys / "checkpoint.key").chmod(0o644)
    done = weir("audit", "rotate-key", *data)
    assert done.code == 1 and "chmod 600" in done.err
