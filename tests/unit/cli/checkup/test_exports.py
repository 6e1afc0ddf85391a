from __future__ import annotations

from pathlib import Path

from unit.audit.exports.places import boot
from weir.audit.exports.cursors import STALE_DAYS, ExportCursor, place
from weir.audit.record import now_us
from weir.cli.checkup.exports import exports

DAY_US = 86_400_000_000


def cursor(data: Path, name: str, days: int = 0, **taken: int) -> ExportCursor:
    made = ExportCursor.take(place(data, name), "syslog a:6514", "cef", 0)
    made.taken = taken
    made.save()
    made.close()
    if days and made.path:
        text = made.path.read_text().replace(str(made.used), str(now_us() - days * DAY_US))
        made.path.write_text(text)
    return made


def test_nothing_where_nobody_exports(tmp_path: Path) -> None:
    assert list(exports(tmp_path)) == []


def test_how_far_behind_each_is_and_who_does_not_come_any_more(tmp_path: Path) -> None:
    boot(tmp_path, "b1", 3)
    cursor(tmp_path, "a", **{"p1-b1": 3})
    cursor(tmp_path, "b", **{"p1-b1": 1})
    cursor(tmp_path, "c", days=2)
    cursor(tmp_path, "d", days=STALE_DAYS)
    place(tmp_path, "e").write_text("torn")
    (tmp_path / "exports" / "a.refused.jsonl").write_text("{}\n{}\n")
    found = list(exports(tmp_path))
    assert [(one.name, one.status) for one in found] == [
        ("export a", "ok"), ("export b", "ok"), ("export c", "warn"), ("export d", "warn"), ("export e", "fail"),
        ("export a", "warn"),
    ]  # fmt: skip
    assert found[0].detail == "cef to syslog a:6514: it has everything" and "2 rows behind" in found[1].detail
    assert "not at work for 2 days; the spool keeps its rows" in found[2].detail
    assert "keeps nothing for it any more" in found[3].detail and "delete" in found[3].remedy
    assert "2 rows set aside" in found[5].detail
