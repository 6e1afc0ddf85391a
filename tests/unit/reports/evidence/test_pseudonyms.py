"""Stand-ins are keyed, the same within a folder, and no column slips through."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import duckdb
import pytest

from weir.audit.record import TABLES
from weir.datadir import DataDirError
from weir.reports.evidence.pseudonyms import AS_THEY_ARE, KEY_BYTES, Pseudonyms, stand_ins

KEY = bytes(range(KEY_BYTES))


def test_sql_and_python_agree_and_both_are_hmac() -> None:
    stand_in = Pseudonyms(KEY)
    with duckdb.connect() as engine:
        stand_in.use(engine)
        for value in ("anna", "jäne", "10.1.2.3", ""):
            ((said,),) = engine.execute("SELECT stand_in(?)", [value]).fetchall()
            assert said == stand_in.of(value) == "p-" + hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()[:20]
        assert engine.execute("SELECT stand_in(NULL)").fetchall() == [(None,)]
        ((macro,),) = engine.execute(
            "SELECT macro_definition FROM duckdb_functions() WHERE function_name = 'stand_in'"
        ).fetchall()
    assert "getvariable" in macro and KEY.hex() not in macro


def test_another_key_gives_others_and_none_shows() -> None:
    assert Pseudonyms.once().of("anna") != Pseudonyms.once().of("anna")
    assert KEY.hex() not in repr(Pseudonyms(KEY))
    with pytest.raises(ValueError, match="32 bytes"):
        Pseudonyms(b"short")


def test_a_kept_key_gives_the_same_again(tmp_path: Path) -> None:
    path = tmp_path / "names.key"
    first = Pseudonyms.kept(path).of("anna")
    assert Pseudonyms.kept(path).of("anna") == first
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(DataDirError):
        Pseudonyms.kept(path)
    path.write_text("no key")
    path.chmod(0o600)
    with pytest.raises(ValueError, match="holds no key"):
        Pseudonyms.kept(path)


def test_what_is_not_known_to_be_harmless_is_replaced_or_left_out() -> None:
    for table, columns in TABLES.items():
        treated = stand_ins(table)
        assert {column.name for column in columns} == {*treated, *(AS_THEY_ARE & {c.name for c in columns})}
    events = stand_ins("events")
    assert events["user"] == 'stand_in("user")'
    assert events["coach_reason"].startswith("NULL")
    assert stand_ins("findings") == {"match_hmac": "NULL::VARCHAR"}
