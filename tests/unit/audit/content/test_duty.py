"""Once an hour: keys of texts whose time is over are gone, and a record says so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from weir.audit.content import duty
from weir.audit.content.duty import ContentRetention
from weir.audit.content.reader import Unreadable
from weir.audit.ingester.duty import Desk
from weir.audit.record import now_us
from weir.audit.spool.chain import replay
from weir.datadir import DataDirError
from weir.sections_audit import Audit

DAY_US = 86_400_000_000


def test_what_is_over_goes_with_a_record(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = shelf.keep()
    assert shelf.writers[-1].close(5)
    removed: list[Path] = []

    def removing(data: Path, paths: Iterable[Path]) -> None:
        removed.extend(paths)
        assert all(path.exists() for path in paths)  # told before

    work, desk = ContentRetention(removing), Desk(shelf.root, Audit())
    assert work.run(desk, last=False) == [] and work.run(desk, last=True) == []
    monkeypatch.setattr(duty, "now_us", lambda: now_us() + 400 * DAY_US)
    assert work.run(desk, last=False) == ["1 keys of texts were over and are destroyed, 1 files of texts removed"]
    assert [path.parent.name for path in removed] == ["content"]
    (row,) = replay(shelf.root / "spool")
    told = orjson.loads(row["extra"])
    assert (row["kind"], told["of"], told["keys"], told["files"]) == ("retention", "content", 1, 1)
    with pytest.raises(Unreadable):
        shelf.reader.read(sealed.event_id)
    assert work.run(desk, last=False) == []


def test_where_nothing_was_kept(tmp_path: Path) -> None:
    assert ContentRetention(lambda *_: None).run(Desk(tmp_path, Audit()), last=False) == []
    assert not (tmp_path / "content").exists()


def test_a_damaged_key_file_is_told(shelf: Any) -> None:
    shelf.keep()
    shelf.writers[-1].close(5)
    (shelf.directory / "keys").write_bytes(b"x" * 512)
    with pytest.raises(DataDirError, match="damaged"):
        ContentRetention(lambda *_: None).run(Desk(shelf.root, Audit()), last=False)
