"""Texts of exchanges that policy wants kept: which they are.

What is kept of a request is what the client sent, also where it was held back or changed; of a reply, what the client
got: pseudonyms turned back, and out of it what policy takes out. Credentials are struck out of both. Where they could
not be looked for, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from weir.audit.content.choose import Keep, choose
from weir.audit.content.gather import both, of_reply, of_request
from weir.audit.content.parts import CalledTool, Content, struck
from weir.edge.keys.echoes import REPEATS, Echo
from weir.edge.replies import case_of_reply, verdict_of_reply
from weir.edge.websockets.said import without_open_end
from weir.model import Action, Exchange, Finding, Inspection, Reply, Segment, Verdict

if TYPE_CHECKING:
    from weir.edge.trace import Trace
    from weir.edge.websockets.socket import Socket
    from weir.providers.replies.frames import Turn

__all__ = ["INLINE_CHARS_MAX", "Kept", "asked", "clean", "message", "replied", "turned"]

INLINE_CHARS_MAX = 64 * 1024  # of texts that are encrypted on the event loop
SCAN_S = 3.0
_NOTHING = Content()


@dataclass(frozen=True, slots=True)
class Kept:
    """Texts to be kept. ``make`` gathers them (for a worker when ``heavy``); the rest is what they are stored under."""

    make: Callable[[], Content] = field(repr=False)
    heavy: bool
    user: str
    conversation: str
    ts_us: int
    expires_day: int


def _kept(trace: Trace, keep: Keep, make: Callable[[], Content], *, heavy: bool) -> Kept:
    """Texts of this exchange, stored under its user, its conversation and the time it began."""
    user, began = trace.principal.user, trace.started_us
    return Kept(make, heavy, user, trace.conversation, began, keep.expires_day(began))


def asked(trace: Trace) -> Kept | None:
    """The texts of the request; None when policy doesn't want them, or nobody could look through them."""
    keep = _choice(trace, trace.verdict.rules, found=bool(trace.findings))
    if not keep.keep or not _looked_through(trace):
        return None
    assert trace.exchange is not None
    exchange, findings = trace.exchange, trace.findings
    trace.texts_kept = True
    return _kept(
        trace, keep, lambda: of_request(exchange, findings), heavy=_chars(exchange.segments) > INLINE_CHARS_MAX
    )


def replied(trace: Trace) -> Kept | None:
    """The texts of the reply, and the request's with them if only the reply was a reason to keep them."""
    look = trace.look
    answered = bool(look.findings) if look is not None else False
    if trace.socket is not None:
        answered = answered or bool(trace.socket.counts)
    keep = _choice(trace, verdict_of_reply(trace).rules, found=bool(trace.findings or answered))
    if not keep.keep:
        return None
    reply, scans = _said(trace), answered
    late = () if trace.socket is None else trace.socket.said.take(last=True)
    exchange = trace.exchange if not trace.texts_kept and _looked_through(trace) else None
    if reply is None and exchange is None and not late:
        return None
    findings = trace.findings

    def make() -> Content:
        asked_for = _NOTHING if exchange is None else of_request(exchange, findings)
        told = _NOTHING if reply is None else clean(trace, of_reply(reply), scans=scans)
        return both(Content((*asked_for.segments, *late)), told)

    chars = (0 if exchange is None else _chars(exchange.segments)) + sum(len(one.text) for one in late)
    chars += 0 if reply is None else len(reply.text) + sum(map(len, reply.arguments))
    return _kept(trace, keep, make, heavy=scans or chars > INLINE_CHARS_MAX)


def _said(trace: Trace) -> Reply | None:
    """The reply as far as it was read, if all of that was looked through; None when there is nothing of it to keep."""
    look, reply = trace.look, trace.reply
    if look is None or reply is None or look.watch is None or look.watch.found.failed:
        return None
    if trace.socket is not None:  # its turns have told theirs
        chars, calls = trace.socket.told
        text, arguments = reply.text[chars:], reply.arguments[calls:]
        reply = replace(reply, text=text, tool_calls=reply.tool_calls[calls:], arguments=arguments)
    return reply if reply.text or reply.tool_calls else None


def message(trace: Trace, exchange: Exchange, findings: Sequence[Finding], verdict: Verdict) -> Kept | None:
    """The texts of one message of a socket, whoever sent it, which has a record of its own."""
    keep = _choice(trace, verdict.rules, found=bool(findings))
    if not keep.keep or not exchange.segments or trace.inspection is Inspection.FAILED:
        return None
    found = tuple(replace(finding, direction="request") for finding in findings)  # of this message, that is
    return _kept(
        trace,
        keep,
        lambda: without_open_end(of_request(exchange, found)),
        heavy=_chars(exchange.segments) > INLINE_CHARS_MAX,
    )


