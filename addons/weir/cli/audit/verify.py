"""``weir audit verify``: is the audit whole."""

from __future__ import annotations

import dataclasses

import typer

from weir.cli.options import DATA, DataOption, FormatOption, need_data
from weir.cli.output import Progress, clean, fail, note, write, write_json

__all__ = ["verify"]

PROBLEMS_MAX = 1_000  # shown; all are counted


def verify(data: DataOption = DATA, format: FormatOption = "table") -> None:
    """Check every link of the spool's chains and hold every row against the store; exit 1 if anything is wrong.

    One line a problem: file and line, seq, and what is wrong. It reads some 100,000 rows a second.
    """
    from weir.audit.evidence.compare import what_is_there
    from weir.audit.evidence.verify import Verifier

    need_data("audit verify", data)
    if not any(what_is_there(data)):
        raise fail("audit verify", f"{data} has neither a spool nor a store; name weir's data directory with --data")
    progress = Progress("audit verify")
    verifier = Verifier(data, progress)
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
        raise fail("audit verify", f"the spool cannot be read ({error.strerror or type(error).__name__})") from None
    finally:
        progress.clear()
    told = f"{verifier.rows} rows in {verifier.chains} chains"
    if format == "json":
        totals = {"ok": not count, "rows": verifier.rows, "chains": verifier.chains, "problem_count": count}
        write_json({**totals, "problems": shown})
    elif count:
        more = f", the first {PROBLEMS_MAX} of them shown" if count > PROBLEMS_MAX else ""
        note(f"{told}: {count} problems{more}")
        for remedy in dict.fromkeys(problem["remedy"] for problem in shown):
            note(f"→ {remedy}")
    else:
        write(f"{told}: every link holds, and the store has the same rows\n")
    if count:
        raise typer.Exit(1)
