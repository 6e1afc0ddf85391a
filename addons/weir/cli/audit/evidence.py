"""``weir audit evidence``: a folder for an auditor, or the check of one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from weir.cli.options import DATA, DataOption, need_data
from weir.cli.output import Progress, StoreTrouble, clean, fail, many, note, store_errors, write, write_json
from weir.cli.times import before

if TYPE_CHECKING:
    from weir.audit.evidence.note import SigningKey, VerifierKey
    from weir.reports.evidence.folder import Order

__all__ = ["evidence"]

_COMMAND = "audit evidence"


def evidence(
    since: Annotated[str, typer.Option(metavar="WHEN", help="Begin of the period: 30d, 12h, or a date.")] = "",
    until: Annotated[str, typer.Option(metavar="WHEN", help="End of the period; default: now.")] = "",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder to make; new or empty.")] = None,
    format: Annotated[
        Literal["folder"], typer.Option("--format", help="folder: a folder with an HTML page.")
    ] = "folder",
    policy: Annotated[Path | None, typer.Option(help="Policy file: how long what is kept today.")] = None,
    pseudonymous: Annotated[
        bool, typer.Option("--pseudonymous", help="Stand-ins for users, addresses and keys; names left out.")
    ] = False,
    pseudonym_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the key of the stand-ins here, made at first use.")
    ] = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Without the key of checkpoints: nobody vouches.")
    ] = False,
    check: Annotated[
        Path | None, typer.Option("--check", metavar="DIR", help="Check a folder instead; offline.")
    ] = None,
    key: Annotated[
        str, typer.Option(metavar="FILE", help="With --check: the public key as it was noted elsewhere, or its text.")
    ] = "",
    result: Annotated[
        Literal["table", "json"], typer.Option("--result", help="With --check: table for people, json for programs.")
    ] = "table",
    data: DataOption = DATA,
) -> None:
    """A signed folder an auditor can keep: records, checkpoints, verification, policies, prices, coverage, controls.

    Texts of prompts and replies are never in it. --check DIR tells whether a folder is still the one that was made.
    """
    if check is not None:
        return _check(check, key, result)
    if not since or out is None:
        raise fail(_COMMAND, "name the period and the place: --since 90d --out DIR; or --check DIR", 2)
    need_data(_COMMAND, data)
    if pseudonym_key is not None and not pseudonymous:
        raise fail(_COMMAND, "--pseudonym-key goes with --pseudonymous", 2)
    order = _order(
        since, until, out, data, policy, unsigned=unsigned, stand_ins=_stand_ins(pseudonymous, pseudonym_key)
    )
    return _make(order)


def _make(order: Order) -> None:
    from weir.reports.evidence.folder import PlaceTaken, make

    progress = Progress(_COMMAND)
    try:
        with store_errors():
            made = make(order, lambda step: note(f"weir {_COMMAND}: {step}"), progress)
    except PlaceTaken as error:
        raise fail(_COMMAND, f"{error}; name another place with --out", 2) from None
    except StoreTrouble as error:
        raise fail(_COMMAND, str(error)) from None
    finally:
        progress.clear()
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in made.counts.items())
    write(f"{order.out}: {counts}; {many(made.statement.files, 'file')}, {'signed' if order.key else 'NOT signed'}\n")
    found = made.verification
    for text in found.not_done:
        note(f"not checked: {text}")
    if found.count:
        note(f"the audit is not whole: {many(found.count, 'problem')}; the folder tells, and so does weir audit verify")
        raise typer.Exit(1)


def _order(
    since: str, until: str, out: Path, data: Path, policy: Path | None, *, unsigned: bool, stand_ins: object
) -> Order:
    from weir import settings
    from weir.datadir import DataDir, DataDirError
    from weir.places import version
    from weir.reports.evidence.folder import Order
    from weir.reports.evidence.kept import Keeping
    from weir.reports.evidence.pseudonyms import Pseudonyms
    from weir.reports.evidence.source import Period
    from weir.yamlpos import PolicyError

    try:
        period = Period(before(since), before(until) if until else datetime.now(UTC))
        loaded = settings.load(policy) if policy is not None else None
        directory = DataDir(data)
        signing = None if unsigned else _signing(directory)
        return Order(
            data_dir=data,
            out=out,
            period=period,
            proxy_id=directory.proxy_id,
            version=version(),
            key=signing,
            pseudonyms=stand_ins if isinstance(stand_ins, Pseudonyms) else None,
            keeping=Keeping(loaded.audit, loaded.hash) if loaded is not None else None,
        )
    except PolicyError as error:
        raise fail(_COMMAND, f"{policy}: {str(error).splitlines()[0]}", 2) from None
    except ValueError as error:
        raise fail(_COMMAND, str(error), 2) from None
    except DataDirError as error:
        raise fail(_COMMAND, f"{error}; or --unsigned, for a folder that nobody vouches for") from None
    except OSError as error:
        raise fail(_COMMAND, f"{policy}: cannot be read ({error.strerror})", 2) from None


def _signing(directory: object) -> SigningKey:
    """The key that signs checkpoints now. Raises DataDirError."""
    from weir.audit.evidence.covered import log_of
    from weir.audit.evidence.keys import first_key, settle, signing_key
    from weir.audit.evidence.logfile import read_log
    from weir.datadir import DataDir

    assert isinstance(directory, DataDir)
    log = log_of(directory.path)
    if not log.exists():
        return signing_key(directory.keys, directory.proxy_id)
    current = read_log(log, first_key(directory.keys)).key
    assert current is not None
    return settle(directory.keys, directory.proxy_id, current)


def _stand_ins(wanted: bool, path: Path | None) -> object:
    from weir.datadir import DataDirError
    from weir.reports.evidence.pseudonyms import Pseudonyms

    if not wanted:
        return None
    try:
        return Pseudonyms.kept(path) if path is not None else Pseudonyms.once()
    except (DataDirError, ValueError) as error:
        raise fail(_COMMAND, str(error)) from None


def _check(folder: Path, key: str, result: str) -> None:
    from weir.reports.evidence.check import check

    if not folder.is_dir():
        raise fail(_COMMAND, f"{folder} is no folder", 2)
    try:
        found = check(folder, _public(key) if key else None)
    except OSError as error:
        raise fail(_COMMAND, f"{folder} cannot be read ({error.strerror or type(error).__name__})") from None
    if result == "json":
        write_json(
            {"ok": not found.wrong, "wrong": found.wrong, "said": found.said, "rows_signed": found.signed,
             "rows_not_signed": found.unsigned}
        )  # fmt: skip
    else:
        for text in found.wrong:
            write(clean(text) + "\n")
        if found.statement is not None and not found.wrong:
            stated = found.statement
            write(f"{many(stated.files, 'file')} as made at {stated.made} for {stated.since} to {stated.until}\n")
        for text in found.said:
            note(text)
        newer = f"; of {found.unsigned:,} no checkpoint speaks" if found.unsigned else ", all there are"
        note(f"{many(found.signed, 'row')} as signed{newer}")
    if found.wrong:
        raise typer.Exit(1)


def _public(text: str) -> VerifierKey:
    from weir.audit.evidence.note import BadKey, VerifierKey

    try:
        path = Path(text)
        return VerifierKey.parse(path.read_text("utf-8").strip() if path.is_file() else text.strip())
    except (BadKey, OSError, UnicodeDecodeError):
        raise fail(_COMMAND, "--key: no public key of checkpoints, neither a file nor its text", 2) from None
