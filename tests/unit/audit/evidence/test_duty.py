from __future__ import annotations

from pathlib import Path

import pytest

from harness.sealedaudit import SealedAudit
from weir.audit.evidence.covered import covered, log_of
from weir.audit.evidence.duty import Checkpoints
from weir.audit.evidence.state import State
from weir.audit.ingester.duty import Desk
from weir.datadir import DataDirError
from weir.sections_audit import Audit
from weir.sections_audit import Checkpoints as Often


@pytest.fixture
def place(tmp_path: Path) -> SealedAudit:
    return SealedAudit(tmp_path)


def test_the_key_is_made_at_first_use_and_rows_are_signed_as_the_policy_says(place: SealedAudit) -> None:
    place.boot("0001", 30)
    duty = Checkpoints()
    assert duty.run(Desk(place.data.path, Audit(checkpoints=Often(rows=7))), last=False) == []
    assert (place.data.keys / "checkpoint.key").stat().st_mode & 0o777 == 0o600
    assert (place.data.keys / "checkpoint.pub").exists()
    assert log_of(place.data.path).read_bytes().count(b"\n") == 5
    assert covered(place.data.path) == {f"{place.data.proxy_id}-0001": 30}


def test_what_it_finds_is_told_once_and_stays_where_doctor_looks(place: SealedAudit) -> None:
    place.boot("0001", 30)
    (path,) = place.data.spool.iterdir()
    path.write_bytes(path.read_bytes().replace(b"user-3", b"user-x", 1))
    duty = Checkpoints()
    (told,) = duty.run(place.desk, last=False)
    assert told == f"{path.name}:4: edited: seq 4: the row's text does not fit its hash"
    assert duty.run(place.desk, last=False) == []
    assert State(place.data.audit / "witness.json").found == [told]


def test_a_key_that_others_can_read_stops_it_until_that_is_mended(place: SealedAudit) -> None:
    place.boot("0001", 3)
    duty = Checkpoints()
    duty.run(place.desk, last=False)
    place.boot("0002", 3)
    key = place.data.keys / "checkpoint.key"
    key.chmod(0o644)
    with pytest.raises(DataDirError, match="chmod 600"):
        duty.run(place.desk, last=False)
    key.chmod(0o600)
    assert duty.run(place.desk, last=False) == []
    assert len(covered(place.data.path)) == 2


def test_files_are_looked_at_now_and_then_and_at_the_end(sealed: SealedAudit) -> None:
    log = log_of(sealed.data.path).read_text()
    assert log.count("sealed ") >= 5 and "removed " in log, "the store wrote its day anew in between"
