"""Puts the folder together: beside its place, and there only when it is whole."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from weir.audit.evidence.covered import log_of
from weir.audit.evidence.keys import first_key
from weir.audit.evidence.log import LogReport
from weir.audit.evidence.logfile import read_log
from weir.audit.evidence.note import SigningKey
from weir.cli.output import many
from weir.datadir import DataDirError
from weir.reports.evidence.chain import write_chain
from weir.reports.evidence.controls import frameworks
from weir.reports.evidence.coverage import coverage, decisions, identification
from weir.reports.evidence.happened import happened
from weir.reports.evidence.kept import Keeping, records, retention
from weir.reports.evidence.manifest import Statement, write_manifest
from weir.reports.evidence.page import page
from weir.reports.evidence.pseudonyms import Pseudonyms
from weir.reports.evidence.rules import policies, prices
from weir.reports.evidence.section import Section
from weir.reports.evidence.signatures import signatures
from weir.reports.evidence.source import Period, Source
from weir.reports.evidence.verification import Verification, examine
from weir.reports.table import as_csv

__all__ = ["Made", "Order", "PlaceTaken", "make"]

Say = Callable[[str], None]


class PlaceTaken(ValueError):
    """Where the folder should go there is something already."""


@dataclass(frozen=True, slots=True)
class Order:
    """What folder is wanted. ``keeping``: what the policy says today of how long things are kept, None: not known."""

    data_dir: Path
    out: Path
    period: Period
    proxy_id: str
    version: str
    key: SigningKey | None
    pseudonyms: Pseudonyms | None = None
    keeping: Keeping | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A folder that stands in its place: how many rows of each table, what the examination came to, the statement."""

    counts: dict[str, int]
    verification: Verification
    statement: Statement


def make(
    order: Order, say: Say = lambda _: None, progress: Callable[[int, int], None] = lambda done, total: None
) -> Made:
    """Make the folder. ``say`` hears of each step. Raises OSError, duckdb.Error, PlaceTaken when ``out`` is there and
    not empty; then nothing is made."""
    out = order.out.absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PlaceTaken(f"{out} exists and is not empty")
    out.parent.mkdir(parents=True, exist_ok=True)
    work = out.parent / f".{out.name}.{secrets.token_hex(4)}.tmp"
    work.mkdir(mode=0o700)
    try:
        made = _fill(order, work / "folder", work / "scratch", say, progress)
        if out.exists():
            out.rmdir()
        (work / "folder").rename(out)
        return made
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fill(order: Order, folder: Path, scratch: Path, say: Say, progress: Callable[[int, int], None]) -> Made:
    began = datetime.now(UTC)
    folder.mkdir(mode=0o700)
    say("taking the records of the period")
    with Source(order.data_dir, order.period, scratch, order.pseudonyms) as source:
        counts = source.take(folder / "records")
        say("computing what they show")
        write_chain(source, folder / "records", _log(order.data_dir))
        sections = [
            coverage(source),
            identification(source),
            decisions(source),
            *happened(source),
            policies(source, order.data_dir / "policies", folder / "policies", texts=order.pseudonyms is None),
            prices(source),
            retention(source, order.keeping),
            records(folder / "records", counts),
        ]
    sections.append(signatures(order.data_dir, folder / "checkpoints"))
    say("examining the whole audit")
    verification = examine(order.data_dir, progress)
    sections.insert(0, verification.section())
    (folder / "verification.json").write_bytes(
        orjson.dumps(verification.document(), option=orjson.OPT_INDENT_2) + b"\n"
    )
    _write(order, folder, sections, began)
    say("summing the files")
    period = order.period
    statement = write_manifest(folder, order.proxy_id, period.since, period.until, began, order.key)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    _settle(folder)
    return Made(counts, verification, statement)


def _write(order: Order, folder: Path, sections: Sequence[Section], began: datetime) -> None:
    tables = folder / "tables"
    tables.mkdir()
    for section in sections:
        for titled in section.tables:
            (tables / f"{titled.name}.csv").write_text(as_csv(titled.table), newline="")
    facts = {
        **_in_short(sections),
        "Period": str(order.period) + (", not over when this was made" if order.period.until > began else ""),
        "Proxy": order.proxy_id,
        "Made": began.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "weir": order.version,
        "Signed": "yes, by the key of the checkpoints" if order.key else "NO",
    }
    says = [
        "Records of AI traffic that passed weir, and what they show. Texts of prompts and replies are not in here.",
        "Users, addresses and keys are replaced by stand-ins, and what could name a person is left out; the key to the "
        "stand-ins is not in here. A record's hash is that of the original: it cannot be computed from these columns."
        if order.pseudonyms
        else "Personal data are in here: names of users, addresses of machines. Keep it like the audit itself.",
        "weir shows what it saw. It does not say that a law or a standard is complied with.",
    ]
    (folder / "index.html").write_text(page("AI traffic: audit evidence", facts, says, sections, frameworks()))


def _in_short(sections: Sequence[Section]) -> dict[str, str]:
    """The figures that are asked for first, out of the tables."""
    found = {titled.name: titled.table for section in sections for titled in section.tables}

    def figure(name: str, column: str, key: str = "") -> float:
        table = found[name]
        at = table.columns.index(column)
        rows = [row for row in table.rows if not key or row[0] == key]
        return float(rows[0][at] or 0) if rows else 0.0

    missing, gaps = figure("gaps_in_all", "records_missing"), figure("gaps_in_all", "gaps")
    seen = figure("coverage", "exchanges_pct", "inspected"), figure("coverage", "bytes_pct", "inspected")
    return {
        "AI exchanges": f"{figure('identification', 'exchanges'):,.0f}",
        "Read whole": f"{seen[0]:.2f} % of exchanges, {seen[1]:.2f} % of bytes",
        "User known": f"{figure('identification', 'known_user_pct'):.2f} % of exchanges",
        "Records missing": f"{missing:,.0f} in {many(int(gaps), 'gap')}",
        "Problems found": f"{figure('verification', 'problems'):,.0f}",
    }


def _log(data_dir: Path) -> LogReport | None:
    path = log_of(data_dir)
    try:
        return read_log(path, first_key(data_dir / "keys")) if path.exists() else None
    except DataDirError:
        return None


def _settle(folder: Path) -> None:
    """On disk before it is called finished."""
    for path in [*folder.rglob("*"), folder]:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
