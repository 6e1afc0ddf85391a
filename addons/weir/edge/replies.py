"""The reply's side of an exchange: how it is read, looked at and changed on its way to the client.

Most replies are only looked at: their bytes pass as they come, and what they said is scanned beside them. Where policy
has rules that change or stop replies, texts leave when they have been scanned, and a reply in JSON begins when it has
been read.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mitmproxy import http

from weir.dlp.core.engine import Engine
from weir.dlp.replies.listen import Listener
from weir.dlp.replies.reply import Guard, Scanned, Sent, everything, segment_of
from weir.dlp.replies.replytail import Shapes
from weir.edge.answer import answer
from weir.edge.case import case_of
from weir.edge.keys.echoes import REPEATS, Quiet, echo_of
from weir.edge.lines import line_of
from weir.edge.trace import Trace
from weir.edge.wire.pipe import ReplyPipe
from weir.model import Action, Exchange, Finding, Inspection, OnFailure, Reply, Verdict
from weir.policy.actions import STATUS_POLICY
from weir.policy.case import Case
from weir.policy.replies import EDITABLE, UNEDITABLE, ReplyPolicy
from weir.ports import TextMap, Watch
from weir.providers.replies.generic import generic_reader

__all__ = ["INLINE_S", "ReplyLook", "case_of_reply", "decide_reply", "guard_of", "read_reply", "verdict_of_reply"]

INLINE_S = 0.15  # for one scan on the event loop; honest text needs a thousandth of it
_NOTHING = Verdict()
_JSON = ("application/json", "application/problem+json")
_TEXT = (
    "",
    *_JSON,
    "text/event-stream",
    "text/plain",
    "application/x-ndjson",
    "application/jsonl",
    "application/ndjson",
)
_PAGES = ("text/html", "text/css", "text/javascript", "application/javascript", "application/xhtml", "font/")
_BINARY = ("image/", "audio/", "video/", "application/octet-stream", "application/pdf", "application/zip")
_UNINSPECTED = "This reply could not be inspected, and the company's AI policy lets nothing pass uninspected."


@dataclass(slots=True)
class ReplyLook:
    """What one reply is looked at with, what it shows, and what was decided on it."""

    policy: ReplyPolicy = field(repr=False)
    acting: bool  # policy's rules may change or stop it
    status_code: int = 200  # the upstream's
    editable: bool = True  # its texts can be replaced
    watch: Guard | Listener | None = None  # None: nothing in it can be read
    holds: bool = False  # its head waits until the first bytes may go
    begun: bool = False  # bytes have gone to the client
    refused: bool = False  # our own answer goes in its place
    stopped: bool = False
    scanning: asyncio.Task[None] | None = None  # a part of it is being scanned while it goes on
    until: float | None = None  # monotonic: when scans off the event loop have to be over
    inspection: Inspection = Inspection.INSPECTED
    reason: str = ""
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found so far."""
        return self.watch.found.findings if self.watch is not None else ()

    def scan(self, engine: Engine, text: str, *, remember: bool = True) -> Scanned:
        """Findings in one text, and why that is not all; ``remember`` when the next request may bring it again."""
        if engine.is_known_clean(text):
            return (), ""
        left = INLINE_S if self.until is None else max(0.0, self.until - time.monotonic())
        segments, begun = segment_of(text), time.thread_time()
        scan = engine.scan(segments, "response", deadline_s=left, remember=remember)
        if scan.out_of_time and self.until is None:
            # The machine may only have been busy, and what was not looked at would end the reply. What the processor
            # has worked on it counts: hostile text holds the loop for no longer than before.
            left = max(0.0, left - (time.thread_time() - begun))
            scan = engine.scan(segments, "response", deadline_s=left, remember=remember, clock=time.thread_time)
        return scan.findings, "" if scan.complete else f"dlp: {scan.reason}"


