"""``weir scan``: the detectors of the policy on files, folders and standard input."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from weir.cli.options import DATA, DataOption, PolicyOption
from weir.cli.output import Progress, clean, fail, note, table, write, write_json

if TYPE_CHECKING:
    from weir.cli.scanning import Located, Scanner, Source
    from weir.dlp.core.engine import Engine
    from weir.settings import Settings

__all__ = ["engine_for", "load_policy", "scan"]

FINDINGS_MAX = 10_000  # in one window of a text
_SEVERITIES = ("low", "medium", "high", "critical")


def scan(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files and folders; - is standard input.", show_default=False)
    ],
    policy: PolicyOption = None,
    format: Annotated[
        Literal["table", "json", "sarif"],
        typer.Option("--format", help="table for people, json for programs, sarif for code scanning."),
    ] = "table",
    direction: Annotated[
        Literal["request", "response"], typer.Option(help="As what the texts are judged: sent, or answered.")
    ] = "request",
    fail_on: Annotated[
        str, typer.Option(metavar="SEVERITY", help="low, medium, high, critical, or a score such as 0.8.")
    ] = "medium",
    skip: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Leave out below folders, e.g. '*.png'; repeatable.")
    ] = None,
    data: DataOption = DATA,
) -> None:
    """Say where files hold credentials, personal data and the organisation's own values; never what they are.

    With --policy every finding says what that policy would do about it. Exit code 0: nothing at or above --fail-on;
    1: something, or not all could be looked at; 2: wrong usage, or a file that can't be read.
    """
    from weir.cli.scanning import Scanner, sources
    from weir.dlp.files import FileLimits
    from weir.policy.decide import Policy

    counts = _threshold(fail_on)
    settings = load_policy("scan", policy)
    limits = FileLimits(bytes_max=settings.dlp.files.bytes_max, depth_max=settings.dlp.files.depth_max)
    unread: list[tuple[str, str]] = []

    def unreadable(name: str, error: OSError) -> None:
        unread.append((name, error.strerror or type(error).__name__))

    wanted = list(sources(files, skip or [], unreadable))
    engine = engine_for("scan", settings, data)
    scanner = Scanner(engine, limits, direction, Policy.compile(settings) if policy else None)
    found = _run(scanner, wanted, unreadable)
    told = _describe(settings, found)
    if format == "json":
        write_json(_as_json(found, scanner, unread, len(wanted)))
    elif format == "sarif":
        from weir.cli.sarif import as_sarif
        from weir.places import version

        write_json(as_sarif(found, told, [*scanner.incomplete, *unread], version()))
    else:
        _print(found, told, scanner)
    for name, reason in scanner.incomplete:
        note(f"weir scan: {clean(name)}: not all of it was looked at: {clean(reason)}")
    for name, reason in unread:
        note(f"weir scan: {clean(name)}: cannot be read ({clean(reason)})")
    bad = sum(map(counts, found))
    _summary(found, len(wanted) - len(unread), bad, fail_on)
    if unread:
        raise typer.Exit(2)
    if bad or scanner.incomplete:
        raise typer.Exit(1)


def load_policy(command: str, path: Path | None) -> Settings:
    """The policy at ``path``, or the shipped observe.yaml. Ends the command when it can't be used."""
    from weir.places import policy_path
    from weir.settings import PolicyError, load

    place = path or policy_path("observe")
    if not place.is_file():
        raise fail(command, f"{place} is not a file; name a policy such as policies/observe.yaml", 2)
    try:
        return load(place)
    except PolicyError as error:
        first, more = error.mistakes[0], len(error.mistakes) - 1
        others = f" (and {more} more; weir check {place} lists them)" if more else ""
        raise fail(command, f"{first}{others}", 2) from None


