from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from weir.audit.store import levels as levels_module
from weir.audit.store.levels import Levels
from weir.audit.store.parquet import ParquetFiles, open_engine
from weir.audit.store.visible import visible


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A store fed batch by batch, one event and (every other batch) one finding each; somebody has it open."""

    def __init__(self, root: Path) -> None:
        self.clock, self.batch = Clock(), 0
        self.engine = open_engine()
        self.files = ParquetFiles(root, self.engine, owner="test")
        self.files.prepare()
        self.levels = self.opened()

    def opened(self) -> Levels:
        levels = Levels(
            self.files, merge_at=3, settle_s=2, grace_s=30, fold_rows=1_000, clock=self.clock, day=lambda: "2026-01-02"
        )
        levels.recover(self.batch + 1)
        return levels

    def write(self, table: str, target: Path) -> None:
        number = f"{self.batch}::UBIGINT"
        row = f"SELECT * REPLACE ('p' AS proxy_id, 'b' AS boot_id, {number} AS seq, {number} AS batch)"
        self.files.write(f"{row} FROM ({self.files.nothing(table).removesuffix(' WHERE false')})", table, target)

    def add(self) -> None:
        self.batch += 1
        slot, paths = self.levels.hot_slot()
        if self.batch % 2:
            self.write("findings", paths["findings"])
        self.write("events", paths["events"])
        self.levels.added(slot, self.batch, 1)

    def step(self, seconds: float = 0) -> None:
        self.clock.now += seconds
        self.levels.tidy()
        self.levels.step()

    def seqs(self, table: str = "events") -> list[int]:
        query = f"SELECT seq FROM ({visible(self.files, table)}) ORDER BY seq"
        return [row[0] for row in self.engine.execute(query).fetchall()]

    def whole(self) -> bool:
        every = list(range(1, self.batch + 1))
        return self.seqs() == every and self.seqs("findings") == every[::2]

    def names(self, level: str) -> list[str]:
        return sorted(p.name for p in self.files.directory(level, "events").glob("[0-9u]*"))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(levels_module, "anybody_reads", lambda path: True)
    made = House(tmp_path)
    yield made
    made.levels.close()
    made.engine.close()


def test_rows_change_level_without_ever_being_missing_or_double(house: House) -> None:
    for _ in range(24):
        house.add()
        assert house.whole()
        house.step(1)
        assert house.whole()
    marks = house.files.read_marks()
    assert 0 < marks.cold <= marks.warm < 24
    assert house.names("days") and house.levels.parts.live


def test_a_merge_counts_only_after_it_has_settled(house: House) -> None:
    for _ in range(3):
        house.add()
    house.step()
    assert house.names("warm") == ["00000000.parquet"] and house.levels.moving
    house.step(1.9)
    assert house.files.read_marks().warm == 0
    house.step(0.2)
    assert house.files.read_marks().warm == 3 and house.whole()


def test_while_nobody_reads_nothing_waits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels_module, "anybody_reads", lambda path: False)
    for _ in range(3):
        house.add()
    house.step()
    assert house.files.read_marks().warm == 3
    house.step()
    assert house.names("hot") == [] and house.whole()


def test_files_are_removed_when_queries_that_count_on_them_have_ended(house: House) -> None:
    for _ in range(3):
        house.add()
    house.step()
    house.step(3)
    house.step(29)
    assert len(house.names("hot")) == 3
    house.seqs()  # somebody asks just now
    house.step(2)
    assert len(house.names("hot")) == 3
    house.step(6)
    assert house.names("hot") == [] and house.whole()
    assert len(list(house.files.marks.glob("*.parquet"))) == 1


def test_a_reader_that_never_rests_cannot_let_files_pile_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels_module, "CROWD", 2)
    for _ in range(3):
        house.add()
    house.step()
    house.step(3)
    house.seqs()
    house.step(31)
    assert len(house.names("hot")) == 2, "as many as may wait"


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


def test_rows_of_yesterday_go_to_day_files_however_few(house: House) -> None:
    house.add()
    house.step()
    assert house.levels.recent_rows() == 1
    house.levels = Levels(
        house.files, merge_at=3, settle_s=2, grace_s=30, fold_rows=1_000, clock=house.clock, day=lambda: "2999-01-01"
    )
    house.levels.recover(house.batch + 1)
    house.step()
    house.step(3)
    assert house.levels.recent_rows() == 0 and house.whole()


def test_parts_that_could_not_be_written_stay_hidden_and_go_away(house: House) -> None:
    house.add()

    def make(hide: levels_module.Hide) -> levels_module.Change:
        part = house.levels.parts.allocate("events", "2026-01-01", "p")
        hide([part])
        house.write("events", house.levels.parts.path(part))
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        house.levels.replace(make)
    assert house.whole() and not house.levels.moving and house.files.read_marks().hidden
    house.step()
    house.step(40)
    assert house.names("days") == [] and house.files.read_marks().hidden == ()
