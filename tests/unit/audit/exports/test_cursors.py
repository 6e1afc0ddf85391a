from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from unit.audit.exports.places import boot, ingest
from weir.audit.exports.cursors import STALE_DAYS, CursorError, ExportCursor, all_cursors, needed, place, sent
from weir.audit.record import now_us

DAY_US = 86_400_000_000


def cursor(data: Path, name: str, **taken: int) -> ExportCursor:
    made = ExportCursor.take(place(data, name), "there", "cef", 5)
    made.taken = taken
    made.save()
    return made


def test_it_is_where_it_was_and_closed_to_others(tmp_path: Path) -> None:
    made = cursor(tmp_path, "siem", a=7)
    assert made.path and stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    with pytest.raises(CursorError, match="another export is at work"):
        ExportCursor.take(made.path, "there", "cef", 0)
    made.close()
    again = ExportCursor.take(made.path, "there", "cef", 99)
    assert again.taken == {"a": 7} and again.since == 5  # where it began stays: a later --since would leave out rows
    again.close()
    with pytest.raises(CursorError, match="is the cursor of cef to there"):
        ExportCursor.take(made.path, "elsewhere", "cef", 0)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"to":"x","format":"cef","since":0,"used":0,"taken":{"a":"b"}}'])
def test_a_broken_one_is_no_new_beginning(tmp_path: Path, text: str) -> None:
    path = place(tmp_path, "siem")
    path.write_text(text)
    with pytest.raises(CursorError, match="delete it"):
        ExportCursor.take(path, "x", "cef", 0)
    assert [found for _, found in all_cursors(tmp_path)] == [None]


@pytest.mark.parametrize("name", ["", "../x y", ".hidden", "a b", "-x", "ü"])
def test_names_are_names(tmp_path: Path, name: str) -> None:
    if "/" in name:
        assert place(tmp_path, name) == Path(name)
        return
    with pytest.raises(CursorError, match="a name of letters"):
        place(tmp_path, name)


def test_none_is_kept_for_a_terminal() -> None:
    made = ExportCursor.take(None, "stdout", "cef", 0)
    made.save()
    made.close()
    assert made.path is None


def test_what_exports_still_need_of_the_spool(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 3)
    boot(tmp_path, "b2", 3)
    assert needed(tmp_path) == {}  # nobody exports: nothing is held back
    fast = cursor(tmp_path, "fast", **{"p1-b1": 3, "p1-b2": 3})
    assert needed(tmp_path) == {"p1-b1": 4, "p1-b2": 4}
    cursor(tmp_path, "slow", **{"p1-b1": 2})
    assert needed(tmp_path) == {"p1-b1": 3, "p1-b2": 1}
    later = now_us() + (STALE_DAYS + 1) * DAY_US
    assert needed(tmp_path, later) == {}  # nobody has come for them
    assert fast.path
    fast.path.write_text("torn")
    assert needed(tmp_path, later) == {"p1-b1": 1, "p1-b2": 1}  # who knows what that one has taken


def test_an_idle_export_says_so_now_and_then(tmp_path: Path) -> None:
    made = cursor(tmp_path, "siem")
    used = made.used
    made.beat()
    assert made.used == used
    made.used = 5
    made.beat()
    assert made.path and (ExportCursor.load(made.path) or made).used >= used


def test_retention_waits_for_exports_as_for_checkpoints(tmp_path: Path) -> None:
    from weir.audit.spool.retire import retire

    boot(tmp_path, "b1", 12, segment=2_000)
    ingest(tmp_path)
    paths = sorted((tmp_path / "spool").glob("*.jsonl"))
    for path in paths:
        os.utime(path, (0, 0))

    def signed(data: Path) -> Mapping[str, int]:
        return {"p1-b1": 12}

    def may_go() -> int:
        return retire(tmp_path, 1, sent(signed), lambda data, gone: None, dry_run=True).rows

    assert sent(signed)(tmp_path) == {"p1-b1": 12} and may_go() == 12  # nobody exports
    slow = cursor(tmp_path, "siem", **{"p1-b1": 7})
    assert sent(signed)(tmp_path) == {"p1-b1": 7} and 0 < may_go() <= 7
    slow.taken = {}
    slow.save()
    assert may_go() == 0
