"""Once an hour: keys of texts whose time is over are gone, and a record says so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from weir.audit.content import duty
from weir.audit.content.duty import ContentRetention
from weir.audit.content.reader import Opened, Unreadable
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
    rows = list(replay(shelf.root / "spool"))
    told = [orjson.loads(row["extra"]) for row in rows]
    assert {row["kind"] for row in rows} == {"retention"} and {one["of"] for one in told} == {"content"}
    assert [(one["keys"], one["files"]) for one in told] == [(1, 0), (0, 1)] and told[1]["bytes"] > 0
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


def test_no_key_goes_whose_end_could_not_be_recorded(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = shelf.keep()
    assert shelf.writers[-1].close(5)
    work, desk = ContentRetention(lambda *_: None), Desk(shelf.root, Audit())
    monkeypatch.setattr(duty, "now_us", lambda: now_us() + 400 * DAY_US)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(duty, "tell_retention", full)
        work.run(desk, last=False)
    assert isinstance(next(shelf.reader.read_each({sealed.event_id: ""})), Opened)

    def dies(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="Input/output"):
        patch.setattr(duty, "prune", dies)
        work.run(desk, last=False)
    (row,) = replay(shelf.root / "spool")
    assert orjson.loads(row["extra"])["keys"] == 1, "told, though a crash came first"
    assert work.run(desk, last=False) != []
