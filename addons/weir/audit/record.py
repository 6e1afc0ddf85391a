"""The audit record: one flat row of ``events`` with its findings and tool calls. THE place where columns are defined.

Only int, str, bool, None and tuples of str, so that hashing is the same everywhere. Timestamps are integer microseconds
since the epoch (UTC), durations microseconds, money nano-dollars. None and the empty string both mean "not known" and
are NULL in the store; 0 is a value. To add a column, add one field with the next free number.
"""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass

from weir.audit.columns import Column, col, columns_of
from weir.frozen import quick

__all__ = ["KINDS", "TABLES", "AuditRecord", "FindingRow", "ToolCallRow", "new_event_id", "now_us"]

KINDS = (
    *("request", "response", "block", "meter", "gap", "config", "error", "erasure", "discovered", "message"),
    "budget",  # so much of a budget is spent that somebody should know
    "turn",  # one answer on a WebSocket: what it used and cost, of which the socket's last record has the sum
    "disclosure",  # somebody read texts that were kept, and why
    "retention",  # records or texts whose time was over were taken away: what, how many, until when
    "first_seen",  # an AI service is used that was never used before: told once
    "coach",  # a page of weir's own on which a reason is asked for, or was stated
)


# Ids must be unique, not secret; asking the kernel each time would give up the interpreter lock three times a request.
_noise = random.Random(os.urandom(32))


def now_us() -> int:
    """Microseconds since the epoch, UTC."""
    return time.time_ns() // 1_000