class _Both:
    """A `Watch` before a map that restores: what the model sent is scanned, not what comes home."""

    edits = True

    def __init__(self, watch: Watch, restorer: TextMap) -> None:
        self.watch = watch
        self.acts = watch.acts
        self._restorer = restorer

    @property
    def stopped(self) -> bool:
        return self.watch.stopped

    @stopped.setter
    def stopped(self, value: bool) -> None:
        self.watch.stopped = value

    def feed(self, channel: str, text: str) -> str:
        return self._restorer.feed(channel, self.watch.feed(channel, text))

    def flush(self, channel: str) -> str:
        rest = self.watch.flush(channel)
        return (self._restorer.feed(channel, rest) if rest else "") + self._restorer.flush(channel)

    def unread(self, reason: str) -> None:
        self.watch.unread(reason)


def read_reply(trace: Trace, flow: http.HTTPFlow) -> None:
    """Set up the reading of a reply; refuse one that policy does not want whatever it says.

    An edited reply goes to the client unencoded and without a length. Raises PipeBroken when it can't be decoded.
    """
    response = flow.response
    if trace.exchange is None or response is None or not trace.is_ai:
        return
    kind = line_of(response, b"content-type").partition(";")[0].strip().lower()
    policy = trace.snapshot.replies
    look = trace.look = ReplyLook(policy, trace.enforcing and policy.acts, response.status_code)
    if kind.startswith(_BINARY):
        look.inspection, look.reason = Inspection.PARTIAL, f"reply is {kind.partition('/')[0]}"
    elif kind.startswith(_PAGES) and (trace.dialect is None or (trace.provider is not None and trace.provider.pages)):
        look.inspection, look.reason = Inspection.PARTIAL, "reply is a page or its parts, not looked at"
    look.verdict = _verdict(trace, look)
    if look.acting and look.verdict.action is Action.BLOCK:
        look.stopped = look.refused = True
        answer(flow, trace, STATUS_POLICY, look.verdict.rule_id, look.verdict.say)
        return
    # What a dialect reads is read whatever it says it is: a picture that begins like JSON is none.
    if trace.dialect is not None or kind in _TEXT:
        look.watch = _watch(trace, look, kind)
    _open(trace, flow, look, kind)


def guard_of(trace: Trace, restorer: TextMap) -> tuple[ReplyLook, TextMap] | None:
    """For replies that are no HTTP body: what acts on their texts before ``restorer`` does; None if no rule acts."""
    policy = trace.snapshot.replies
    if not (trace.enforcing and policy.acts):
        return None
    look = ReplyLook(policy, acting=True)
    watch = look.watch = _watch(trace, look, _JSON[0])
    return look, _Both(watch, restorer)


def _watch(trace: Trace, look: ReplyLook, kind: str) -> Guard | Listener:
    sent = everything if trace.exchange is None or trace.socket is not None else _sent(trace, trace.exchange)
    if not look.acting:
        return Listener(sent)
    engine = trace.snapshot.engine
    # Of events in a format that nobody here knows, nobody knows what may be held back or changed.
    look.editable = trace.dialect.replies_editable if trace.dialect is not None else kind in _JSON
    case = case_of_reply(trace, look)

    def judge(findings: Sequence[Finding]) -> Sequence[Action]:
        return look.policy.treatments(case, findings)

    return Guard(
        lambda text: look.scan(engine, text, remember=False),  # a stream's texts as far as they have come
        judge,
        _shapes(look.policy, engine),
        edits=look.editable,
        strict=trace.on_failure is OnFailure.BLOCK,
        sent=sent,
    )


def _sent(trace: Trace, exchange: Exchange) -> Sent:
    """Whether the request has a text, as it came or as it went on."""
    known: set[str] = set()
    asked = weakref.ref(trace)  # the trace holds who asks this: together they would wait for the collector

    def sent(text: str) -> bool:
        if not known:
            known.update(segment.text for segment in exchange.segments)
            whole = asked()
            known.update(whole.replaced if whole is not None else ())
        return text in known

    return sent


