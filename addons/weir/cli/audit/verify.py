"""``weir audit verify``: is the audit whole."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.options import DATA, DataOption, FormatOption, need_data
from weir.cli.output import Progress, clean, fail, many, note, write, write_json

if TYPE_CHECKING:
    from weir.audit.evidence.note import VerifierKey
    from weir.audit.evidence.verify import Totals, Verifier

__all__ = ["key_in", "verify"]

PROBLEMS_MAX = 1_000  # shown; all are counted


def verify(
    data: DataOption = DATA,
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="Look closely only at what was signed since: 7d, 2026-01-31 …")
    ] = "",
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Checkpoints kept elsewhere: files or directories of them; may be repeated."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The first public key, kept elsewhere; else the data's own.")
    ] = None,
    store: Annotated[
        bool, typer.Option("--store", help="The store by itself as well: every column against its hash.")
    ] = False,
    format: FormatOption = "table",
) -> None:
    """Check the whole audit: chains, checkpoints, closed files, kept texts, the store; exit 1 if anything is wrong.

    One line a problem: what it is, file and line, seq. It may be done while weir writes.
    """
    from weir.audit.evidence.compare import what_is_there
    from weir.audit.evidence.verify import Verifier

    need_data("audit verify", data)
    if not any(what_is_there(data)):
        raise fail("audit verify", f"{data} has neither a spool nor a store; name weir's data directory with --data")
    for path in checkpoint or []:
        if not path.exists():
            raise fail("audit verify", f"--checkpoint: there is no {path}", 2)
    progress = Progress("audit verify")
    verifier = Verifier(
        data,
        progress,
        since=_micros(since) if since else 0,
        published=tuple(checkpoint or ()),
        key=key_in("audit verify", key) if key else None,
        store_too=store,
    )
    shown, count = _told(verifier, progress, format)
    totals = verifier.totals
    if format == "json":
        write_json({"ok": not count, **dataclasses.asdict(totals), "problem_count": count, "problems": shown})
    elif count:
        more = f", the first {PROBLEMS_MAX} of them shown" if count > PROBLEMS_MAX else ""
        note(f"{_rows(totals)}: {many(count, 'problem')}{more}")
        for remedy in dict.fromkeys(problem["remedy"] for problem in shown):
            note(f"→ {remedy}")
    else:
        by = "" if totals.store_rows else " by their hashes (--store holds each column against them)"
        same = f"and the store has the same rows{by}" if totals.store else "and there is no store yet"
        write(f"{_rows(totals)}: every link holds, {same}\n")
        _signed(totals)
    if count:
        raise typer.Exit(1)


def _told(verifier: Verifier, progress: Progress, format: str) -> tuple[list[dict[str, Any]], int]:
    """The first problems, and how many there are; each is written as it is found."""
    shown, count = [], 0
    try:
        for problem in verifier.problems():
            count += 1
            if count <= PROBLEMS_MAX:
                shown.append(dataclasses.asdict(problem))
            if format == "table" and count <= PROBLEMS_MAX:
                progress.clear()
                write(clean(problem) + "\n")
    except BrokenPipeError:
        raise
    except OSError as error:
        raise fail("audit verify", f"the audit cannot be read ({error.strerror or type(error).__name__})") from None
    finally:
        progress.clear()
    return shown, count


def _rows(totals: Totals) -> str:
    skipped = f" ({totals.skipped} older left out)" if totals.skipped else ""
    return f"{many(totals.rows, 'row')} in {many(totals.chains, 'chain')}{skipped}"


def _signed(totals: Totals) -> None:
    """How much of it a signature speaks for."""
    if not totals.key:
        note("NOTHING IS SIGNED: there are no checkpoints; weir run and weir audit ingest make them")
        return
    gone = []
    if totals.retired:
        gone.append(f"{many(totals.retired, 'row')} of the spool")
    if totals.husks:
        gone.append(f"{many(totals.husks, 'row')} of the store but their place in the chain")
    if gone:
        write(f"retention took {' and '.join(gone)}: hold that against the policy (view retentions)\n")
    if totals.published:
        upto = f"up to number {totals.published_last:,} of {totals.last:,}"
        write(f"held against entries kept elsewhere: {totals.published:,}, {upto}\n")
    parts = [f"{many(totals.proved, 'row')} as signed by {many(totals.checkpoints, 'checkpoint')}"]
    if totals.rows > totals.proved:
        parts.append(f"{totals.rows - totals.proved:,} newer")
    if totals.files:
        parts.append(many(totals.files, "closed file"))
    if totals.texts:
        parts.append(f"texts of {many(totals.texts, 'row')}")
    if totals.store_rows:
        parts.append(f"{many(totals.store_rows, 'row')} of the store by themselves")
    write(f"{', '.join(parts)}\n")
    if totals.own_key:
        note(
            "the key believed is the data directory's own: who can write there could sign anew; see --key, --checkpoint"
        )


def key_in(command: str, path: Path) -> VerifierKey:
    """The public key in a file. Ends the command when there is none."""
    from weir.audit.evidence.note import BadKey, VerifierKey

    try:
        return VerifierKey.parse(path.read_text("utf-8").strip())
    except OSError as error:
        raise fail(command, f"{path} cannot be read ({error.strerror})", 2) from None
    except (BadKey, UnicodeDecodeError):
        raise fail(command, f"{path} holds no public key of checkpoints (keys/checkpoint.pub has one)", 2) from None


def _micros(text: str) -> int:
    from weir.cli.times import before

    try:
        return int(before(text).timestamp() * 1_000_000)
    except ValueError as error:
        raise fail("audit verify", f"--since: {error}", 2) from None