def new_event_id() -> str:
    """A UUID version 7 (RFC 9562): sorts by the millisecond it was made in, 74 random bits."""
    stamp = time.time_ns() // 1_000_000
    noise = _noise.getrandbits(80)
    value = (stamp << 80) | (0x7 << 76) | ((noise >> 68) << 64) | (0b10 << 62) | (noise & (2**62 - 1))
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What a detector hit in this exchange: where and what, a keyed fingerprint, never the matched text."""

    ord: int | None = col(11, None)
    detector: str = col(12, "")
    category: str = col(13, "")
    direction: str = col(14, "")  # request | response
    action: str = col(15, "")  # what was done about it
    rule_id: str = col(16, "")
    match_hmac: str = col(17, "")
    severity: str = col(18, "")
    score_pct: int | None = col(19, None)  # 0..100
    segment: int | None = col(20, None)  # which text of the exchange
    span_start: int | None = col(21, None)  # characters into it
    span_end: int | None = col(22, None)


@dataclass(frozen=True, slots=True)
class ToolCallRow:
    """A tool call that the model asked for: its name and the hash of its arguments, never the arguments."""

    ord: int | None = col(11, None)
    name: str = col(12, "")
    call_id: str = col(13, "")
    mcp_server: str = col(14, "")
    args_ct_hash: str = col(15, "")
    action: str = col(16, "")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One row of ``events``. Give what is known; the spool sets proxy_id, boot_id, seq and the hashes itself."""

    event_id: str = col(1, "", "UUID")
    exchange_id: str = col(2, "", "UUID")  # shared by all records of one exchange
    proxy_id: str = col(3, "")
    boot_id: str = col(4, "")
    seq: int | None = col(5, None, "UBIGINT")
    ts: int | None = col(6, None, "TIMESTAMP")
    ts_end: int | None = col(7, None, "TIMESTAMP")
    schema_version: int = col(8, 1)
    kind: str = col(9, "")  # one of KINDS
    flow_id: str = col(30, "")
    session_id: str = col(31, "")
    conversation_id: str = col(32, "")
    # who
    user: str = col(40, "")
    auth_method: str = col(41, "")
    auth_strength: int | None = col(42, None)
    team: str = col(43, "")
    app: str = col(44, "")
    device: str = col(45, "")
    src_ip: str = col(46, "")
    process_name: str = col(47, "")
    api_key_fp: str = col(48, "")  # keyed fingerprint of the key the client showed
    key_id: str = col(49, "")  # public id of a virtual key
    user_groups: tuple[str, ...] = col(50, ())
    user_agent: str = col(51, "")
    auth_asked: str = col(52, "")  # what each source of identity said: "virtual_key=no jwt=yes network=no"
    identity_rule: str = col(53, "")  # the permission of the policy that allowed the caller this
    credential: str = col(54, "")  # raw | session | virtual | none: what the client showed
    credential_kind: str = col(55, "")  # what kind of the provider's: project, personal, admin, oauth …
    managed_key: str = col(56, "")  # label of the company's key that was put in its place, e.g. openai-2
    account: str = col(57, "")  # whose account a web app was used with, where it shows: company | personal
    # whereto
    host: str = col(60, "")
    port: int | None = col(61, None)
    method: str = col(62, "")
    path_template: str = col(63, "")
    provider: str = col(64, "")
    service: str = col(65, "")
    service_status: str = col(66, "")  # sanctioned | tolerated | unsanctioned | unknown
    operation: str = col(67, "")
    request_model: str = col(68, "")  # what was sent; of a downgrade the cheaper one
    model_asked: str = col(78, "")  # of a downgrade: what the client had asked for
    response_model: str = col(69, "")
    response_id: str = col(70, "")
    finish_reason: str = col(71, "")
    http_status: int | None = col(72, None)
    stream: bool | None = col(73, None)
    inspection: str = col(74, "")  # how far weir saw: inspected | partial | metered | pinned | unparsed | failed
    inspection_reason: str = col(75, "")
    protocol: str = col(77, "")
    # how much
    input_tokens: int | None = col(90, None)
    output_tokens: int | None = col(91, None)
    cache_read_tokens: int | None = col(92, None)
    cache_write_tokens: int | None = col(93, None)
    reasoning_tokens: int | None = col(94, None)
    usage_source: str = col(95, "")  # reported | estimated | none
    cost_nano: int | None = col(96, None)  # None: no price is known
    price_id: str = col(97, "")
    cache_saved_nano: int | None = col(98, None)  # what the prompt cache saved; below 0: writing it cost more
    # how fast
    duration_us: int | None = col(110, None)
    ttft_us: int | None = col(111, None)
    overhead_us: int | None = col(112, None)
    req_bytes: int | None = col(113, None)
    resp_bytes: int | None = col(114, None)
    dlp_us: int | None = col(115, None)  # looking for what must not leave: the time it took
    dlp_chars: int | None = col(116, None)  # and the characters looked at; what was known from before is not
    # what was decided
    mode: str = col(130, "")  # observe | enforce
    verdict: str = col(131, "")  # what the policy says
    action: str = col(132, "")  # what was done: differs from the verdict in observe mode
    rule_id: str = col(133, "")
    policy_hash: str = col(134, "")
    reason: str = col(135, "")
    dropped: int | None = col(136, None)  # gap: how many records could not be kept
    coach_reason: str = col(137, "")  # what a person stated, findings struck out
    coach_grant: str = col(138, "")  # names what was held back, the reason for it, and all that passed because of it
    # integrity
    content_ct_hash: str = col(150, "")
    prev_hash: str = col(151, "")
    row_hash: str = col(152, "")
    extra: str = col(153, "", "JSON")  # what has no column yet: the text of a JSON object
    # rows of their own tables
    findings: tuple[FindingRow, ...] = ()
    tool_calls: tuple[ToolCallRow, ...] = ()


EVENT_COLUMNS = columns_of(AuditRecord)
PARENT_COLUMNS: tuple[Column, ...] = EVENT_COLUMNS[:6]  # what a child row repeats of its event
TABLES: dict[str, tuple[Column, ...]] = {
    "events": EVENT_COLUMNS,
    "findings": PARENT_COLUMNS + columns_of(FindingRow),
    "tool_calls": PARENT_COLUMNS + columns_of(ToolCallRow),
}
