"""What was said to whom, and what was done about it, in order: audit rows and opened texts become steps. Pure.

A chat client sends the whole conversation with every turn. What an earlier request of the conversation or the model
itself said already is not shown again, only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from weir.audit.content.parts import Content

__all__ = ["WHATS", "Row", "Step", "about", "timeline"]

Row = Mapping[str, Any]
WHATS = ("prompt", "reply", "tool call", "finding", "decision", "note")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ASIDE = frozenset(["tool_definition", "parameter"])  # sent with every turn, said by nobody
_PROMPTS = frozenset(["request", "block", "coach", "message"])
_REPLIES = frozenset(["response", "turn"])
_NOTES = {
    "error": "the exchange broke off",
    "gap": "audit records are missing here",
    "erasure": "texts were erased",
    "disclosure": "somebody read what was said",
    "meter": "a connection that was not decrypted",
    "config": "weir changed its state",
    "budget": "so much of a budget was spent",
    "discovered": "an AI service was discovered",
    "first_seen": "an AI service was used for the first time",
}
_WHY = {
    "": "its texts were not kept",
    "missing": "its texts are missing",
    "erased": "its texts were erased",
    "expired": "its texts were kept for as long as the policy said",
    "lost": "the key to its texts is lost",
    "locked": "the content key to its texts was not given",
    "unread": "its texts were kept; to read them takes a reason",
    "altered": "its texts were changed since they were written",
    "unwritten": "its texts were lost: weir ended before they were on disk",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``kept`` is False where ``text`` is not what was said but why that can't be shown."""

    at_us: int
    what: str  # one of WHATS
    who: str  # who said it: a user, a role, a model
    text: str = field(repr=False)
    detail: str = ""
    kept: bool = True
    event_id: str = ""
    exchange_id: str = ""
    conversation_id: str = ""


def about(row: Row, *, user: str = "", conversation: str = "", app: str = "") -> bool:
    """True when the row is of this user, conversation and app; an empty name asks for nothing."""
    return all(
        not wanted or str(row.get(name) or "") == wanted
        for name, wanted in (("user", user), ("conversation_id", conversation), ("app", app))
    )


def timeline(rows: Iterable[Row], contents: Mapping[str, Content | str]) -> list[Step]:
    """The steps of these events, in order of time and, at one moment, of what led to what.

    ``rows``: columns of ``events`` with lists of dicts under ``findings`` and ``tool_calls``; times as microseconds or
    as the store's timestamps. ``contents``, by event id: the opened texts, or why there are none (one of the reader's
    STATES, ``locked``). An event without an entry had its texts not kept.
    """
    exchanges: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (_us(row.get("ts")), _number(row.get("seq")), _said(row, "event_id"))):
        exchanges.setdefault(_said(row, "exchange_id") or _said(row, "event_id"), []).append(row)
    known: dict[str, Counter[tuple[str, str]]] = {}
    placed = []
    for place, events in enumerate(exchanges.values()):
        decided: tuple[str, str] | None = None
        texts = _placed(events, contents)
        for row in sorted(events, key=lambda row: (row.get("kind") in _REPLIES, _us(row.get("ts_end")))):
            steps = _of_event(row, texts, known)
            decision = next((step for step in steps if step.what == "decision"), None)
            if decision is not None:
                same, decided = decided, (decision.text, _said(row, "rule_id"))
                if same == decided:  # the reply's record repeats what was decided on the request
                    steps.remove(decision)
            placed += [((step.at_us, place, number), step) for number, step in enumerate(steps)]
    return [step for _, step in sorted(placed, key=lambda one: one[0])]


def _placed(events: Sequence[Row], contents: Mapping[str, Content | str]) -> Mapping[str, Content | str]:
    """The contents of an exchange, each where it was said: where only the reply was a reason to keep texts, the
    request's stand in the reply's event."""
    texts = {_said(row, "event_id"): contents.get(_said(row, "event_id"), "") for row in events}
    asked = [_said(row, "event_id") for row in events if row.get("kind") == "request"]
    if len(asked) != 1 or isinstance(texts[asked[0]], Content):
        return texts
    for event_id, content in list(texts.items()):
        if isinstance(content, Content) and content.segments:
            texts[asked[0]] = Content(content.segments, cut=content.cut)
            texts[event_id] = Content((), content.reply, content.calls)
            break
    return texts


def _of_event(
    row: Row, contents: Mapping[str, Content | str], known: dict[str, Counter[tuple[str, str]]]
) -> list[Step]:
    kind = _said(row, "kind")
    opened = contents.get(_said(row, "event_id"), "")
    content = opened if isinstance(opened, Content) else None
    why = "" if isinstance(opened, Content) else _WHY.get(opened, opened)
    if kind in _NOTES:
        return [_step(row, "note", "weir", _noted(row, kind))]
    seen = known.setdefault(_said(row, "conversation_id") or f"{row.get('user')}\0{row.get('app')}", Counter())
    steps = []
    if kind in _PROMPTS or (content is not None and content.segments):
        steps += _prompts(row, content, why, seen)
    steps += _findings(row, "request")
    if kind in _REPLIES:
        steps += _reply(row, content, why)
        steps += _calls(row, content)
        if content is not None and content.reply:
            seen["assistant", content.reply] += 1
    steps += _findings(row, "response")
    return steps + _decision(row)


