"""QRadar's Log Event Extended Format 2.0: a header between bars, then ``key=value`` pairs between tabs.

The format has no escape: what would end a header field or a pair is replaced. A value may hold ``=``, since a key ends
at the first one.
"""

from __future__ import annotations

from weir.audit.exports.cef import signature
from weir.audit.exports.row import PRODUCT, Row, children, clean, label, millis, moment, number, severity, text, title

__all__ = ["leef"]

_TEXTS = (
    ("src", "src_ip"),
    ("usrName", "user"),
    ("groupID", "team"),
    ("identHostName", "device"),
    ("dstHost", "host"),
    ("proto", "protocol"),
    ("method", "method"),
    ("resource", "path_template"),
    ("policy", "rule_id"),
    ("action", "action"),
    ("verdict", "verdict"),
    ("reason", "reason"),
    ("app", "app"),
    ("service", "service"),
    ("serviceStatus", "service_status"),
    ("model", "request_model"),
    ("responseModel", "response_model"),
    ("inspection", "inspection"),
    ("userAgent", "user_agent"),
    ("eventUid", "event_id"),
    ("exchangeUid", "exchange_id"),
    ("proxyId", "proxy_id"),
)
_NUMBERS = (
    ("dstPort", "port"),
    ("srcBytes", "req_bytes"),
    ("dstBytes", "resp_bytes"),
    ("httpStatus", "http_status"),
    ("inputTokens", "input_tokens"),
    ("outputTokens", "output_tokens"),
    ("costNanoUsd", "cost_nano"),
    ("durationUs", "duration_us"),
)


def leef(row: Row, version: str) -> str:
    """The event of a row, one line without its end. ``version``: weir's own."""
    head = f"LEEF:2.0|{PRODUCT}|{PRODUCT}|{label(version)}|{signature(row)}|x09|"
    pairs = [f"devTime={millis(row)}", f"cat={label(text(row, 'kind'))}", f"sev={max(1, severity(row))}"]
    pairs += [f"{key}={clean(text(row, name))}" for key, name in _TEXTS if text(row, name)]
    for key, name in _NUMBERS:
        value = number(row, name)
        if value is not None:
            pairs.append(f"{key}={value}")
    detectors = " ".join(dict.fromkeys(text(item, "detector") for item in children(row, "findings")))
    if detectors:
        pairs.append(f"detectors={clean(detectors)}")
    pairs += [f"msg={title(row)}", f"eventTime={moment(row)}"]
    return head + "\t".join(pairs)