def turned(trace: Trace, socket: Socket, turn: Turn) -> Kept | None:
    """What was said on a socket since the turn before, by its client and by the server."""
    look = trace.look
    found = bool(socket.counts) or (look is not None and bool(look.findings))
    keep = _choice(trace, socket.verdict.rules, found=found)
    asked_for = () if turn.heard else socket.said.take()
    if not keep.keep or socket.inspection is Inspection.FAILED or not (asked_for or turn.text or turn.tool_calls):
        return None
    reply = Reply(text=turn.text, tool_calls=turn.tool_calls, arguments=turn.arguments)

    def make() -> Content:
        return both(Content(asked_for), clean(trace, of_reply(reply), scans=found))

    chars = len(turn.text) + sum(len(one.text) for one in asked_for)
    return _kept(trace, keep, make, heavy=found or chars > INLINE_CHARS_MAX)


def clean(trace: Trace, said: Content, *, scans: bool) -> Content:
    """A reply's texts as the client got them. ``scans``: something was found in them, and has to be found again, for
    where it stood is known of the stream's parts only. Work for a thread then; what can't be scanned is cut."""
    texts = [said.reply, *(call.arguments for call in said.calls)]
    if scans:
        struck_out = [_strike(trace, text) for text in texts]
        if None in struck_out:  # how much that was is kept, and told by the record
            return Content(cut=said.cut + sum(map(len, texts)))
        texts = [text for text in struck_out if text is not None]
    echo = _company_key(trace)
    if echo is not None:
        texts = [_utf8(echo.out_of(text.encode("utf-8", "surrogatepass"))) for text in texts]
    if trace.masker is not None and (trace.acted or trace.socket is not None):
        texts = [_restored(trace, text) for text in texts]
    calls = (
        CalledTool(call.name, arguments, call.call_id) for call, arguments in zip(said.calls, texts[1:], strict=True)
    )
    return Content(said.segments, texts[0], tuple(calls), said.cut)


def _strike(trace: Trace, text: str) -> str | None:
    """``text`` without credentials, and without what policy takes out of replies; None when it could not be scanned."""
    if not text:
        return text
    segment = Segment("", "assistant", text)
    scan = trace.snapshot.engine.scan((segment,), "response", deadline_s=SCAN_S, remember=False)
    if not scan.complete:
        return None
    look, treated = trace.look, [Action.ALLOW] * len(scan.findings)
    if look is not None and look.acting and scan.findings:
        treated = list(look.policy.treatments(case_of_reply(trace, look), scan.findings))
    return struck(text, [span for span in map(_span, scan.findings, treated) if span is not None])


def _span(found: Finding, treatment: Action) -> tuple[int, int, str] | None:
    if treatment >= Action.REDACT:
        return found.start, found.end, f"REDACTED:{found.detector.rpartition('/')[2]}"
    return (found.start, found.end, found.detector) if found.category == "secret" else None


def _company_key(trace: Trace) -> Echo | None:
    """What takes the company's key out of an answer that repeats the request: the client did not get it either."""
    if trace.given is None or trace.look is None or trace.look.status_code < REPEATS:
        return None
    real = trace.given.reveal()
    return Echo(real, "[weir/company-key]") if real else None


def _utf8(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _restored(trace: Trace, text: str) -> str:
    assert trace.masker is not None
    restorer = trace.masker.restorer() if text else None
    return text if restorer is None else restorer.feed("kept", text) + restorer.flush("kept")


def _choice(trace: Trace, rules: Sequence[str], *, found: bool) -> Keep:
    matched = (*rules, trace.refused_by) if trace.refused_by else rules
    policy = trace.snapshot.content
    if trace.state.content is None:
        return Keep(False)
    return choose(policy, service=trace.service.id, team=trace.principal.team, matched=matched, findings=found)


def _looked_through(trace: Trace) -> bool:
    """Whether all texts of the request were scanned: credentials in them are known, and can be struck out."""
    return (
        trace.exchange is not None
        and bool(trace.exchange.segments)
        and trace.dlp_us is not None
        and trace.inspection is not Inspection.FAILED
    )


def _chars(segments: Sequence[Segment]) -> int:
    return sum(len(segment.text) for segment in segments)
