"""Analysts read while records come in and files are merged: no error, nothing twice, nothing missing, nobody waits."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from e2e.support import command
from harness.chaos import Shop, check_store, rows_on_disk
from harness.processes import Process

READER = Path(sys.modules["harness.chaos"].__file__ or "").with_name("chaosreader.py")
RATES = 300, 3_000  # rows a second; the latter is an hour of 100 a second in two minutes
SPOOL = {"segment_bytes_max": 2 << 20}
# How long queries take does not shrink with the hour: settle_s and grace_s are what they are in a proxy.
INGEST = {"merge_at": 8}
FOLDED = 700, 1_500


def questions() -> dict[str, str]:
    """Every view, with all of its columns, and every macro."""
    from weir.audit.record import TABLES
    from weir.audit.store.views import MACROS, VIEWS

    asked = {name: f"SELECT count(*), bit_xor(hash(v)) FROM {name} v" for name in TABLES}
    for one in (*VIEWS, *MACROS):
        asked[one.name] = f"SELECT count(*), bit_xor(hash(v)) FROM {one.asked} v"
    return asked


def stock(shop: Shop, mode: str, *words: object) -> subprocess.Popen[str]:
    """An analyst; without weir on the path."""
    store = shop.data / "audit" / "audit.duckdb"
    return subprocess.Popen(
        [sys.executable, "-I", str(READER), mode, str(store), *map(str, words)], stdout=subprocess.PIPE, text=True
    )


def test_every_view_and_macro_in_a_loop_under_writes_and_merges(
    artefacts: Path, scale: Any, tell: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    """Beside the loop: an analyst who holds a transaction open, and a second ingester that was started by mistake."""
    ingest = {**INGEST, "fold_rows": int(scale.of(*FOLDED))}
    shop = Shop(artefacts, spool=SPOOL, ingest=ingest, seed=scale.seed)
    seconds = scale.of(3, 120)
    writer, ingester = shop.writer(scale.of(*RATES)), shop.ingester(0.02)
    request.addfinalizer(lambda: [one.kill() for one in (writer, ingester) if one.running])
    shop.first_pass(ingester)
    asked = artefacts / "questions.json"
    asked.write_text(json.dumps(questions()))
    begin = time.monotonic()
    loop, hold = stock(shop, "loop", seconds, asked), stock(shop, "hold", scale.of(seconds, 60))

    second: Process = shop.ingester(0.02)
    assert second.wait() == 1
    assert "another ingester is at work" in second.output()

    held = json.loads(hold.communicate(timeout=seconds + 60)[0])
    looped = json.loads(loop.communicate(timeout=seconds + 120)[0])
    # With nobody else there, an ingester may do what it would not do under a reader's eyes; these come and go.
    some = artefacts / "some.json"  # what is asked matters less here than that it is on a new connection each time
    some.write_text(json.dumps(dict(islice(questions().items(), None if scale.whole else 12))))
    visit = stock(shop, "visit", scale.of(1, 60), some)
    visited = json.loads(visit.communicate(timeout=seconds + 120)[0])
    took = time.monotonic() - begin
    for process in (writer, ingester):
        assert process.running, process.tail()
    writer.kill()
    assert ingester.stop(60) == 0, ingester.tail()
    rows = rows_on_disk(shop.data)
    levels = {name: _files(shop, name) for name in ("hot", "warm", "days")}
    tell(f"{len(rows)} rows in {took:.0f} s; files {levels}; {looped | {'wrong': len(looped['wrong'])}}")
    tell(f"visitors: {visited | {'wrong': len(visited['wrong'])}}")
    tell(f"held {held['held_s']:.0f} s, {len(held['counts'])} queries, {held['fetched']} rows by cursor")
    wrong = [
        f"{who}: {one}" for who, told in (("loop", looped), ("visit", visited), ("hold", held)) for one in told["wrong"]
    ]
    assert not wrong, "\n".join(wrong)
    assert looped["names"] == len(questions()) + 4
    assert levels["days"] >= 2, "nothing was merged"
    assert (held["twice"], held["missing"]) == (0, 0)
    assert held["counts"] == sorted(held["counts"])
    assert held["counts"][-1] > held["counts"][0], "ingest stood still while a transaction was open"
    check_store(shop.data, rows)
    command("audit", "verify", "--data", str(shop.data))


def _files(shop: Shop, level: str) -> int:
    return sum(1 for path in (shop.data / "audit" / level / "events").glob("[0-9]*.parquet"))
