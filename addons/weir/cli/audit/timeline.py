"""``weir audit timeline``: what a user, a conversation or an app asked, was answered and had decided, in order."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from weir.cli.audit.content import KeysOption
from weir.cli.audit.disclosing import disclosed, reason_given, ring_for
from weir.cli.options import DATA, DataOption, FormatOption, need_data
from weir.cli.output import StoreTrouble, console, fail, note, store_errors, write_json

__all__ = ["timeline"]

COMMAND = "audit timeline"
_EVENTS_MAX = 10_000


def timeline(
    user: Annotated[str, typer.Option(help="What this user asked and was answered.")] = "",
    conversation: Annotated[str, typer.Option(help="One conversation (conversation_id).")] = "",
    app: Annotated[str, typer.Option(help="What came from this app.")] = "",
    since: Annotated[str, typer.Option(help="90m, 12h, 7d, 2w, or a date.")] = "7d",
    until: Annotated[str, typer.Option(help="The same; default: now.")] = "",
    reason: Annotated[str, typer.Option(help="Why you read the texts; without it they are not opened.")] = "",
    lines: Annotated[int, typer.Option(min=0, help="Lines shown of each text; 0: all.")] = 20,
    limit: Annotated[int, typer.Option(min=1, max=_EVENTS_MAX, help="Events at most.")] = 1_000,
    data: DataOption = DATA,
    policy: KeysOption = None,
    format: FormatOption = "table",
) -> None:
    """Tell in order who said what, what was found in it and what was decided. Texts take --reason; it is recorded.

    One of --user, --conversation and --app has to be named.
    """
    from weir.audit.content.rows import rows_about
    from weir.audit.content.timeline import timeline as told

    need_data(COMMAND, data)
    if not (user or conversation or app):
        raise fail(COMMAND, "name a --user, a --conversation or an --app", 2)
    why = reason_given(COMMAND, reason) if reason else ""
    try:
        with store_errors():
            rows = rows_about(
                data,
                user=user,
                conversation=conversation,
                app=app,
                since=_moment(since, "since"),
                until=_moment(until, "until"),
                limit=limit + 1,
            )
    except StoreTrouble as error:
        raise fail(COMMAND, str(error)) from None
    more, rows = len(rows) > limit, rows[:limit]
    kept = [row for row in rows if row.get("content_ct_hash")]
    contents: dict[str, object] = {str(row["event_id"]): "unread" for row in kept}
    if why and kept:
        contents = dict(disclosed(COMMAND, data, ring_for(COMMAND, data, policy), kept, why))
    steps = told(rows, contents)  # type: ignore[arg-type]
    if format == "json":
        from weir.reports.timeline import as_objects

        write_json(as_objects(steps))
    else:
        from weir.reports.timeline import lines as laid_out

        out = console()
        for line in laid_out(steps, out.width, lines):
            out.print(line, soft_wrap=True)
    if not rows:
        note("nothing in that time")
    if kept and not why:
        note(f"texts of {len(kept)} events were kept; to read them: --reason TEXT")
    if more:
        note(f"only the first {limit} events are shown: narrow --since and --until, or raise --limit")


def _moment(text: str, option: str) -> datetime | None:
    """As the store has times: UTC without a zone."""
    from weir.cli.times import before

    if not text:
        return None
    try:
        return before(text).replace(tzinfo=None)
    except ValueError as error:
        raise fail(COMMAND, f"--{option}: {error}", 2) from None
