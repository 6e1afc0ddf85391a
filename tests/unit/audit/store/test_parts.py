from __future__ import annotations

from pathlib import Path

from weir.audit.store.parquet import ParquetFiles, open_engine
from weir.audit.store.parts import Part, Parts


def test_names_tell_all_and_hidden_numbers_do_not_count(tmp_path: Path) -> None:
    engine = open_engine()
    files = ParquetFiles(tmp_path / "audit", engine, owner="test")
    files.prepare()
    parts = Parts(files)
    made = [
        parts.allocate("events", "2026-01-02", "proxy_a.b"),
        parts.allocate("events", "2026-01-02", "p"),
        parts.allocate("open"),
    ]
    for part in made:
        files.write(files.nothing(part.table).removesuffix(" WHERE false"), part.table, parts.path(part))
    bare = parts.allocate("findings", "undated", "p")
    files.write(files.nothing("findings"), "findings", parts.path(bare))
    again = Parts(files)
    again.recover([2, 9], now=1.0)
    assert again.live == {made[0]: 1, made[2]: 1}
    assert again.retired == {made[1]: 1.0, bare: 1.0}
    assert again.allocate("open").number == 10, "a number that was hidden is never used again"
    assert again.of("events") == [made[0]] and again.paths("open") == [again.path(made[2])]
    assert again.due(0.5) == [] and set(again.due(1.0)) == {made[1], bare}
    again.remove(made[1])
    assert not again.path(made[1]).exists() and made[1] not in again.retired
    engine.close()


def test_a_part_names_its_file() -> None:
    assert Part("events", "2026-01-02", "p", 7).name == "2026-01-02_p.000000000007.parquet"
