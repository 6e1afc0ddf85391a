"""The list to go through: who answers for a key, when it was used last, and what is odd about it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from weir.cli.keysreview import _cell
from weir.datadir import DataDir
from weir.keys.virtual import Uses, VirtualKey, VirtualKeys
from weir.keys.virtual.rows import Issued

NOW = datetime.now(UTC).replace(microsecond=0)


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


KEYS: dict[str, dict[str, Any]] = {
    "vk-busy": {"created": ago(100), "expires": ago(-200)},
    "vk-idle": {"created": ago(100), "expires": ago(-200)},
    "vk-never": {"created": ago(40)},
    "vk-young": {"created": ago(1)},
    "vk-soon": {"created": ago(50), "expires": ago(-7)},
    "vk-gone": {"created": ago(90), "revoked": ago(1)},
    "vk-over": {"created": ago(90), "expires": ago(1)},
}
USES = {
    "vk-busy": Uses(9, ago(0), "10.0.0.1"),
    "vk-idle": Uses(2, ago(45), "10.0.0.2"),
    "vk-soon": Uses(1, ago(2), "10.0.0.3", ago(2)),
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    directory = DataDir(tmp_path / "data")
    keys = VirtualKeys(directory.path / "limits.db", directory.secret("virtual-keys"))
    issued = [
        Issued(
            VirtualKey(key_id, app=f"@{key_id}", team="t", **known),
            f"{number:064x}",
            *((f"{number + 99:064x}", ago(-1)) if key_id == "vk-soon" else ()),
        )
        for number, (key_id, known) in enumerate(KEYS.items())
    ]
    keys.take(issued)
    keys.store.use(USES)
    keys.stop()
    return directory.path


@pytest.mark.parametrize(
    ("options", "listed"),
    [
        ([], {"vk-busy", "vk-idle", "vk-never", "vk-young", "vk-soon"}),
        (["--unused", "30d"], {"vk-idle", "vk-never"}),
        (["--unused", "60d"], set()),
        (["--expiring", "14d"], {"vk-soon"}),
        (["--expiring", "3d"], set()),
        (["--unused", "30d", "--expiring", "14d"], {"vk-idle", "vk-never", "vk-soon"}),
        (["--all"], set(KEYS)),
    ],
)
def test_who_is_listed(weir, data: Path, options: list[str], listed: set[str]) -> None:
    done = weir("keys", "review", *options, "--format", "json", "--data", data)
    assert done.code == 0 and {row["id"] for row in json.loads(done.out)} == listed


def test_why(weir, data: Path) -> None:
    rows = {row["id"]: row for row in json.loads(weir("keys", "review", "--format", "json", "--data", data).out)}
    assert rows["vk-busy"]["why"] == [] and rows["vk-young"]["why"] == ["never ends"]
    assert rows["vk-idle"]["why"] == ["unused for 45 days"]
    assert rows["vk-never"]["why"] == ["unused for 40 days", "never ends"]
    assert rows["vk-soon"]["why"] == ["ends in 6 days", "old key still used"]
    assert rows["vk-busy"]["last_address"] == "10.0.0.1" and rows["vk-never"]["last_used"] is None


def test_csv_is_whole_and_holds_no_formulas(weir, data: Path) -> None:
    done = weir("keys", "review", "--all", "--format", "csv", "--data", data)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert len(rows) == len(KEYS) and {row["app"][:2] for row in rows} == {"'@"}
    assert {row["state"] for row in rows} == {"active", "revoked", "expired"}


def test_a_table_for_people(weir, data: Path) -> None:
    done = weir("keys", "review", "--unused", "30d", "--data", data)
    assert "unused for 45" in done.out and "vk-busy" not in done.out
    assert "no key needs a look" in weir("keys", "review", "--unused", "60d", "--data", data).err
    assert weir("keys", "review", "--unused", "soon", "--data", data).code == 2


def test_a_formula_behind_spaces_is_none_either() -> None:
    assert [_cell(text) for text in ("  =1+1", "a=b", None, ["x", "y"])] == ["'  =1+1", "a=b", "", "x y"]
