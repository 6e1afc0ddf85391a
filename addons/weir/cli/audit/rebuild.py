"""``weir audit rebuild`` and ``weir audit prune``: the store made anew, and what is over taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weir.cli.options import DATA, DataOption, need_data
from weir.cli.output import Progress, StoreTrouble, fail, many, note, store_errors, write

__all__ = ["prune", "rebuild"]

_AT_WORK = "an ingester is at work on this store; stop weir (or weir audit ingest), then do it again"


def rebuild(data: DataOption = DATA) -> None:
    """Make the store anew from the spool; readers see the old one until it is whole. Not while weir runs.

    Rows that only the store has, because their spool is retired, stay.
    """
    from weir.audit.ingester.ingest import IngestLocked
    from weir.audit.ingester.rebuild import rebuild as made_anew

    need_data("audit rebuild", data)
    progress = Progress("audit rebuild")
    try:
        with store_errors():
            done = made_anew(data, progress)
    except IngestLocked:
        raise fail("audit rebuild", _AT_WORK) from None
    except StoreTrouble as trouble:
        raise fail("audit rebuild", f"{trouble}; the old store stays as it is") from None
    for path in done.damaged:
        note(f"could not be read and lies in damaged/ now: {path.name}")
    if done.bad_lines:
        note(f"{many(done.bad_lines, 'line')} of the spool are no records: weir audit verify names them")
    write(f"{many(done.rows, 'row')} from the spool, {many(done.carried, 'row')} that only the store had\n")


def prune(
    policy: Annotated[Path, typer.Option(help="Policy file: its section audit says how long what is kept.")],
    data: DataOption = DATA,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Take away at once what is over: rows of the store, texts, segments of the spool. Weir does it by itself, hourly.

    Not while weir runs.
    """
    from weir.audit.evidence.covered import covered
    from weir.audit.evidence.removals import removing
    from weir.audit.evidence.sealing import DayFiles
    from weir.audit.exports.cursors import sent
    from weir.audit.ingester.ingest import Ingester, IngestLocked
    from weir.audit.ingester.policy import PolicyFile
    from weir.audit.spool.retire import retire
    from weir.audit.store.retention import prune_rows
    from weir.datadir import DataDirError
    from weir.yamlpos import PolicyError

    need_data("audit prune", data)
    try:
        kept = PolicyFile(policy).audit.retention
        days = DayFiles(data)
        with (
            store_errors(),
            Ingester(data / "spool", data / "audit", on_sealed=days.sealed, on_removed=days.removed) as ingester,
        ):
            ingester.run_once()
            over = 0
            while True:
                rows = prune_rows(ingester.files, ingester.levels, kept, data, dry_run=dry_run)
                over += len(rows.days)
                if rows.days:
                    write(f"store: {many(rows.rows['events'], 'row')} of {many(len(rows.days), 'day')}\n")
                if not rows.more:
                    break
            if not over:
                write("store: no day is over\n")
            ingester.levels.tidy()
        with store_errors():
            _texts(data, dry_run)
            gone = retire(data, kept.spool_days, sent(covered), removing, dry_run=dry_run)
    except IngestLocked:
        raise fail("audit prune", _AT_WORK) from None
    except (PolicyError, OSError) as error:
        raise fail("audit prune", str(error).splitlines()[0], 2) from None
    except (DataDirError, StoreTrouble) as trouble:
        raise fail("audit prune", str(trouble)) from None
    for problem in gone.problems:
        note(problem)
    write(f"spool: {many(gone.files, 'segment')} with {many(gone.rows, 'row')}\n")


def _texts(data: Path, dry_run: bool) -> None:
    from weir.audit.content.duty import prune_texts
    from weir.audit.evidence.removals import removing

    if dry_run:
        note("texts whose last day is over are not counted by --dry-run")
        return
    gone = prune_texts(data, removing)
    if gone is not None:
        write(f"texts: {many(gone.keys, 'key')}, {many(gone.files, 'file')}\n")
