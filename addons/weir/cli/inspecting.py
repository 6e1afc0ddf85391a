"""One recorded exchange through the parsers, detectors, counters and prices of a running weir, without a network."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from weir.cli.inspecting_around import moment, texts_of_target, unseen_reply, without_finds
from weir.cli.inspecting_verdict import verdict_on
from weir.cli.recordings import Recorded
from weir.dlp.core.patterns import Deadline
from weir.dlp.files import FileLimits, attach
from weir.dlp.replies.listen import Listener, look_at
from weir.dlp.replies.reply import segment_of
from weir.edge.wire.coding import CodingError, Decoder, decode
from weir.model import (
    NO_USAGE,
    Cost,
    Endpoint,
    Exchange,
    Finding,
    Inspection,
    Reply,
    Segment,
    Service,
    Unparsed,
    Usage,
    Verdict,
)  # fmt: skip
from weir.providers.formats.web_json import WEB_JSON
from weir.providers.replies.generic import generic_reader
from weir.providers.requests.target import charset_problem
from weir.providers.services.content import by_content
from weir.providers.wire.words import plausible_model, recordable_model
from weir.shadow import signals
from weir.usage.account import settle
from weir.usage.multimodal import media_tokens
from weir.usage.prices import NO_CHARGE

if TYPE_CHECKING:
    from weir.dlp.core.engine import Engine
    from weir.policy.decide import Policy
    from weir.ports import Dialect, ReplyReader
    from weir.providers.services.provider import Provider
    from weir.providers.services.registry import Registry
    from weir.settings import Settings
    from weir.shadow.catalogue import Catalogue
    from weir.usage.prices import Prices
    from weir.usage.tokens import Counter

__all__ = ["Inspected", "Inspector"]

_RAW_CHARS_MAX = 2_000_000
_PEEK_BYTES = 65_536
_REPLY_BYTES_MAX = 256 << 20
_TEXT = ("", "application/json", "application/problem+json", "text/event-stream", "text/plain", "application/x-ndjson")
_WORST = (Inspection.INSPECTED, Inspection.PARTIAL, Inspection.UNPARSED, Inspection.FAILED)


@dataclass(frozen=True, slots=True)
class Inspected:
    """What weir would have recorded of one exchange. Nothing in it quotes content."""

    number: int
    at: str  # ISO 8601, UTC
    method: str
    host: str
    service: str
    dialect: str
    operation: str
    model: str
    stream: bool
    status: int | None
    usage: Usage = NO_USAGE
    cost: Cost = NO_CHARGE
    tools: tuple[str, ...] = ()  # on offer in the request
    calls: tuple[str, ...] = ()  # asked for in the reply
    findings: dict[str, int] = field(default_factory=dict)  # detector → how often, request and reply
    reply_findings: dict[str, int] = field(default_factory=dict)  # of those, what the reply held
    inspection: Inspection = Inspection.INSPECTED
    reason: str = ""
    segments: int = 0
    messages: int = 0  # of a WebSocket
    action: str = ""  # what the policy would have done, where one was asked
    rule: str = ""


@dataclass(slots=True)
class Inspector:
    """Everything that follows from one policy, as a running weir has it."""

    settings: Settings
    registry: Registry
    catalogue: Catalogue
    engine: Engine
    prices: Prices
    counter: Counter
    policy: Policy | None = None  # asked for its verdict

    def inspect(self, one: Recorded) -> Inspected | None:
        """What one exchange was; None when it is no AI traffic. Never raises, whatever was recorded."""
        provider = self.registry.by_request(one.host, one.method, one.target)
        service = self.catalogue.by_host(one.host, one.target)
        body, why = self._body(one)
        endpoint = self._endpoint(one, provider, service, body or b"")
        if endpoint is None:
            return None
        if provider is None or not endpoint.dialect or endpoint.dialect == WEB_JSON:
            endpoint = by_content(endpoint, one.method, one.headers, body or b"")
        dialect = self.registry.dialect(endpoint.dialect) if endpoint.dialect else None
        if dialect is not None:
            dialect = dialect.bound(one.headers)
        exchange = self._request(one, endpoint, dialect, body, why)
        target = texts_of_target(one.method, one.target, endpoint.path_template, provider)
        exchange = replace(exchange, segments=(*exchange.segments, *target))
        if service is None:
            name = provider.name if provider else one.host
            kind = "model-api" if provider else "discovered"
            service = Service(endpoint.service or one.host, name, category=kind)
        if one.messages is not None:
            from weir.cli.inspecting_sockets import socket_of

            return without_finds(socket_of(self, one, service, exchange), self.engine)
        return without_finds(self._settled(one, service, exchange, dialect), self.engine)

    # ── the request

    def _endpoint(
        self, one: Recorded, provider: Provider | None, service: Service | None, body: bytes
    ) -> Endpoint | None:
        if provider is not None:
            headers = {name.lower(): value for name, value in one.headers}
            return provider.endpoint(one.method, one.target, headers)
        if service is not None:
            return Endpoint(service.id, "", "")
        reply, _ = _decoded(one)
        seen = signals.score(
            one.method, one.host, one.target, one.headers, body[:_PEEK_BYTES], one.reply_headers, reply[:_PEEK_BYTES]
        )
        return replace(self.registry.guess(one.target), service=one.host) if seen.is_ai else None

    def _body(self, one: Recorded) -> tuple[bytes | None, str]:
        """The decoded body, or why there is none."""
        encoding = _header(one.headers, "content-encoding")
        try:
            return decode(one.body, encoding, self.settings.limits.body_bytes_max), ""
        except CodingError as error:
            return None, str(error)

    def _request(
        self, one: Recorded, endpoint: Endpoint, dialect: Dialect | None, body: bytes | None, why: str
    ) -> Exchange:
        blank = Exchange(endpoint, plausible_model(endpoint.model), endpoint.stream)
        if body is None:
            return replace(blank, inspection=Inspection.UNPARSED, reason=why)
        if not body:
            return blank  # nothing was said, and nothing is left unseen
        if dialect is None or (wrong := charset_problem([_header(one.headers, "content-type")])):
            return _unread(blank, body, "unknown operation" if dialect is None else wrong)
        try:
            return dialect.parse(body, endpoint)
        except Unparsed as error:
            return _unread(blank, body, str(error))

    def scan(self, exchange: Exchange) -> tuple[Exchange, tuple[Finding, ...]]:
        """The exchange with the texts of its files, and what the detectors find in all of them."""
        bounds = self.settings.dlp.files
        timeout = self.settings.dlp.timeout_ms / 1000
        read = attach(exchange, FileLimits(bounds.bytes_max, bounds.depth_max), Deadline(timeout))
        scan = self.engine.scan(read.segments, deadline_s=timeout)
        if not scan.complete:
            read = replace(read, inspection=Inspection.FAILED, reason=f"dlp: {scan.reason}")
        return read, scan.findings

    def judge(self, one: Recorded, service: Service, exchange: Exchange, findings: Sequence[Finding]) -> Verdict:
        """What the policy would have decided; nothing where none was asked."""
        if self.policy is None:
            return Verdict()
        discovered = service.category == "discovered"
        return verdict_on(self.policy, self.catalogue, one.host, service, exchange, findings, discovered=discovered)

    # ── the reply

    def _settled(self, one: Recorded, service: Service, exchange: Exchange, dialect: Dialect | None) -> Inspected:
        media = media_tokens(exchange.attachments, exchange.model)
        read, findings = self.scan(exchange)
        reply, replied = self._reply(one, exchange, dialect)
        answered = one.status is not None and one.status < 400
        at, name = moment(one.at), read.endpoint.service
        usage, cost = settle(read, reply, self.counter, self.prices, name, at, answered=answered, media=media.tokens)
        verdict = self.judge(one, service, read, findings)
        line = made(one, service.id, read, findings, reply, replied, usage, cost)
        return line if self.policy is None else replace(line, action=verdict.action.word, rule=verdict.rule_id)

    def _reply(self, one: Recorded, exchange: Exchange, dialect: Dialect | None) -> tuple[Reply, tuple[Finding, ...]]:
        if one.status is None:
            return Reply(inspection=Inspection.PARTIAL, reason="no reply"), ()
        if one.reply_body is None:
            return Reply(inspection=Inspection.PARTIAL, reason="reply was not recorded"), ()
        kind = _header(one.reply_headers, "content-type")
        listener = Listener()
        reader: ReplyReader
        if dialect is not None:
            reader = dialect.reader(exchange, kind, listener)
        elif kind.partition(";")[0].strip().lower() in _TEXT:
            reader = generic_reader(kind, listener)
        else:
            return Reply(inspection=Inspection.PARTIAL, reason=unseen) if (
                unseen := unseen_reply(kind)
            ) else Reply(), ()
        data, why = _decoded(one)
        for start in range(0, len(data), _PEEK_BYTES):
            reader.feed(data[start : start + _PEEK_BYTES])
        reader.close()
        reply = reader.reply() if dialect is not None else Reply()
        found, failed = self.heard(listener)
        if (why := why or failed or unseen_reply(kind)) and reply.inspection is Inspection.INSPECTED:
            reply = replace(reply, inspection=Inspection.PARTIAL, reason=why)
        headers = {name.lower(): value for name, value in one.reply_headers}
        told = dialect.header_usage(headers) if dialect is not None and reply.usage is None else None
        return (replace(reply, usage=told) if told is not None else reply), found

    def heard(self, listener: Listener) -> tuple[tuple[Finding, ...], str]:
        """What the detectors find in the texts of a reply, and why that may not be all."""
        listener.end()
        timeout = self.settings.dlp.timeout_ms / 1000
        until = time.monotonic() + timeout
        windows = listener.windows()

        def look(text: str) -> tuple[Sequence[Finding], str]:
            scan = self.engine.scan(segment_of(text), "response", deadline_s=max(0.0, until - time.monotonic()))
            return scan.findings, "" if scan.complete else f"dlp: {scan.reason}"

        listener.take(windows, look_at(windows, look))
        return listener.found.findings, listener.found.failed


def made(
    one: Recorded,
    service: str,
    exchange: Exchange,
    findings: Sequence[Finding],
    reply: Reply,
    replied: Sequence[Finding],
    usage: Usage,
    cost: Cost,
) -> Inspected:
    """One line of all of that."""
    inspection, reason = exchange.inspection, exchange.reason
    if _WORST.index(reply.inspection) > _WORST.index(inspection):
        inspection, reason = reply.inspection, f"reply: {reply.reason}"
    endpoint = exchange.endpoint
    return Inspected(
        number=one.number,
        at=f"{(at := moment(one.at)):%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
        method=one.method,
        host=one.host,
        service=service,
        dialect=endpoint.dialect,
        operation=endpoint.operation,
        model=reply.model or recordable_model(exchange, findings),
        stream=exchange.stream,
        status=one.status,
        usage=usage,
        cost=cost,
        tools=exchange.tools,
        calls=tuple(name for _, name in reply.tool_calls),
        findings=dict(Tally(finding.detector for finding in (*findings, *replied))),
        reply_findings=dict(Tally(finding.detector for finding in replied)),
        inspection=inspection,
        reason=reason,
        segments=len(exchange.segments),
        messages=len(one.messages or ()),
    )


def _unread(exchange: Exchange, body: bytes, reason: str) -> Exchange:
    """A body that no dialect can take apart, as one text."""
    text = body[: _RAW_CHARS_MAX * 4].decode("utf-8", "replace")[:_RAW_CHARS_MAX]
    segments = (Segment("#raw", "parameter", text, part="raw"),) if text.strip() else ()
    return replace(exchange, segments=segments, inspection=Inspection.UNPARSED, reason=reason)


def _header(headers: Sequence[tuple[str, str]], name: str) -> str:
    return ", ".join(value for known, value in headers if known.lower() == name)


def _decoded(one: Recorded) -> tuple[bytes, str]:
    """A reply's bytes without their content-encoding, as far as it can be undone, and why not further."""
    out, data = bytearray(), one.reply_body or b""
    try:
        decoder = Decoder(_header(one.reply_headers, "content-encoding"), _REPLY_BYTES_MAX)
        for start in range(0, len(data), _PEEK_BYTES):
            out += decoder.feed(data[start : start + _PEEK_BYTES])
    except CodingError as error:
        return bytes(out), str(error)
    return bytes(out), ""