def engine_for(command: str, settings: Settings, data: Path) -> Engine:
    """The policy's detectors. Ends the command when they can't be loaded."""
    from weir.cli.detectors import detector_mistake
    from weir.datadir import DataDir, DataDirError
    from weir.dlp.build import ExactKeyMissing, engine_of
    from weir.dlp.exact.exactfile import ExactFileError

    key = b""
    try:
        if settings.dlp.exact and data.is_dir():
            key = DataDir(data).secret("exact")
        # The findings' fingerprints are compared with nothing, so any key will do for them.
        return engine_of(settings.dlp, os.urandom(32), key, findings_max=FINDINGS_MAX, cache_entries=16)
    except (DataDirError, ExactFileError) as error:
        raise fail(command, str(error), 2) from None
    except ExactKeyMissing as error:
        problem, _, remedy = str(error).partition("; ")
        raise fail(command, str(settings.mistake(("dlp", "exact"), problem, remedy)), 2) from None
    except (ValueError, OSError) as error:
        raise fail(command, str(detector_mistake(settings, error)), 2) from None


def _threshold(text: str) -> Callable[[Located], bool]:
    if text in _SEVERITIES:
        least = _SEVERITIES.index(text)
        return lambda found: _SEVERITIES.index(found.severity) >= least
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise fail("scan", f"--fail-on is none of {', '.join(_SEVERITIES)} and no score from 0 to 1", 2)
    return lambda found: found.score >= score


def _run(scanner: Scanner, wanted: Sequence[Source], unreadable: Callable[[str, OSError], None]) -> list[Located]:
    total = sum(source.size for source in wanted)
    done = 0
    progress = Progress("scan")

    def read(count: int) -> None:
        nonlocal done
        done += count
        progress(done, max(total, done))

    found: list[Located] = []
    for source in wanted:
        try:
            found += scanner.scan(source, sys.stdin.buffer, read)
        except OSError as error:
            unreadable(source.name, error)
    progress.clear()
    return found


def _describe(settings: Settings, found: Sequence[Located]) -> Mapping[str, str]:
    from weir.dlp.listing import descriptions

    return descriptions(settings.dlp, {one.detector for one in found})


def _as_json(
    found: Sequence[Located], scanner: Scanner, unread: Sequence[tuple[str, str]], files: int
) -> dict[str, Any]:
    decided = scanner.policy is not None
    rows = []
    for one in found:
        row = {
            "file": one.file, "where": one.where, "line": one.line, "column": one.column, "start": one.start,
            "end": one.end, "detector": one.detector, "category": one.category, "severity": one.severity,
            "score": one.score,
        }  # fmt: skip
        rows.append(row | {"action": one.action} if decided else row)
    answer: dict[str, Any] = {
        "files": files,
        "complete": not scanner.incomplete and not unread,
        "incomplete": [{"file": name, "reason": reason} for name, reason in scanner.incomplete],
        "unreadable": [{"file": name, "reason": reason} for name, reason in unread],
        "findings": rows,
    }
    if decided:
        answer["verdicts"] = [
            {"file": name, "action": action.word, "rule": rule} for name, (action, rule) in scanner.verdicts.items()
        ]
    return answer


def _print(found: Sequence[Located], told: Mapping[str, str], scanner: Scanner) -> None:
    if not found:
        return
    heads = ["place", "detector", "severity", "score", *(["action"] if scanner.policy else [])]
    rows: list[list[object]] = []
    for one in found:
        part = f" {one.where}," if one.where else ""
        place = f"{one.file}:{part}{one.line}:{one.column}"
        decided = [one.action] if scanner.policy else []
        rows.append([place, one.detector, one.severity, f"{one.score:.2f}", *decided])
    table(heads, rows, whole=True)  # editors and grep read file:line
    write("\n")
    times = Counter(one.detector for one in found)
    names = sorted(times)
    table(["detector", "findings", "what it is"], [[n, times[n], told.get(n, "")] for n in names], whole=True)


def _summary(found: Sequence[Located], files: int, bad: int, fail_on: str) -> None:
    in_files = len({one.file for one in found})
    looked = f"{files} file{'' if files == 1 else 's'} looked at"
    if not found:
        return note(f"{looked}, nothing found")
    many = f"{len(found)} finding{'' if len(found) == 1 else 's'}"
    return note(f"{looked}: {many} in {in_files} of them, {bad} at or above {fail_on}")
