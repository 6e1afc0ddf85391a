"""A recorded WebSocket through the parsers: every message as a running weir reads it, one line for all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from weir.cli.inspecting_around import moment
from weir.dlp.replies.listen import Listener
from weir.model import Exchange, Finding, Inspection, Service, Verdict
from weir.providers.replies.frames import read_frame
from weir.providers.replies.frames_gemini import frames_of
from weir.usage.account import settle

if TYPE_CHECKING:
    from weir.cli.inspecting import Inspected, Inspector
    from weir.cli.recordings import Recorded

__all__ = ["socket_of"]

_ORDER = (Inspection.INSPECTED, Inspection.PARTIAL, Inspection.UNPARSED, Inspection.FAILED)
_SEGMENTS_MAX = 20_000  # of all messages, kept to count what was said


def socket_of(inspector: Inspector, one: Recorded, service: Service, opening: Exchange) -> Inspected:
    """What all messages of one socket were. ``opening`` is the request that opened it."""
    from weir.cli.inspecting import made

    dialect = frames_of(opening.endpoint)
    endpoint = replace(opening.endpoint, dialect=dialect.id)
    listener = Listener()
    reader = dialect.frame_reader(opening, listener)
    worst, reasons, model = Inspection.INSPECTED, dict[str, None](), opening.model
    opening, opened = inspector.scan(opening)  # its target may say something
    findings: list[Finding] = [*opened]
    said = list(opening.segments)
    tools: dict[str, None] = {}
    verdict = Verdict()
    for number, message in enumerate(one.messages or (), 1):
        if not message.from_client:
            reader.message(message.content)
            continue
        exchange = read_frame(dialect, message.content, endpoint, number, is_text=message.is_text)
        exchange, found = inspector.scan(exchange)
        findings += found
        judged = replace(exchange, endpoint=endpoint, model=exchange.model or model)
        verdict = max(verdict, inspector.judge(one, service, judged, found), key=lambda each: each.action)
        said += exchange.segments[: max(0, _SEGMENTS_MAX - len(said))]
        tools |= dict.fromkeys(exchange.tools)
        model = exchange.model or model
        worst = max(worst, exchange.inspection, key=_ORDER.index)
        if exchange.reason:
            reasons[exchange.reason] = None
    reader.rest()
    reply = reader.reply()
    replied, failed = inspector.heard(listener)
    if failed and reply.inspection is Inspection.INSPECTED:
        reply = replace(reply, inspection=Inspection.PARTIAL, reason=failed)
    whole = replace(
        opening,
        endpoint=endpoint,
        model=model,
        stream=True,
        segments=tuple(said),
        tools=tuple(tools),
        inspection=worst,
        reason="; ".join(list(reasons)[:8]),
    )
    at = moment(one.at)
    usage, cost = settle(whole, reply, inspector.counter, inspector.prices, endpoint.service, at)
    # Findings count into the segments of their own message, so the model's name is not looked at by them here.
    line = made(one, service.id, replace(whole, model=""), findings, reply, replied, usage, cost)
    line = replace(line, model=reply.model or ("" if findings else model))
    if inspector.policy is None:
        return line
    return replace(line, action=verdict.action.word, rule=verdict.rule_id)
