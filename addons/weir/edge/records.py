"""Audit records out of traces and links. Pure but for the clock: nothing here writes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from mitmproxy import connection, http

from weir.audit.record import AuditRecord, FindingRow, ToolCallRow, new_event_id, now_us
from weir.edge.causes import cause_of, error_class
from weir.edge.identity.who import address_of, product_tokens, who
from weir.edge.noted import noted
from weir.edge.replies import verdict_of_reply
from weir.edge.trace import Link, Trace
from weir.model import NO_USAGE, Action, Finding, Inspection, Verdict
from weir.providers.wire.words import recordable_model
from weir.usage.savings import cache_saved

__all__ = ["connection_record", "event_record", "minimal_record", "reply_record", "request_record"]

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"})
_LED = ("transparent", "wireguard")  # modes in which a connection's own end is where its client wanted to go


def _brief(text: str, chars_max: int = 256) -> str:
    """A text that somebody else chose the length of."""
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def _target(trace: Trace, flow: http.HTTPFlow) -> dict[str, Any]:
    endpoint, exchange = trace.endpoint, trace.exchange
    return {
        "host": _brief(trace.host),
        "method": trace.method if trace.method in _METHODS else "other",
        "path_template": endpoint.path_template if endpoint else "",
        "provider": trace.provider.id if trace.provider else "",
        "service": trace.service.id,
        "service_status": str(trace.service.status) if trace.is_ai else "",
        "operation": endpoint.operation if endpoint else "",
        "request_model": _brief(recordable_model(exchange, trace.findings)) if exchange else "",
        "model_asked": trace.model_asked,
        "stream": bool(exchange and exchange.stream),
        "inspection": str(trace.inspection),
        "inspection_reason": trace.reason,
        "port": flow.request.port,
        "protocol": flow.request.http_version,
        "user_agent": trace.head.once("agent", lambda: product_tokens(flow)),
    }


def _decision(trace: Trace, verdict: Verdict) -> dict[str, Any]:
    acted = trace.acted or (trace.look is not None and trace.look.acting)
    rule = trace.refused_by or verdict.rule_id
    action = Action.BLOCK.word if trace.refused_by else (verdict.action.word if acted else Action.ALLOW.word)
    if trace.failed and not trace.failed_open:
        rule, action = "on-failure", Action.BLOCK.word
    return {
        "mode": str(trace.snapshot.settings.mode),
        "verdict": verdict.action.word,
        "action": action,
        "rule_id": rule,
        "policy_hash": trace.head.once("policy", lambda: trace.snapshot.settings.hash),
        "reason": trace.refused_why or verdict.reason,
        "coach_reason": trace.coach_reason,
        "coach_grant": trace.coach_grant,
    }


def _base(trace: Trace, kind: str) -> dict[str, Any]:
    return {
        "event_id": new_event_id(),
        "exchange_id": trace.exchange_id,
        "kind": kind,
        "flow_id": trace.exchange_id,
        "conversation_id": trace.conversation,
    }


def _extra(trace: Trace, message: http.Message | None, rules: Sequence[str]) -> str:
    extra = {**trace.extra, **noted(trace, message)}
    for name, value in (
        ("signals", " ".join(trace.signals)),
        ("discovered", "true" if trace.discovered else ""),
        ("names", _brief(" ".join(trace.names)) if len(trace.names) > 1 else ""),
        ("address", trace.address),
        ("rules", " ".join(rules)),
        ("media_uncounted", _uncounted(trace)),
    ):
        if value:
            extra[name] = value
    return orjson.dumps(extra).decode() if extra else ""


def _uncounted(trace: Trace) -> str:
    """Kinds of media that an estimate leaves out; nothing where the provider's own report holds."""
    estimated = trace.usage is not None and trace.usage.source == "estimated"
    return " ".join(sorted(set(trace.media.uncounted))) if estimated else ""


