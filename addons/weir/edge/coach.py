"""Asks for a reason: what a held request is answered with, and weir's own page on which a person states one.

The page lives on the host that was addressed (`/.well-known/weir/coach/<token>`), which is intercepted as it is, and
is answered by weir whatever the mode: nothing below `/.well-known/weir/` is ever forwarded.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from posixpath import normpath
from urllib.parse import unquote

from mitmproxy import http

from weir.dlp.standins.mask import ConversationMasker
from weir.dlp.standins.pseudonyms import Pseudonyms
from weir.edge.answer import answer
from weir.edge.case import case_of
from weir.edge.guard import guarded
from weir.edge.identity.who import address_of
from weir.edge.state import State
from weir.edge.trace import Trace, trace_of
from weir.edge.websockets.turns import tag_of
from weir.model import Action, Inspection, Segment, Verdict
from weir.policy import coach_page as pages
from weir.policy.case import Case
from weir.policy.coach import Grant, Held, Ticket
from weir.policy.decide import Excused
from weir.policy.refusal import wants_html

__all__ = ["OWN", "Coach", "decide", "explained", "hold"]

OWN = "/.well-known/weir/"
_PAGE = OWN + "coach/"
_BACK_CHARS_MAX = 2000
_WITHHELD = "[withheld: it could not be checked]"
_DEFAULT_PORTS = {"https": 443, "http": 80}


def decide(trace: Trace, flow: http.HTTPFlow, case: Case) -> Verdict:
    """The policy's verdict, with what a person has stated taken into account and noted for the record."""
    used: list[Grant] = []
    verdict = trace.snapshot.policy.decide(case, _excused(trace, flow, used))
    if used:
        trace.coach_grant = " ".join(dict.fromkeys(grant.id for grant in used))
        trace.coach_reason = used[0].reason
    return verdict


def _excused(trace: Trace, flow: http.HTTPFlow, used: list[Grant]) -> Excused:
    caller = ""

    def excused(rule: str, detectors: frozenset[str]) -> bool:
        nonlocal caller
        caller = caller or tag_of(trace, flow)
        grant = trace.state.coaching.excused(caller, _service(trace), rule, detectors)
        if grant is not None:
            used.append(grant)
        return grant is not None

    return excused


def hold(flow: http.HTTPFlow, trace: Trace, status: int) -> None:
    """Answer a request whose verdict is COACH: a form for a navigating browser, for others where to find it."""
    token, ticket = _ticket(trace, flow, case_of(trace), trace.verdict)
    url = _origin(flow, trace) + _PAGE + token
    answer(flow, trace, status, trace.verdict.rule_id, pages.how_to_go_on(trace.verdict.say, url))
    assert flow.response
    flow.response.headers["x-weir-coach"] = url
    if wants_html(flow.request.headers):
        _show(flow, status, pages.ask(ticket, _PAGE + token, trace.snapshot.settings.coach.minutes))


def explained(trace: Trace, flow: http.HTTPFlow, case: Case, verdict: Verdict) -> Verdict:
    """A verdict on a part of the exchange (a WebSocket message); one that is COACH says where to state a reason."""
    if verdict.action is not Action.COACH or not trace.enforcing:
        return verdict
    token, _ = _ticket(trace, flow, case, verdict)
    return replace(verdict, say=pages.how_to_go_on(verdict.say, _origin(flow, trace) + _PAGE + token))


def _ticket(trace: Trace, flow: http.HTTPFlow, case: Case, verdict: Verdict) -> tuple[str, Ticket]:
    request = flow.request
    navigates = request.method == "GET" and wants_html(request.headers)
    back = _origin(flow, trace) + request.path if navigates else ""
    held = Held(
        caller=tag_of(trace, flow),
        address=address_of(flow.client_conn),
        service=_service(trace),
        rules=trace.snapshot.policy.held(case, _excused(trace, flow, [])),
        rule_id=verdict.rule_id,
        say=verdict.say,
        user=trace.principal.user if trace.principal.strength > 1 else "",
        back=back if len(back) <= _BACK_CHARS_MAX else "",
        instead=trace.snapshot.alternatives.of(trace.service),
    )
    token, ticket = trace.state.coaching.hold(held)
    trace.coach_grant = ticket.id
    return token, ticket


