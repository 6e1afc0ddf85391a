"""Messages of WebSockets in the chain: each is read, scanned and decided on before the other side gets it."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace

from mitmproxy import http, websocket

from weir.audit.content.gather import of_request
from weir.audit.spool.writer import SpoolUnavailable
from weir.dlp.core.engine import Scan
from weir.dlp.core.patterns import Deadline
from weir.dlp.files import FileLimits
from weir.dlp.standins.conversation import conversation_id
from weir.dlp.standins.mask import ConversationMasker
from weir.edge import records
from weir.edge.case import case_of
from weir.edge.coach import decide, explained
from weir.edge.content.keeping import message as message_of
from weir.edge.content.storing import store
from weir.edge.guard import guarded
from weir.edge.identity.permits import objection
from weir.edge.identity.who import address_of
from weir.edge.parts import is_light
from weir.edge.replies import decide_reply, guard_of
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.edge.websockets.socket import LiveMap, Socket
from weir.edge.websockets.turnrecords import record_turns
from weir.model import Action, Exchange, Finding, Inspection, Verdict
from weir.policy import actions
from weir.policy.models import besides
from weir.ports import TextMap
from weir.providers.replies.frames_gemini import frames_of

__all__ = ["Sockets"]

INLINE_BYTES_MAX = 4096  # of one message; a larger one leaves the event loop
INLINE_S = 0.02
GRACE_S = 0.15


class Sockets:
    """What providers, dlp and policy do for a request, for one message after the other."""

    name = "sockets"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def websocket_start(self, flow: http.HTTPFlow) -> None:
        """A socket to an AI service begins: its replies are read from the first message on."""
        trace = trace_of(flow)
        if trace is None or not trace.is_ai or trace.exchange is None:
            return
        # A socket is a conversation of its own, whatever is said in it.
        trace.conversation = conversation_id(self.state.fingerprint_key, trace.exchange_id, ())
        self.state.talks.note(trace.conversation, trace.principal.user)
        masker = ConversationMasker(self.state.conversations.get(trace.conversation))
        trace.masker = masker
        dialect = frames_of(trace.exchange.endpoint)
        # From here on the wire format is known: a message that names no model can be judged for that.
        endpoint = replace(trace.exchange.endpoint, dialect=dialect.id, model="")  # each message may name another
        texts: TextMap = LiveMap(masker)
        if guarded_by := guard_of(trace, texts):
            trace.look, texts = guarded_by
        reader = dialect.frame_reader(trace.exchange, texts)
        trace.socket = Socket(endpoint, trace.exchange.model, dialect, reader)

    @guarded
    def websocket_message(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Look at one message."""
        trace = trace_of(flow)
        if trace is None or flow.websocket is None or trace.abort:
            return None
        message, socket = flow.websocket.messages[-1], trace.socket
        if socket is None or message.dropped:
            return None
        if len(message.content) > INLINE_BYTES_MAX:
            return self._elsewhere(trace, socket, flow, message)
        exchange = _read(socket, message)
        if not is_light(exchange):
            return self._elsewhere(trace, socket, flow, message, exchange)
        scan = trace.scan((*socket.before, *exchange.segments), INLINE_S, _direction(message))
        if scan.out_of_time:
            return self._elsewhere(trace, socket, flow, message, exchange)
        return self._take(trace, socket, flow, message, scan)

    @guarded
    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """What all messages together were."""
        trace = trace_of(flow)
        if trace is None or trace.socket is None:
            return
        socket = trace.socket
        trace.reply, trace.verdict = (
            socket.reader.reply(),
            max((trace.verdict, socket.verdict), key=lambda verdict: verdict.action),
        )
        decide_reply(trace)
        if not trace.failed:
            trace.inspection, trace.reason = socket.inspection, "; ".join(socket.reasons)
        trace.extra = {**trace.extra, "messages": str(socket.number), **_told(socket)}

    async def _elsewhere(
        self,
        trace: Trace,
        socket: Socket,
        flow: http.HTTPFlow,
        message: websocket.WebSocketMessage,
        read: Exchange | None = None,
    ) -> None:
        def work() -> Scan:
            if read is None:
                _read(socket, message)
            bounds, deadline = trace.snapshot.settings.dlp.files, Deadline(timeout)
            exchange = socket.read_files(FileLimits(bounds.bytes_max, bounds.depth_max), deadline)
            segments = (*socket.before, *exchange.segments)
            return trace.scan(segments, timeout, _direction(message))

        timeout = trace.snapshot.settings.dlp.timeout_ms / 1000
        owner, run = address_of(flow.client_conn), self.state.workers.run
        scan = await run(work, timeout_s=timeout + GRACE_S, lane="dlp-small", owner=owner)
        waits = self._take(trace, socket, flow, message, scan)
        if waits is not None:
            await waits

    def _take(
        self, trace: Trace, socket: Socket, flow: http.HTTPFlow, message: websocket.WebSocketMessage, scan: Scan
    ) -> Awaitable[None] | None:
        """Decide on a message that was scanned, and carry it out."""
        exchange = socket.exchange
        assert exchange is not None
        findings = socket.take_findings(scan.findings)
        inspection, reason = exchange.inspection, exchange.reason
        if not scan.complete:
            inspection, reason = Inspection.FAILED, f"dlp: {scan.reason}"
        socket.unread(reason, inspection)
        others = besides(exchange.segments) if message.from_client else ()
        case = replace(
            case_of(trace),
            endpoint=socket.endpoint,
            model=socket.model,
            other_models=others,
            findings=findings,
            segments=exchange.segments,
            tools=exchange.tools,
            inspection=inspection,
            reason=reason,
            direction=_direction(message),
            objection=objection(trace, socket.endpoint, socket.model, exchange.tools, others)
            if message.from_client
            else None,
        )
        verdict = explained(trace, flow, case, decide(trace, flow, case))
        socket.decided(verdict)
        acted = trace.enforcing
        if acted:
            self._act(trace, socket, message, verdict, findings)
        if message.from_client and self.state.content is not None and inspection is not Inspection.FAILED:
            socket.said.strike(socket.before, scan.findings)
            socket.said.add(of_request(exchange, findings).segments)
        if not message.from_client and not trace.abort:
            self._reply(trace, socket, message)
            record_turns(self.state, trace, flow, socket)
        if findings or verdict.action > Action.ALLOW:
            return self._record(trace, flow, verdict, findings, inspection, reason)
        return None

    def _reply(self, trace: Trace, socket: Socket, message: websocket.WebSocketMessage) -> None:
        """A message of the server through the maps of its texts; rules about replies may end the socket there."""
        restored = socket.reply(message.content)
        if trace.look is not None and trace.look.watch is not None and trace.look.watch.stopped:
            decide_reply(trace)
            socket.take_first()
            self._refuse(trace, socket, message, trace.look.verdict)
        elif restored is not None:
            message.content = restored

    def _refuse(self, trace: Trace, socket: Socket, message: websocket.WebSocketMessage, verdict: Verdict) -> None:
        message.drop()
        trace.abort = f"{verdict.rule_id}: message {socket.number} refused"
        socket.refuse(verdict.say, verdict.rule_id)

    def _act(
        self,
        trace: Trace,
        socket: Socket,
        message: websocket.WebSocketMessage,
        verdict: Verdict,
        findings: tuple[Finding, ...],
    ) -> None:
        outcome = actions.outcome(verdict, trace.snapshot.settings.mode)
        trace.acted = True
        if not outcome.forward:
            self._refuse(trace, socket, message, verdict)
        elif outcome.edits_wanted and (message.from_client or trace.look is None):
            # Of a reply, the guard takes out what goes over several messages too: half of it must not be gone before.
            assert trace.masker and socket.exchange
            edits = trace.masker.edits(socket.exchange.segments, findings, verdict.treatments)
            if edits:
                message.content = socket.dialect.replace(message.content, edits)

    def _record(
        self,
        trace: Trace,
        flow: http.HTTPFlow,
        verdict: Verdict,
        findings: tuple[Finding, ...],
        inspection: Inspection,
        reason: str,
    ) -> Awaitable[None] | None:
        """A message in which something was found has a record at once: a socket may stay open for hours."""
        shown = replace(trace, verdict=verdict, findings=findings, inspection=inspection, reason=reason)
        record = replace(records.request_record(shown, flow), kind="message", ts_end=None)
        assert trace.socket is not None and trace.socket.exchange is not None
        waits = store(self.state, record, message_of(shown, trace.socket.exchange, findings, verdict))
        return None if waits is None else self._durable(trace, flow, waits)

    async def _durable(self, trace: Trace, flow: http.HTTPFlow, waits: Awaitable[None]) -> None:
        try:
            await waits
        except SpoolUnavailable:
            trace.abort = trace.abort or "audit-unavailable"


def _read(socket: Socket, message: websocket.WebSocketMessage) -> Exchange:
    return socket.read(message.content, is_text=message.is_text, from_client=message.from_client)


def _direction(message: websocket.WebSocketMessage) -> str:
    return "request" if message.from_client else "response"


def _told(socket: Socket) -> dict[str, str]:
    return {"turns": str(socket.turns)} if socket.turns else {}
