from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.audit.store import database as store
from weir.audit.store.levels import Levels
from weir.audit.store.parquet import ParquetFiles, open_engine


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A store fed batch by batch, one event and (every other batch) one finding each."""

    def __init__(self, root: Path) -> None:
        self.clock, self.batch = Clock(), 0
        self.engine = open_engine()
        self.files = ParquetFiles(root, self.engine, owner="test")
        self.files.prepare()
        self.levels = self.opened()

    def opened(self) -> Levels:
        levels = Levels(self.files, merge_at=3, settle_s=2, grace_s=30, clock=self.clock)
        levels.recover(self.batch + 1)
        return levels

    def add(self) -> None:
        self.batch += 1
        slot, paths = self.levels.hot_slot()
        row = {"proxy_id": "p", "boot_id": "b", "seq": self.batch}
        self.files.write_rows("findings", [row] if self.batch % 2 else [], self.batch, paths["findings"])
        self.files.write_rows("events", [row], self.batch, paths["events"])
        self.levels.added(slot, self.batch)

    def step(self, seconds: float = 0) -> None:
        self.clock.now += seconds
        self.levels.step()

    def seqs(self, table: str = "events") -> list[int]:
        query = f"SELECT seq FROM ({store.visible(self.files, table)}) ORDER BY seq"
        return [row[0] for row in self.engine.execute(query).fetchall()]

    def whole(self) -> bool:
        every = list(range(1, self.batch + 1))
        return self.seqs() == every and self.seqs("findings") == every[::2]

    def names(self, level: str) -> list[str]:
        return sorted(p.name for p in self.files.directory(level, "events").glob("[0-9]*"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.engine.close()


def test_rows_change_level_without_ever_being_missing_or_double(house: House) -> None:
    for _ in range(60):
        house.add()
        assert house.whole()
        house.step(1)
        assert house.whole()
    warm, cold = house.files.read_watermark()
    assert 0 < cold < warm < 60
    assert len(house.names("hot")) < 45, "slots are to be used again"
    assert len(house.names("cold")) >= 1


def test_a_merge_shows_only_after_it_has_settled(house: House) -> None:
    for _ in range(3):
        house.add()
    house.step()
    assert house.names("warm") == ["00000.parquet"]
    house.step(1.9)
    assert house.files.read_watermark() == (0, 0)
    house.step(0.2)
    assert house.files.read_watermark() == (3, 0) and house.whole()


def test_a_slot_is_not_written_anew_while_a_query_may_count_on_it(house: House) -> None:
    for _ in range(3):
        house.add()
    house.step()
    house.step(3)
    assert house.levels.hot_slot()[0] == 3
    house.step(29)
    assert house.levels.hot_slot()[0] == 3
    house.step(2)
    assert house.levels.hot_slot()[0] == 0


def test_a_restart_in_the_middle_of_a_merge_forgets_the_merge(house: House) -> None:
    for _ in range(3):
        house.add()
    house.step()
    house.add()
    house.levels = house.opened()
    assert house.files.batches("warm", "events") == {} and house.whole()
    for _ in range(12):
        house.step(3)
        house.add()
        assert house.whole()


def test_a_batch_whose_cursor_was_not_saved_is_taken_back(house: House) -> None:
    house.add()
    house.add()
    house.batch = 1  # the cursor knows of one batch only
    house.levels = house.opened()
    assert house.whole() and house.levels.last_batch() == 1
    house.add()
    assert house.whole()


def test_a_cold_file_that_was_never_shown_goes_away(house: House) -> None:
    stray = house.files.directory("cold", "events") / "000000000001-000000000009.parquet"
    house.files.write_rows("events", [{"seq": 5, "proxy_id": "p", "boot_id": "b"}], 5, stray)
    house.levels = house.opened()
    assert not stray.exists()
