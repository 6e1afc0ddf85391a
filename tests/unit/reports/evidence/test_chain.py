"""The folder's rows alone give the roots that were signed; rows that are taken, changed or put in do not."""

from __future__ import annotations

from pathlib import Path

import duckdb
import orjson
import pytest

from harness.evidencesite import Site
from weir.audit.evidence.covered import LOG
from weir.audit.evidence.log import LogReport
from weir.audit.evidence.logfile import read_log
from weir.reports.evidence.chain import BETWEEN, EDGES, check_chain


@pytest.fixture
def log(site: Site, folder: Path) -> LogReport:
    return read_log(folder / "checkpoints" / LOG, site.key.verifier)


def rewrite(path: Path, query: str) -> None:
    made = path.with_suffix(".new")
    duckdb.connect().execute(f"COPY ({query.format(path)}) TO '{made}' (FORMAT parquet)")
    made.replace(path)


def test_rows_of_a_folder_are_those_that_were_signed(folder: Path, log: LogReport) -> None:
    found = check_chain(folder / "records", log)
    assert (found.wrong, found.unsigned) == ([], 0)
    (edge,) = [orjson.loads(line) for line in (folder / "records" / EDGES).read_bytes().splitlines()]
    assert edge["first"] > 1 and edge["edge"], "rows before the period are not in the folder, their tree's edge is"
    assert found.signed == edge["last"] - edge["first"] + 1
    ((between,),) = duckdb.connect().sql(f"SELECT count(*) FROM '{folder}/records/{BETWEEN}'").fetchall()
    assert between >= 2, "and the hashes up to the next checkpoint are"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM '{}' WHERE kind <> 'gap'", "was expected"),
        ("SELECT * REPLACE (CASE kind WHEN 'gap' THEN repeat('0', 64) ELSE row_hash END AS row_hash) FROM '{}'",
         "are not those that were signed"),
        ("SELECT * FROM '{}' UNION ALL SELECT * FROM '{0}' WHERE kind = 'gap'", "was expected"),
        ("SELECT * FROM '{}' UNION ALL SELECT * REPLACE ('other' AS boot_id) FROM '{0}' WHERE kind = 'gap'",
         "1 rows are of runs"),
    ],
    ids=["taken", "changed", "twice", "put in"],
)  # fmt: skip
def test_what_was_done_to_rows_is_found(query: str, said: str, folder: Path, log: LogReport) -> None:
    rewrite(folder / "records" / "events.parquet", query.replace("{}", "{0}"))
    wrong = check_chain(folder / "records", log).wrong
    assert len(wrong) == 1 and said in wrong[0]


def test_an_edge_of_something_else(folder: Path, log: LogReport) -> None:
    path = folder / "records" / EDGES
    edge = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps(edge | {"edge": ["00" * 32] * len(edge["edge"])}) + b"\n")
    assert "are not those that were signed" in check_chain(folder / "records", log).wrong[0]
    path.write_bytes(orjson.dumps(edge | {"edge": []}) + b"\n")
    assert check_chain(folder / "records", log).wrong == [f"{EDGES} holds something else than edges"]
    path.write_bytes(orjson.dumps(edge | {"edge": None}) + b"\n")
    found = check_chain(folder / "records", log)
    assert (found.wrong, found.signed) == ([], 0) and found.unsigned > 0, "not known: nothing is shown, nothing wrong"


def test_without_checkpoints_nothing_is_signed(folder: Path) -> None:
    found = check_chain(folder / "records", LogReport())
    assert (found.wrong, found.signed) == ([], 0) and found.unsigned > 0