def _findings(findings: Sequence[Finding], verdict: Verdict, *, acted: bool) -> tuple[FindingRow, ...]:
    rows = []
    treatments = verdict.treatments
    for ord_, finding in enumerate(findings):
        treated = treatments[ord_] if ord_ < len(treatments) else Action.ALLOW
        rows.append(
            FindingRow(
                ord=ord_,
                detector=finding.detector,
                category=finding.category,
                direction=finding.direction,
                action=treated.word if acted else Action.ALLOW.word,
                rule_id=verdict.rule_id,
                match_hmac=finding.fingerprint,
                severity=finding.severity,
                score_pct=round(finding.score * 100),
                segment=finding.segment,
                span_start=finding.start,
                span_end=finding.end,
            )
        )
    return tuple(rows)


def request_record(trace: Trace, flow: http.HTTPFlow) -> AuditRecord:
    """The record before forwarding; `block` when there will be none, `error` when the request broke off before it."""
    blocked, broken = flow.response is not None, flow.error is not None
    verdict = verdict_of_reply(trace)
    decision, target = _decision(trace, verdict), _target(trace, flow)
    if broken and flow.error and not blocked:
        decision["reason"] = trace.abort or error_class(flow.error.msg)
        target["inspection_reason"] = trace.reason or decision["reason"]
    return AuditRecord(
        **_base(trace, "coach" if trace.own_page else "block" if blocked else "error" if broken else "request"),
        **who(trace),
        **target,
        **decision,
        ts=trace.started_us,
        ts_end=now_us() if blocked or broken else None,
        src_ip=address_of(flow.client_conn),
        req_bytes=trace.req_bytes,
        dlp_us=trace.dlp_us,
        dlp_chars=trace.dlp_chars,
        http_status=flow.response.status_code if flow.response else None,
        overhead_us=(time.monotonic_ns() - trace.started_ns) // 1000,
        findings=_findings(trace.findings, trace.verdict, acted=trace.acted),
        extra=_extra(trace, flow.request, verdict.rules),
    )


def reply_record(trace: Trace, flow: http.HTTPFlow) -> AuditRecord:
    """The record after: what came back, what it used and cost, how it ended."""
    reply, look, usage, cost = trace.reply, trace.look, trace.usage or NO_USAGE, trace.cost
    verdict = verdict_of_reply(trace)
    if trace.forwarded_ns and flow.server_conn.peername:
        trace.address = "{}:{}".format(*flow.server_conn.peername[:2])
    inspection, why = trace.inspection, trace.reason
    if reply and reply.inspection is not Inspection.INSPECTED and inspection is Inspection.INSPECTED:
        inspection, why = reply.inspection, f"reply: {reply.reason}"
    if look and look.inspection is not Inspection.INSPECTED and trace.inspection is Inspection.INSPECTED:
        inspection, why = look.inspection, f"reply: {look.reason}"
    ended = verdict.reason or trace.refused_why
    if flow.error:
        ended = trace.abort or cause_of(flow, flow.error.msg)
    if flow.error and not trace.forwarded_ns:
        ended += "; nothing was forwarded"
    target, decision = _target(trace, flow), _decision(trace, verdict)
    target["inspection"], target["inspection_reason"], decision["reason"] = str(inspection), why, ended
    ns = time.monotonic_ns()
    return AuditRecord(
        **_base(trace, "response"),
        **who(trace),
        **target,
        **decision,
        ts=trace.started_us,
        ts_end=now_us(),
        src_ip=address_of(flow.client_conn),
        response_model=_brief(reply.model) if reply else "",
        response_id=_brief(reply.response_id) if reply else "",
        finish_reason=_brief(reply.finish_reason, 64) if reply else "",
        http_status=flow.response.status_code if flow.response else None,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        usage_source=usage.source,
        cost_nano=cost.nano_usd if cost else None,
        price_id=cost.price_id if cost else "",
        cache_saved_nano=_cache_saved(trace),
        duration_us=(ns - trace.started_ns) // 1000,
        ttft_us=(trace.first_byte_ns - trace.started_ns) // 1000 if trace.first_byte_ns else None,
        overhead_us=(trace.forwarded_ns - trace.started_ns) // 1000 if trace.forwarded_ns else None,
        req_bytes=trace.req_bytes,
        dlp_us=trace.dlp_us,
        dlp_chars=trace.dlp_chars,
        resp_bytes=trace.resp_bytes,
        tool_calls=tuple(
            ToolCallRow(ord=i, name=_brief(name), call_id=_brief(call_id), mcp_server=_server(trace))
            for i, (call_id, name) in enumerate(reply.tool_calls if reply else ())
        ),
        findings=_findings(look.findings, look.verdict, acted=trace.acted or look.acting) if look else (),
        extra=_extra(trace, flow.response if trace.forwarded_ns else None, verdict.rules),
    )