def _shapes(policy: ReplyPolicy, engine: Engine) -> Shapes:
    """What has to wait, by what policy acts on."""
    families = {name.partition("/")[0] for name in policy.acted_on(engine.detectors)}
    if families <= {"secret"}:
        return Shapes()
    named = bool(families - {"secret", "pii"}) or any(name in _NAMES for name in policy.acted_on(engine.detectors))
    return Shapes(words=4 if named else 1, groups=True)


_NAMES = frozenset(f"pii/{name}" for name in ("PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME"))


def _open(trace: Trace, flow: http.HTTPFlow, look: ReplyLook, kind: str) -> None:
    assert trace.exchange and flow.response
    response = flow.response
    restorer = trace.masker.restorer() if trace.masker and trace.acted else None
    text: TextMap | None = restorer
    if look.watch is not None:
        text = look.watch if restorer is None else _Both(look.watch, restorer)
    content_type = line_of(response, b"content-type")
    if trace.dialect is not None:
        trace.header_usage = trace.dialect.header_usage(response.headers)
        reader = trace.dialect.reader(trace.exchange, content_type, text, trace.strip_usage)
    elif look.watch is not None:
        restorer, reader = None, generic_reader(content_type, look.watch)
    else:
        return
    echo = echo_of(trace) if response.status_code >= REPEATS else None
    if echo is not None:
        reader = Quiet(reader, echo)
    editing = (
        echo is not None
        or trace.strip_usage
        or restorer is not None
        or (look.acting and look.editable and look.watch is not None)
    )
    trace.pipe = ReplyPipe(
        reader,
        line_of(response, b"content-encoding"),
        editing=editing,
        limit=trace.snapshot.settings.limits.reply_bytes_max,
        expansion=trace.snapshot.settings.limits.expansion_max,
        decides=look.watch is not None and look.watch.acts,
    )
    if editing:
        look.holds = look.acting and (kind in _JSON or kind.endswith("+json"))
        # mitmproxy keeps the original by the upstream connection, which it would close for want of a length.
        response = flow.response = response.copy()
        response.headers.pop("content-length", None)
        response.headers.pop("content-encoding", None)


def case_of_reply(trace: Trace, look: ReplyLook) -> Case:
    """What policy is asked about a reply, as far as it has come."""
    return case_of(
        trace,
        direction="response",
        findings=look.findings,
        segments=EDITABLE if look.editable else UNEDITABLE,
        inspection=look.inspection,
        reason=look.reason,
    )


def _verdict(trace: Trace, look: ReplyLook) -> Verdict:
    if look.policy.of_findings and not look.findings and not trace.discovered:
        return _NOTHING  # as mostly; the request's case has said who may do this at all
    return look.policy.decide(case_of_reply(trace, look))


def decide_reply(trace: Trace) -> None:
    """The verdict on all that a reply has shown; a reply that policy lets nobody see uninspected is blocked."""
    look = trace.look
    if look is None:
        return
    failed = look.watch.found.failed if look.watch is not None else ""
    reply = trace.reply or Reply()
    if failed:
        look.inspection, look.reason = Inspection.FAILED, failed
    elif reply.inspection is not Inspection.INSPECTED and look.inspection is Inspection.INSPECTED:
        look.inspection, look.reason = reply.inspection, reply.reason
    verdict = _verdict(trace, look)
    if failed and look.acting and trace.on_failure is OnFailure.BLOCK and verdict.action is not Action.BLOCK:
        reason = "; ".join(filter(None, (f"on-failure: reply: {failed}", verdict.reason)))
        verdict = replace(verdict, action=Action.BLOCK, rule_id="on-failure", reason=reason, say=_UNINSPECTED)
    look.verdict = verdict


def verdict_of_reply(trace: Trace) -> Verdict:
    """The stronger of the verdicts on request and reply, with the rules of both."""
    asked, look = trace.verdict, trace.look
    if look is None or look.verdict.action is Action.ALLOW:
        return asked
    replied = look.verdict
    first, other = (replied, asked) if replied.action > asked.action else (asked, replied)
    reason = "; ".join(filter(None, (first.reason, other.reason)))
    return replace(first, reason=reason, rules=tuple(dict.fromkeys((*first.rules, *other.rules))))
