"""The ingester may die between any two of its file operations: the store still has every record exactly once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.audit.ingester.cursor import Cursor
from weir.audit.ingester.ingest import Ingester
from weir.audit.ingester.rebuild import rebuild
from weir.audit.record import AuditRecord, FindingRow, new_event_id, now_us
from weir.audit.spool.writer import Spool
from weir.audit.store import database as store
from weir.audit.store import parquet
from weir.audit.store.parts import Parts
from weir.audit.store.retention import prune_rows
from weir.audit.store.slots import Slots
from weir.sections_audit import Retention

DAY_US = 86_400_000_000
# A record is an event or, when its time is over, a husk; the records that weir writes of what it took are not counted.
QUERY = """
    WITH kept AS (SELECT seq FROM events WHERE boot_id = 'b'), gone AS (SELECT seq FROM husks WHERE boot_id = 'b'),
    together AS (FROM kept UNION ALL FROM gone)
    SELECT (SELECT count(*) FROM together), (SELECT count(DISTINCT seq) FROM together),
        (SELECT count(*) FROM findings ANTI JOIN events USING (boot_id, seq)),
        (SELECT count(*) FROM exchanges WHERE boot_id = 'b') - (SELECT count(DISTINCT exchange_id) FROM events
            WHERE boot_id = 'b'),
        (SELECT count(*) FROM exchanges e JOIN (SELECT exchange_id, sum(input_tokens) AS tokens FROM events
            WHERE kind = 'turn' GROUP BY 1) t USING (exchange_id) WHERE e.input_tokens <> t.tokens)"""


class Died(BaseException):
    """Stands for kill -9."""


class Fate:
    """Kills at the n-th file operation, before or after it took effect."""

    def __init__(self, after: int, effect: bool) -> None:
        self.left, self.effect = after, effect

    def around(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def fated(*args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0 and not self.effect:
                raise Died
            done = operation(*args, **options)
            if self.left == 0:
                raise Died
            return done

        return fated


class World:
    """A spool that grows by requests and turns, some of them late, some of long ago; and who works on it."""

    def __init__(self, data: Path) -> None:
        self.data, self.total = data, 0
        self.spool = Spool(data / "spool", "p", "b", segment_bytes_max=8192, linger_s=0)
        self.spool.start()
        self.exchanges = [new_event_id() for _ in range(400)]

    def put(self) -> None:
        number, self.total = self.total, self.total + 1
        exchange = number // 3 - (6 if number % 7 == 0 and number > 20 else 0)  # a seventh comes after its exchange
        kind = ("request", "turn", "turn")[number % 3]
        self.spool.put(
            AuditRecord(
                event_id=new_event_id(),
                exchange_id=self.exchanges[exchange],
                kind=kind,
                ts=now_us() - (500 if exchange % 5 == 0 else 2) * DAY_US,
                input_tokens=number if kind == "turn" else None,
                findings=(FindingRow(ord=0, detector="d"),) if number % 2 else (),
            )
        )

    def ingester(self) -> Ingester:
        data = self.data
        return Ingester(data / "spool", data / "audit", merge_at=2, fold_rows=4, settle_s=0, grace_s=0)

    def live(self, passes: int) -> None:
        with self.ingester() as ingester:
            for _ in range(passes):
                self.put()
                assert self.spool.flush(10)
                ingester.run_once()

    def prune(self, _: int) -> None:
        with self.ingester() as ingester:
            today = datetime.now(UTC).date() + timedelta(days=self.total)  # something is over each time
            prune_rows(ingester.files, ingester.levels, Retention(days=450 + self.total // 2), self.data, today=today)

    def rebuild(self, _: int) -> None:
        rebuild(self.data)

    def whole(self) -> None:
        ((rows, distinct, orphans, exchanges, turns),) = store.sql(self.data, QUERY)[1]
        assert (rows, distinct, orphans, exchanges, turns) == (self.total, self.total, 0, 0, 0)


@settings(max_examples=3, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 16), st.booleans(), st.sampled_from(["live", "live", "prune", "rebuild"])),
        min_size=1,
        max_size=3,
    )
)
def test_every_record_exactly_once_wherever_it_dies(deaths: list[tuple[int, bool, str]]) -> None:
    with TemporaryDirectory() as name:
        world = World(Path(name))
        world.live(4)
        for after, effect, doing in deaths:
            fate = Fate(after, effect)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(parquet, "publish", fate.around(parquet.publish))
                patch.setattr(Cursor, "save", fate.around(Cursor.save))
                patch.setattr(Parts, "remove", fate.around(Parts.remove))
                patch.setattr(Slots, "remove", fate.around(Slots.remove))
                with suppress(Died):
                    getattr(world, doing)(8)
            with world.ingester() as ingester:
                ingester.run_once()
            world.whole()
        world.live(3)
        world.whole()
        world.spool.close(5)
