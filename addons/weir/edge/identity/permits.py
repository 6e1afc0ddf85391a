"""What the caller may use, asked twice: of the headers before the body is read, and of all that is known after."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mitmproxy import http

from weir.edge.answer import answer
from weir.edge.trace import Trace
from weir.identity.permissions import Use
from weir.model import Action, Endpoint
from weir.policy.actions import STATUS_POLICY
from weir.policy.builtin import wants_model
from weir.policy.case import Case, Objection

__all__ = ["MALFORMED", "decide_early", "objection"]

MALFORMED = "malformed-request"

_CONFLICT = "The request and the connection it came by say different things of who is calling."


def objection(
    trace: Trace,
    endpoint: Endpoint | None,
    model: str,
    tools: Sequence[str],
    other_models: Sequence[str] = (),
    *,
    whole: bool = True,
) -> Objection | None:
    """What identity holds against a request (or a message of a socket), and if nothing, the rule that allows it.

    Not ``whole``: the body is not read yet, so that what it could still say is not held against the caller. A socket
    may stay open for hours, so its messages are asked about under the policy in force now.
    """
    if trace.conflict:
        return Objection("identity-conflict", _CONFLICT, f"tunnel and request differ in the {trace.conflict}")
    snapshot = trace.state.snapshot if trace.socket is not None else trace.snapshot
    service, settings = trace.service, snapshot.settings.identity
    if not (trace.is_ai or service.id):
        return None
    permissions = snapshot.sources.permissions
    if not permissions:
        trace.identity_rule = "identity-required" if settings.required and trace.principal.strength else ""
        return None
    operation = endpoint.operation if endpoint else ""  # the body may still tell one that the path does not
    named, *others = (*filter(None, (model or (endpoint.model if endpoint else ""),)), *other_models) or ("",)
    # As with the models of a team: what is for no model at all need not name one.
    open_ended = not named and not (whole and endpoint and wants_model(endpoint))
    use = Use(
        (service.id, f"vendor:{service.vendor}", f"category:{service.category}"),
        operation if whole else operation or None,
        None if open_ended else named,
        tuple(tools) if whole else None,
        tuple(others),
    )
    ruling = permissions.decide(trace.principal, use, time.time())
    trace.identity_rule = ruling.rule_id if ruling.allowed else ""
    if ruling.allowed:
        return None
    return Objection(ruling.rule_id, ruling.say, ruling.why)


def decide_early(trace: Trace, flow: http.HTTPFlow) -> None:
    """Refuse a request that its headers are enough to refuse; in ``observe`` the verdict on the whole says so later."""
    if trace.enforcing and flow.response is None:
        _decide(trace, flow)
    # weir's own page takes a body, and where a malformed request's ends nobody knows.
    trace.early = bool(flow.response) and not (trace.own_page or trace.failed or trace.refused_by == MALFORMED)
    if trace.early:
        flow.request.headers.pop("expect", None)  # nobody is to send a body now


def _decide(trace: Trace, flow: http.HTTPFlow) -> None:
    case = Case(
        principal=trace.principal,
        service=trace.service,
        endpoint=trace.endpoint,
        host=trace.host,
        is_ai=trace.is_ai,
        credential=trace.credential,
        objection=objection(trace, trace.endpoint, "", (), whole=False),
    )
    verdict = trace.snapshot.policy.decide_early(case)
    if verdict.action is Action.BLOCK:
        trace.verdict, trace.acted = verdict, True
        answer(flow, trace, STATUS_POLICY, verdict.rule_id, verdict.say)