def _noted(row: Row, kind: str) -> str:
    what, why = _NOTES[kind], _said(row, "reason") or _said(row, "inspection_reason")
    if kind == "disclosure" and (told := _extra(row)).get("by"):
        opened = told.get("outcome") in (None, "opened")
        what = f"{told['by']} read what was said" if opened else f"{told['by']} asked what was said ({told['outcome']})"
    if kind == "erasure" and why.startswith("erased "):
        return f"texts were {why}"
    return f"{what}: {why}" if why else what


def _prompts(row: Row, content: Content | None, why: str, seen: Counter[tuple[str, str]]) -> list[Step]:
    user = _said(row, "user") or _said(row, "app") or _said(row, "src_ip") or "nobody known"
    if content is None or not content.segments:
        return [_step(row, "prompt", user, why or _WHY[""], _target(row), kept=False)]
    told = [(one.role, one.text) for one in content.segments if one.role not in _ASIDE]
    new, left = [], seen.copy()
    for said in told:
        if left[said] > 0:
            left[said] -= 1
        else:
            new.append(said)
    seen.clear()
    seen.update(told)
    again = len(told) - len(new)
    notes = [_target(row)]
    if again:
        notes.append("1 text said before" if again == 1 else f"{again} texts said before")
    if content.cut:
        notes.append(f"{content.cut} characters were not kept")
    detail = ", ".join(filter(None, notes))
    if not new:
        return [_step(row, "prompt", user, "nothing new is said", detail, kept=False)]
    steps = []
    for role, text in new:
        steps.append(_step(row, "prompt", user if role == "user" else role, text, detail))
        detail = ""
    return steps


def _reply(row: Row, content: Content | None, why: str) -> list[Step]:
    model = _said(row, "response_model") or _said(row, "request_model") or "model"
    tokens = [f"{row[name]} tokens {word}" for name, word in _TOKENS if row.get(name)]
    status = row.get("http_status")
    failed = f"HTTP {status}" if isinstance(status, int) and status >= 400 else ""
    detail = ", ".join(filter(None, [failed, *tokens, _said(row, "finish_reason")]))
    if content is None:
        return [_step(row, "reply", model, why, detail, kept=False, ended=True)]
    if content.reply:
        return [_step(row, "reply", model, content.reply, detail, ended=True)]
    if content.calls:
        return []
    told = "its texts could not be kept" if content.cut and not content.segments else "no text"
    return [_step(row, "reply", model, told, detail, kept=False, ended=True)]


_TOKENS = (("input_tokens", "in"), ("output_tokens", "out"))


def _calls(row: Row, content: Content | None) -> list[Step]:
    model = _said(row, "response_model") or _said(row, "request_model") or "model"
    if content is not None and content.calls:
        return [_step(row, "tool call", model, call.arguments, call.name, ended=True) for call in content.calls]
    return [
        _step(row, "tool call", model, "its arguments were not kept", _said(call, "name"), kept=False, ended=True)
        for call in _children(row, "tool_calls")
    ]


def _findings(row: Row, direction: str) -> list[Step]:
    steps = []
    for found in _children(row, "findings"):
        if (_said(found, "direction") or "request") != direction:
            continue
        where = f"text {found['segment']}" if found.get("segment") is not None else "a text"
        if found.get("span_start") is not None and found.get("span_end") is not None:
            where += f", characters {found['span_start']} to {found['span_end']}"
        text = f"{_said(found, 'detector')} in {where}"
        detail = ", ".join(filter(None, [_said(found, "severity"), _said(found, "action")]))
        steps.append(_step(row, "finding", "weir", text, detail, ended=direction == "response"))
    return steps


def _decision(row: Row) -> list[Step]:
    verdict, action, rule = _said(row, "verdict"), _said(row, "action"), _said(row, "rule_id")
    if not (verdict or action):
        return []
    text = action or verdict
    if verdict and action and verdict != action:  # observe mode
        text = f"{action} (the policy says {verdict})"
    why = _said(row, "reason") if row.get("kind") not in _REPLIES else ""
    detail = why if rule and why.startswith(f"{rule}:") else ", ".join(filter(None, [rule, why]))
    return [_step(row, "decision", "weir", text, detail, ended=row.get("kind") in _REPLIES)]


def _step(
    row: Row, what: str, who: str, text: str, detail: str = "", *, kept: bool = True, ended: bool = False
) -> Step:
    at = _us(row.get("ts_end") if ended else None) or _us(row.get("ts"))
    ids = (_said(row, "event_id"), _said(row, "exchange_id"), _said(row, "conversation_id"))
    return Step(at, what, who, text, detail, kept, *ids)


def _target(row: Row) -> str:
    return ", ".join(filter(None, [_said(row, "service") or _said(row, "host"), _said(row, "request_model")]))


def _children(row: Row, name: str) -> Sequence[Row]:
    found = row.get(name) or ()
    return [child for child in found if isinstance(child, Mapping)]


def _extra(row: Row) -> Mapping[str, Any]:
    """What stands in ``extra``: JSON as the store has it, or read already."""
    extra = row.get("extra")
    try:
        told = orjson.loads(extra) if isinstance(extra, str) else extra
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, Mapping) else {}


def _said(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _us(value: object) -> int:
    """Microseconds since the epoch, of a number or a timestamp (UTC when it has no zone); 0 for anything else."""
    if isinstance(value, datetime):
        return ((value if value.tzinfo else value.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
    return value if isinstance(value, int) else 0