class Coach:
    """Answers what is addressed to weir itself."""

    name = "coach"

    def __init__(self, state: State) -> None:
        self.state = state

    @guarded
    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Take the request out of the traffic: from here on it has an answer, so that no failure can forward it."""
        trace = trace_of(flow)
        if trace is None or flow.response or not trace.head.once("own", lambda: _is_own(flow.request.path)):
            return
        trace.own_page, trace.inspection, trace.reason = True, Inspection.INSPECTED, "a page of weir's own"
        _show(flow, 503, pages.gone())

    @guarded
    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Show the form, or take what was written into it."""
        trace, request = trace_of(flow), flow.request
        if trace is None or not trace.own_page:
            return None
        token = request.path.partition("?")[0].removeprefix(_PAGE)
        ticket = self.state.coaching.look(token, *_asker(trace, flow))
        if request.method not in ("GET", "HEAD", "POST"):
            _show(flow, 405, pages.gone())
        elif ticket is None:
            _show(flow, 404, pages.gone())
            trace.verdict = Verdict(reason="coach: no such page, or not for this caller")
        elif request.method == "POST":
            return self._stated(trace, flow, token, ticket)
        else:
            _show(flow, 200, pages.ask(ticket, _PAGE + token, trace.snapshot.settings.coach.minutes))
            _note(trace, ticket, "coach: asked for a reason")
        return None

    async def _stated(self, trace: Trace, flow: http.HTTPFlow, token: str, ticket: Ticket) -> None:
        headers, minutes = flow.request.headers, trace.snapshot.settings.coach.minutes
        own = _origin(flow, trace)
        if not pages.same_origin(headers.get("origin", ""), headers.get("sec-fetch-site", ""), own):
            _show(flow, 403, pages.gone())
            _note(trace, ticket, "coach: a reason that was not sent from weir's page")
            return
        raw = b"" if trace.oversize or "content-encoding" in headers else flow.request.raw_content or b""
        reason = pages.read_form(headers.get("content-type", ""), raw)
        if not reason:
            _show(flow, 422, pages.ask(ticket, _PAGE + token, minutes, wrong=True))
            _note(trace, ticket, "coach: no reason of the length asked for")
            return
        reason = await self._struck_out(trace, flow, reason)
        taken = self.state.coaching.grant(token, *_asker(trace, flow), reason, minutes)
        if taken is None:  # stated twice at the same time
            _show(flow, 404, pages.gone())
            return
        _show(flow, 200, pages.thanks(taken, minutes))
        _note(trace, taken, f"coach: a reason was stated, good for {minutes} minutes")
        trace.coach_reason = reason

    async def _struck_out(self, trace: Trace, flow: http.HTTPFlow, reason: str) -> str:
        """The reason without what detectors find in it: people paste things, and this goes into the audit."""
        timeout, segments = trace.snapshot.settings.dlp.timeout_ms / 1000, (Segment("/reason", "user", reason),)

        def work() -> str:
            scan = trace.snapshot.engine.scan(segments, deadline_s=timeout)
            if not scan.complete:
                return _WITHHELD
            masker = ConversationMasker(Pseudonyms(b"none is issued", 0))
            edits = masker.edits(segments, scan.findings, [Action.REDACT] * len(scan.findings))
            return edits.get("/reason", reason)

        owner, run = address_of(flow.client_conn), self.state.workers.run
        return await run(work, timeout_s=timeout + 1, lane="dlp-small", owner=owner)


def _is_own(path: str) -> bool:
    """Whether a path leads below our own, however it is written: a server may undo that, and a link may lead there."""
    if path.startswith(OWN):
        return True
    plain = unquote(path.partition("?")[0]).replace("\\", "/").lower()
    return f"{normpath('/' + plain.lstrip('/'))}/".startswith(OWN)


def _service(trace: Trace) -> str:
    return trace.service.id or trace.host


def _asker(trace: Trace, flow: http.HTTPFlow) -> tuple[str, str]:
    return address_of(flow.client_conn), trace.principal.user if trace.principal.strength > 1 else ""


def _note(trace: Trace, ticket: Ticket, what: str) -> None:
    trace.coach_grant = ticket.id
    trace.verdict = Verdict(rule_id=ticket.held.rule_id, reason=what, rules=tuple(ticket.held.rules))


def _origin(flow: http.HTTPFlow, trace: Trace) -> str:
    """Scheme, host and port as the client addressed them."""
    scheme, port = flow.request.scheme, flow.request.port
    host = f"[{trace.host}]" if ":" in trace.host else trace.host
    return f"{scheme}://{host}" + ("" if _DEFAULT_PORTS.get(scheme) == port else f":{port}")


def _show(flow: http.HTTPFlow, status: int, page: str) -> None:
    body = page.encode() if flow.request.method != "HEAD" else b""
    before = (
        {} if flow.response is None else {k: v for k, v in flow.response.headers.items() if k.startswith("x-weir-")}
    )
    flow.response = http.Response.make(status, body, {**before, **pages.headers()})
