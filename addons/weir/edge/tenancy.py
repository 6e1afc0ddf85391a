"""What a restricted vendor's exchange gets on its way: its header, or a refusal; and what shows whose account it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from mitmproxy import http

from weir.edge.answer import answer
from weir.edge.state import Snapshot
from weir.edge.trace import Trace, open_links
from weir.edge.wire.pipe import ReplyPipe
from weir.keys.credentials import fingerprint
from weir.model import Action, Mode
from weir.policy.actions import STATUS_POLICY
from weir.tenants import headers, signs
from weir.tenants.marks import LISTENED_MAX, Marks
from weir.tenants.restrict import Restriction
from weir.tls.decide import normalise

__all__ = ["RULE", "begin", "confine", "listen", "overtake"]

RULE = "tenant"
STATUS_MISDIRECTED = 421  # a browser asks again, on a connection of its own
UNREAD = "decrypted for the tenant's header only: bodies are not read"
OVERTAKEN = "ended: the policy now restricts this host to the company's tenant"
_UNDECRYPTED = ("uncatalogued", "excluded")  # why a connection passes that a tenant's header could be set in
_SIGNED_OUT = "Use of {name} without signing in is not allowed here; sign in with the company's account."
_TWO_NAMES = "This request names {name} behind the connection of another host, so it was not sent."
_REFUSED = "tenant: {vendor} refused an account of another tenant"
_OTHER = "tenant: an account of another tenant"
_DIGITS = 16
_SPOKEN = ("text/html", "text/plain", "application/json", "application/xhtml+xml", "")
_DECODED_MAX = 2 * LISTENED_MAX  # then reading ends, and the reply passes as before


def begin(trace: Trace, flow: http.HTTPFlow) -> None:
    """Find the restriction of the host, and whether anything but its head is to be looked at."""
    tenants = trace.snapshot.tenants
    restriction = tenants.of(trace.host) if tenants else None
    if restriction is None:
        if trace.link.tenant_only and not trace.is_ai and len(trace.names) == 1:
            # The section is gone and the connection is not: nobody decided since that it may be read.
            trace.unread, trace.reason = True, trace.reason or UNREAD
        return
    trace.restriction = restriction
    theirs = all(tenants.of(name) for name in trace.names)
    if not trace.is_ai and theirs and (trace.link.tenant_only or trace.host in restriction.vendor.sign_in):
        trace.unread, trace.reason = True, trace.reason or UNREAD


def overtake(snapshot: Snapshot) -> None:
    """A new policy is in force: end connections that pass undecrypted to hosts it restricts. A browser keeps such a
    one for hours, and would go on in it without the header."""
    confines = snapshot.tenants and snapshot.settings.mode is Mode.ENFORCE
    for client, link in open_links() if confines else ():
        names = [normalise(name) for name in (link.sni, link.host) if name]
        if link.meter_reason not in _UNDECRYPTED or link.closed or not any(map(snapshot.tenants.of, names)):
            continue
        source = client.peername[0] if client.peername else ""
        if snapshot.interception.decide(link.sni, link.host, source).intercept:
            link.overtaken, link.meter_reason = True, OVERTAKEN


def confine(trace: Trace, flow: http.HTTPFlow) -> None:
    """Set the vendor's header in place of the client's copies, or refuse. In ``observe`` only note what would be."""
    tenants, restriction, request = trace.snapshot.tenants, trace.restriction, flow.request
    if not tenants or flow.response is not None:
        return
    # One vendor's header says nothing to another, so it does not help that the connection's own host gets one too.
    other = next((found for n in trace.names[1:] if (found := tenants.of(n)) not in (None, restriction)), None)
    if other is not None:
        why = "the request names a restricted host on another host's connection"
        _refuse(trace, flow, STATUS_MISDIRECTED, _TWO_NAMES.format(name=other.vendor.name), why)
        return
    if restriction is None:
        return
    shown = signs.shown_by_request(restriction, request.path, request.headers.get_all)
    _account(trace, shown, _OTHER)
    if signs.refused(restriction, request.path):
        _refuse(trace, flow, STATUS_POLICY, _SIGNED_OUT.format(name=restriction.vendor.name), "use without signing in")
        return
    copies = headers.forged(request.headers.fields, tenants.names)
    notes = {"tenant": restriction.vendor.id, "tenant_header": "set" if trace.enforcing else "not set (observe)"}
    if copies:
        notes["tenant_copies"] = str(copies)  # of our headers, sent by the client
    trace.extra = {**trace.extra, **notes}
    if trace.enforcing:
        small = request.is_http2 or request.is_http3
        lines = headers.restricted(request.headers.fields, tenants.names, restriction.headers, small=small)
        request.headers = http.Headers(lines)


def listen(trace: Trace, flow: http.HTTPFlow) -> None:
    """Read off a reply's head whose account it was; when the vendor's refusal stands in its body, listen for that."""
    restriction, response = trace.restriction, flow.response
    ours = trace.look is not None and trace.look.refused
    if restriction is None or response is None or not trace.forwarded_ns or ours:
        return
    if trace.enforcing:
        response.headers.pop("alt-svc", None)  # over QUIC the next request would go round the header
    _account(trace, signs.shown_by_reply(restriction, response.headers.get_all), _OTHER)
    path, status = flow.request.path, response.status_code
    refusal = signs.refusal_of(restriction, trace.host, path, status, response.headers.get_all)
    if refusal is None or flow.request.method == "HEAD":
        return
    if refusal.marks:
        _overhear(trace, response, refusal.marks, restriction)
    elif trace.account != "company":
        _personal(trace, _REFUSED.format(vendor=restriction.vendor.id))


def _overhear(trace: Trace, response: http.Response, marks: Sequence[str], restriction: Restriction) -> None:
    heard = partial(_personal, trace, _REFUSED.format(vendor=restriction.vendor.id))
    if trace.pipe is not None:
        trace.pipe.reader = Marks(marks, heard, trace.pipe.reader)
        return
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _SPOKEN:
        coding = response.headers.get("content-encoding", "")
        trace.pipe = ReplyPipe(Marks(marks, heard), coding, editing=False, limit=_DECODED_MAX)


def _account(trace: Trace, shown: signs.Shown, why: str) -> None:
    account, name = shown
    if not account:
        return
    mark = fingerprint(trace.state.fingerprint_key, name.strip().lower())[:_DIGITS]
    trace.account, trace.extra = account, {**trace.extra, "tenant_account": mark}
    if account == "personal":
        _personal(trace, why)


def _personal(trace: Trace, why: str) -> None:
    trace.account = "personal"
    _decide(trace, Action.ALERT, why)


def _refuse(trace: Trace, flow: http.HTTPFlow, status: int, say: str, why: str) -> None:
    _decide(trace, Action.BLOCK, f"tenant: {why}", say)
    if trace.enforcing:
        trace.acted = True
        answer(flow, trace, status, RULE, say)


def _decide(trace: Trace, action: Action, why: str, say: str = "") -> None:
    """Add to the verdict: the stronger action names it, and every reason is kept."""
    verdict = trace.verdict
    reason = verdict.reason if why in verdict.reason else "; ".join(filter(None, (verdict.reason, why)))
    rules = tuple(dict.fromkeys((*verdict.rules, RULE)))
    if action > verdict.action:
        verdict = replace(verdict, action=action, rule_id=RULE, say=say)
    trace.verdict = replace(verdict, reason=reason, rules=rules)
