from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.audit.store.parquet import ParquetFiles, open_engine
from weir.audit.store.slots import Held, Slots


@pytest.fixture
def files(tmp_path: Path) -> Iterator[ParquetFiles]:
    engine = open_engine()
    made = ParquetFiles(tmp_path / "audit", engine, owner="test")
    made.prepare()
    yield made
    engine.close()


def row(files: ParquetFiles, table: str, batch: int, target: Path) -> None:
    empty = files.nothing(table).removesuffix(" WHERE false")
    files.write(f"SELECT * REPLACE ({batch}::UBIGINT AS batch) FROM ({empty})", table, target)


def test_a_number_is_given_out_once(files: ParquetFiles) -> None:
    slots = Slots(files, "hot")
    assert [slots.fresh(), slots.fresh()] == [0, 1]


def test_what_is_there_is_learned_from_the_files(files: ParquetFiles) -> None:
    slots = Slots(files, "hot")
    for batch in (1, 2, 3, 4):
        number = slots.fresh()
        row(files, "findings", batch, slots.path("findings", number))
        row(files, "events", batch, slots.path("events", number))
    again = Slots(files, "hot")
    again.recover(visible_from=2, orphan_from=4, now=5.0)
    assert again.live == {1: Held(2, 2, 1), 2: Held(3, 3, 1)} and again.retired == {0: 5.0}
    assert again.paths("events", [0, 1, 2, 3]) == [again.path("events", number) for number in (0, 1, 2)]
    assert not again.path("findings", 3).exists() and again.fresh() == 4


def test_what_was_retired_is_removed_when_its_time_has_come_and_one_may(files: ParquetFiles) -> None:
    slots = Slots(files, "warm")
    slots.live = {0: Held(1, 5, 9), 1: Held(6, 7, 9)}
    row(files, "events", 1, slots.path("events", 0))
    slots.retire(5, now=10.0)
    assert slots.live == {1: Held(6, 7, 9)}
    slots.remove(9.0, lambda: True)
    slots.remove(10.0, lambda: False)
    assert slots.path("events", 0).exists() and slots.retired == {0: 10.0}
    slots.remove(10.0, lambda: True)
    assert not slots.path("events", 0).exists() and slots.retired == {}
