from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from weir.audit.store.readers import Watch, anybody_reads

READER = "import sys, duckdb; held = duckdb.connect(sys.argv[1], read_only=True); print('ready', flush=True); input()"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a.duckdb"
    duckdb.connect(path).close()
    return path


def test_another_process_that_has_it_open_is_seen(database: Path) -> None:
    assert not anybody_reads(database)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
    assert anybody_reads(database)
    reader.communicate("\n", timeout=60)
    assert not anybody_reads(database)


def test_what_cannot_be_told_counts_as_read(tmp_path: Path) -> None:
    assert anybody_reads(tmp_path / "none")


def test_an_opening_ends_the_quiet(tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    seed.touch()
    now = [100.0]
    watch = Watch([seed], lambda: now[0])
    now[0] += 7
    assert watch.quiet_s() == 7
    seed.read_bytes()
    assert watch.quiet_s() == 0
    now[0] += 3
    (tmp_path / "other").touch()
    assert watch.quiet_s() == 3
    watch.close()
    assert watch.quiet_s() == 3
