from __future__ import annotations

from pathlib import Path

from harness.sealedaudit import SealedAudit
from weir.audit.evidence.covered import begins, covered, log_of
from weir.audit.spool.retired import Retired, save


def test_up_to_where_rows_are_signed(sealed: SealedAudit, tmp_path: Path) -> None:
    proxy = sealed.data.proxy_id
    assert covered(sealed.data.path) == {f"{proxy}-0001": 60, f"{proxy}-0002": 15}
    assert covered(tmp_path) == {}


def test_a_checkpoint_that_is_forged_covers_nothing(sealed: SealedAudit, data: Path) -> None:
    log = log_of(data)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:-2], lines[-2].replace(b'"size":15', b'"size":16'), lines[-1]]))
    assert covered(data) == {f"{sealed.data.proxy_id}-0001": 60}


def test_what_is_kept_of_rows_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "audit").mkdir()
    assert begins(tmp_path) == {}
    save(tmp_path, {"p-b": Retired(2, 1, "ab" * 32, (b"x" * 32,), 5)})
    (begin,) = begins(tmp_path).values()
    assert (begin.tree.size, begin.tree.hashes, begin.head) == (2, (b"x" * 32,), "ab" * 32)
