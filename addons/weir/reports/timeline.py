"""A timeline for people: who said what, what was found and decided, in the width of a terminal.

Not one of the discovered reports: it shows texts, which takes the content key and a reason.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.text import Text as RichText

from weir.audit.content.parts import Content
from weir.audit.content.timeline import Step
from weir.cli.layout import wrap

__all__ = ["as_objects", "lines", "text_lines"]

_INDENT = 2
_STYLES = {
    "prompt": "bold cyan",
    "reply": "bold green",
    "tool call": "bold magenta",
    "finding": "bold yellow",
    "decision": "bold",
    "note": "dim",
}
_STRONG = ("block", "coach")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def lines(steps: Iterable[Step], width: int = 80, lines_max: int = 0) -> Iterator[RichText]:
    """The steps as lines of at most ``width`` cells: a head, and what was said below it, indented.

    A text of more than ``lines_max`` lines is cut with a word of how many follow; 0 cuts none. What would move a
    cursor, hide or turn text round is shown as U+FFFD: prompts hold what strangers wrote.
    """
    day = exchange = ""
    for step in steps:
        moment = datetime.fromtimestamp(step.at_us / 1e6, UTC)
        if f"{moment:%Y-%m-%d}" != day:
            day = f"{moment:%Y-%m-%d}"
            yield RichText(f"{day} (UTC)", "bold underline")
        if exchange and step.exchange_id != exchange:
            yield RichText("")
        exchange = step.exchange_id
        yield from _step_lines(step, f"{moment:%H:%M:%S}", width, lines_max)


def text_lines(row: Mapping[str, Any], content: Content, width: int = 80) -> Iterator[RichText]:
    """All texts of one event, each below whose it is: nothing is left out, nothing counted as said before."""
    head = [str(row.get(name) or "") for name in ("kind", "user", "service", "request_model")]
    yield RichText(" · ".join(filter(None, [str(row["event_id"]), *map(_clean, head)])), "bold underline")
    for one in content.segments:
        where = f"  {_clean(one.pointer)}" if one.role in ("tool_definition", "parameter") else ""
        yield RichText(f"{_clean(one.role)}{where}", _STYLES["prompt"])
        yield from map(RichText, _below(_clean(one.text), width, 0))
    if content.reply:
        yield RichText("reply", _STYLES["reply"])
        yield from map(RichText, _below(_clean(content.reply), width, 0))
    for call in content.calls:
        yield RichText(f"tool call  {_clean(call.name)}", _STYLES["tool call"])
        yield from map(RichText, _below(_clean(call.arguments), width, 0))
    if content.cut:
        yield RichText(f"{content.cut} characters more were not kept", "dim italic")


def as_objects(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """The steps for programs: ``at`` as ISO 8601 with Z, every other field as it is; ``text`` null if not kept."""
    return [
        {
            "at": datetime.fromtimestamp(step.at_us / 1e6, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "what": step.what,
            "who": step.who,
            "text": step.text if step.kept else None,
            "note": None if step.kept else step.text,
            "detail": step.detail,
            "event_id": step.event_id,
            "exchange_id": step.exchange_id,
            "conversation_id": step.conversation_id,
        }
        for step in steps
    ]


def _step_lines(step: Step, time: str, width: int, lines_max: int) -> Iterator[RichText]:
    style = _STYLES.get(step.what, "")
    if step.what == "decision" and step.text.startswith(_STRONG):
        style = "bold red"
    said = _clean(step.text)
    below: Sequence[str] = ()
    if step.what in ("finding", "decision", "note"):
        head = " · ".join(filter(None, [said, _clean(step.detail)]))
    else:
        head = " · ".join(filter(None, [_clean(step.who), _clean(step.detail)]))
        below = _below(said, width, lines_max)
    begin = f"{time}  {step.what:<9}  "
    for number, line in enumerate(wrap(head.replace("\n", " "), max(width - len(begin), 10))):
        shown = RichText(begin if not number else " " * len(begin), style if not number else "")
        shown.append(line, "")
        shown.rstrip()
        yield shown
    for line in below:
        yield RichText(line, "" if step.kept else "dim italic")


def _below(said: str, width: int, lines_max: int) -> Sequence[str]:
    made = [f"{' ' * _INDENT}{line}".rstrip() for line in wrap(said, max(width - _INDENT, 10))]
    if lines_max and len(made) > lines_max:
        more = len(made) - lines_max
        return [*made[:lines_max], f"{' ' * _INDENT}… {more} more line{'s' * (more != 1)}"]
    return made


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(
        "\ufffd" if char in _BIDI or (unicodedata.category(char) in ("Cc", "Cs") and char != "\n") else char
        for char in text
    )
