from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from harness.sealedaudit import SealedAudit
from weir.audit.columns import field_ids
from weir.audit.evidence import joined as module
from weir.audit.evidence.joined import joined
from weir.audit.store import database as store
from weir.audit.store.tables import STORED


def look(data: Path) -> int:
    with store.connect(data) as connection:
        return len(list(joined(connection)))


def rewrite(path: Path, select: str, to: Path | None = None) -> None:
    """A file as somebody writes it who knows how."""
    made = path.with_suffix(".made")
    names = field_ids(STORED[path.parent.name])
    duckdb.connect().execute(f"COPY ({select} FROM '{path}') TO '{made}' (FORMAT parquet, FIELD_IDS {names})")
    made.replace(to or path)


def test_exchanges_are_what_their_records_say(sealed: SealedAudit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUCKET", 40)
    assert look(sealed.data.path) == 0


def test_what_only_one_look_shows_was_being_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_S", 0.0)
    looks = iter([{"a", "b"}, {"b"}, {"b"}])
    monkeypatch.setattr(module, "_differing", lambda connection, which: next(looks))
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE events (seq INT)")
        assert [item.text for item in joined(connection)] == ["the exchange b is not what its records say"]


def test_exchanges_that_were_changed_or_put_in(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKS", 1)
    (day,) = (data / "audit" / "days" / "exchanges").glob("2*.parquet")
    whole = day.read_bytes()
    rewrite(day, "SELECT * REPLACE ('nobody' AS \"user\")")
    assert look(data) == 75
    day.write_bytes(whole)
    other = day.with_name(day.name.replace(".0000", ".0009"))
    rewrite(
        day, "SELECT DISTINCT ON (proxy_id) * REPLACE (uuid() AS exchange_id, 90000000099::UBIGINT AS batch)", other
    )
    assert look(data) == 1