def _cache_saved(trace: Trace) -> int | None:
    if trace.usage is None or trace.socket is not None:  # a socket's turns have each their own
        return None
    models = (trace.reply.model if trace.reply else "", trace.exchange.model if trace.exchange else "")
    provider = trace.provider.id if trace.provider else trace.service.id
    return cache_saved(trace.snapshot.prices, provider, models, trace.usage, trace.cost, datetime.now(UTC))


def _server(trace: Trace) -> str:
    """The server whose tools were called directly, not by a model's wish."""
    endpoint = trace.endpoint
    return _brief(trace.host) if endpoint is not None and endpoint.operation.startswith("mcp.") else ""


def connection_record(link: Link, client: connection.Client, kind: str, **fields: Any) -> AuditRecord:
    """A connection without exchanges of its own: metered, refused, or failed."""
    who = link.principal
    extra = {name: value for name, value in (("tries", str(link.tries or "")), ("hint", link.hint)) if value}
    # Who knows of no proxy has named nobody, and wanted to go where the kernel or the tunnel says.
    led = client.sockname if client.proxy_mode.type_name in _LED and client.sockname else ("", 0)
    host, port = (link.host, link.port) if link.host else led[:2]
    return AuditRecord(
        event_id=new_event_id(),
        exchange_id=link.exchange_id,
        flow_id=link.exchange_id,
        kind=kind,
        user=who.user,
        auth_method=who.method,
        auth_strength=who.strength,
        team=who.team,
        app=who.app,
        device=who.device,
        user_groups=who.groups,
        auth_asked=link.auth_asked,
        process_name=link.process_name,
        host=_brief(link.sni or host),
        service=link.service,
        service_status=link.service_status,
        src_ip=address_of(client),
        port=port or None,
        ts=link.started_us,
        req_bytes=link.bytes_up,
        resp_bytes=link.bytes_down,
        extra=orjson.dumps(extra).decode() if extra else "",
        **fields,
    )


def minimal_record(flow: http.HTTPFlow, reason: str, *, exchange_id: str = "", forwarded: bool = False) -> AuditRecord:
    """What can be said of a flow when its trace is missing, or no record can be made of it."""
    now = now_us()
    return AuditRecord(
        event_id=new_event_id(),
        exchange_id=exchange_id or new_event_id(),
        kind="error" if forwarded else "block",
        host=_brief(flow.request.host),
        method=flow.request.method if flow.request.method in _METHODS else "other",
        src_ip=address_of(flow.client_conn),
        ts=now,
        ts_end=now,
        http_status=flow.response.status_code if flow.response else None,
        inspection=str(Inspection.FAILED),
        inspection_reason=reason,
        action=(Action.ALLOW if forwarded else Action.BLOCK).word,
        rule_id="on-failure",
        reason=reason,
    )


def event_record(kind: str, reason: str, policy_hash: str = "") -> AuditRecord:
    """An event of weir itself: start, stop, a policy taken or refused."""
    now = now_us()
    return AuditRecord(
        event_id=new_event_id(),
        exchange_id=new_event_id(),
        kind=kind,
        ts=now,
        ts_end=now,
        reason=reason,
        policy_hash=policy_hash,
    )
