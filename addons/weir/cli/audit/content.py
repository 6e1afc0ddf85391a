"""``weir audit content`` and ``erase``: read the texts of an event, or make those of somebody unreadable for ever."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weir.cli.audit.disclosing import by, disclosed, reason_given, ring_for
from weir.cli.options import DATA, DataOption, FormatOption, need_data
from weir.cli.output import StoreTrouble, clean, console, fail, many, note, store_errors, write, write_json

if TYPE_CHECKING:
    from weir.audit.content.parts import Content

__all__ = ["content", "erase"]

ReasonOption = Annotated[str, typer.Option(help="Why; it goes into the audit with your name.")]
KeysOption = Annotated[
    Path | None, typer.Option("--policy", help="Policy whose audit.content.key says where the keys are.")
]
_SAID = {
    "missing": "its texts are missing, or damaged",
    "erased": "its texts were erased",
    "expired": "its texts were kept for as long as the policy said",
    "lost": "the key to its texts is not in the key file",
    "locked": "the content key that opens its texts is not among those given",
    "altered": "its texts were changed since they were written",
    "unwritten": "its texts were lost: weir ended before they were on disk",
}


def content(
    event_id: Annotated[str, typer.Argument(help="Id of an event, or of an exchange: all texts of it.")],
    reason: ReasonOption = "",
    data: DataOption = DATA,
    policy: KeysOption = None,
    format: FormatOption = "table",
) -> None:
    """Show what was said in an exchange, where policy kept it. Reading is itself in the audit; exit 1 without texts."""
    import uuid

    from weir.audit.content.rows import row_of

    need_data("audit content", data)
    why = reason_given("audit content", reason)
    try:
        name = str(uuid.UUID(event_id))
    except ValueError:
        raise fail("audit content", "an event's id is a UUID, as event_id in weir audit sql shows it", 2) from None
    try:
        with store_errors():
            rows = row_of(data, name)
    except StoreTrouble as error:
        raise fail("audit content", str(error)) from None
    if not rows:
        raise fail("audit content", f"the audit knows no event {name}, or no texts of that exchange were kept")
    if not any(row.get("content_ct_hash") for row in rows):
        raise fail("audit content", "its texts were not kept: audit.content of the policy says whose are")
    found = disclosed("audit content", data, ring_for("audit content", data, policy), rows, why)
    shown = 0
    documents = []
    for row in rows:
        texts = found.get(str(row["event_id"]))
        if isinstance(texts, str):
            note(f"weir audit content: {row['event_id']}: {_SAID[texts]}")
        elif texts is not None:
            shown += 1
            documents.append(_document(row, texts))
            if format == "table":
                _print(row, texts)
    if format == "json":
        write_json(documents)
    if not shown:
        raise typer.Exit(1)


def erase(
    reason: ReasonOption = "",
    user: Annotated[str, typer.Option(help="Everything kept of what this user said and was answered.")] = "",
    conversation: Annotated[str, typer.Option(help="Everything kept of this conversation (conversation_id).")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask whether that is meant.")] = False,
    data: DataOption = DATA,
    format: FormatOption = "table",
) -> None:
    """Destroy the keys of somebody's kept texts, and the values behind their pseudonyms. The audit's rows stay."""
    from weir.audit.content.erase import erase as destroy
    from weir.audit.content.keyfile import KeyFileError
    from weir.audit.content.keystore import KeyStore
    from weir.audit.content.rows import conversations_of
    from weir.audit.spool.records import write_records
    from weir.datadir import DataDir, DataDirError

    need_data("audit erase", data)
    if bool(user) == bool(conversation):
        raise fail("audit erase", "name one of --user and --conversation", 2)
    why = reason_given("audit erase", reason)
    of, name = ("user", user) if user else ("conversation", conversation)
    if not yes and not _meant(of, name):
        raise fail("audit erase", "nothing was erased", 1)
    try:
        with store_errors():
            talks = conversations_of(data, user) if user else {conversation}
        directory = DataDir(data)
        values = _pseudonyms(directory, talks)
        done = destroy(
            KeyStore(directory.content),
            of,
            name,
            by=by(),
            reason=why,
            append=lambda record: write_records(directory.spool, directory.proxy_id, [record]),
            also={"conversations": len(talks), "pseudonyms": values},
        )
        values += _pseudonyms(directory, talks)  # what a running weir wrote down in that moment
    except StoreTrouble as error:
        raise fail("audit erase", f"{error}; nothing was erased") from None
    except (KeyFileError, DataDirError) as error:
        raise fail("audit erase", str(error)) from None
    except OSError as error:
        raise fail(
            "audit erase", f"{error.strerror or type(error).__name__}; run it again, until it says erased"
        ) from None
    if format == "json":
        write_json({"event_id": done.event_id, "of": of, "keys": done.keys, "pseudonyms": values})
    else:
        what = f"{many(done.keys, 'key')} destroyed, pseudonyms of {many(values, 'conversation')} removed"
        write(f"erased what was kept of {of} {clean(name)}: {what}\n")
        note("a running weir forgets it within a second; backups and snapshots of the data directory do not")


def _pseudonyms(directory: Any, talks: set[str]) -> int:
    """Remove the stored values behind the pseudonyms of these conversations. Raises OSError."""
    from weir.dlp.standins.vault import Vault

    if not (directory.path / "pseudonyms.db").exists():
        return 0
    return Vault(directory.path / "pseudonyms.db", lambda: directory.secret("pseudonym-vault")).forget(talks)


def _meant(of: str, name: str) -> bool:
    if not sys.stdin.isatty():
        raise fail("audit erase", "nobody can take this back; without a terminal say --yes", 2)
    note(f"What was kept of the texts of {of} {clean(name)} becomes unreadable for ever.")
    return typer.confirm("Erase it?", default=False, err=True)


def _print(row: Mapping[str, Any], texts: Content) -> None:
    from weir.reports.timeline import text_lines

    out = console()
    for line in text_lines(row, texts, out.width):
        out.print(line, soft_wrap=True)


def _document(row: Mapping[str, Any], texts: Content) -> dict[str, Any]:
    import dataclasses

    return {
        "event_id": str(row["event_id"]),
        "exchange_id": str(row.get("exchange_id") or ""),
        "kind": row.get("kind"),
        "segments": [dataclasses.asdict(one) for one in texts.segments],
        "reply": texts.reply,
        "tool_calls": [dataclasses.asdict(one) for one in texts.calls],
        "chars_left_out": texts.cut,
    }
