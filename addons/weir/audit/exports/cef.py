r"""ArcSight's Common Event Format, version 0: seven fields between bars, then ``key=value`` pairs between spaces.

In the header ``|`` and ``\`` are escaped; in a value ``=``, ``\`` and line ends are. A value may hold spaces, and ends
where the next ``key=`` begins: that is why every ``=`` in it must be escaped.
"""

from __future__ import annotations

from weir.audit.exports.row import PRODUCT, Row, children, clean, label, micros, millis, number, severity, text, title

__all__ = ["cef"]

# Keys of the dictionary, the column they take, and how many characters a receiver accepts.
_TEXTS = (
    ("externalId", "event_id", 40),
    ("deviceExternalId", "proxy_id", 255),
    ("src", "src_ip", 64),
    ("suser", "user", 1023),
    ("shost", "device", 1023),
    ("sproc", "process_name", 1023),
    ("dhost", "host", 1023),
    ("requestMethod", "method", 40),
    ("request", "path_template", 1023),
    ("requestClientApplication", "user_agent", 1023),
    ("act", "action", 63),
    ("reason", "reason", 1023),
)
_NUMBERS = (("dpt", "port"), ("out", "req_bytes"), ("in", "resp_bytes"))
# Six texts and three numbers are free to name.
_NAMED = (
    ("cs1", "service", "service"),
    ("cs2", "model", "request_model"),
    ("cs3", "rule", "rule_id"),
    ("cs4", "team", "team"),
    ("cs5", "inspection", "inspection"),
    ("cs6", "exchange", "exchange_id"),
)
_COUNTED = (
    ("cn1", "inputTokens", "input_tokens"),
    ("cn2", "outputTokens", "output_tokens"),
    ("cn3", "costNanoUsd", "cost_nano"),
)


def cef(row: Row, version: str) -> str:
    """The event of a row, one line without its end. ``version``: weir's own."""
    head = (PRODUCT, PRODUCT, version, signature(row), title(row), str(severity(row)))
    return "CEF:0|" + "|".join(_head(item) for item in head) + "|" + " ".join(_pairs(row))


def signature(row: Row) -> str:
    """What SIEM rules match on: the kind of event and what was done, for instance ``block:block``."""
    return label(f"{text(row, 'kind') or 'event'}:{text(row, 'action') or 'none'}", 63)


def _pairs(row: Row) -> list[str]:
    found = [f"rt={millis(row)}"]
    if micros(row, "ts_end"):
        found.append(f"end={millis(row, 'ts_end')}")
    for key, name, chars_max in _TEXTS:
        found += _pair(key, text(row, name), chars_max)
    for key, name in _NUMBERS:
        value = number(row, name)
        if value is not None:
            found.append(f"{key}={value}")
    status = number(row, "http_status")
    if status is not None:
        found.append(f"outcome={'success' if status < 400 else 'failure'}")
    for key, shown, name in _NAMED:
        if text(row, name):
            found += [f"{key}Label={shown}", *_pair(key, text(row, name), 4000)]
    for key, shown, name in _COUNTED:
        value = number(row, name)
        if value is not None:
            found += [f"{key}Label={shown}", f"{key}={value}"]
    detectors = " ".join(dict.fromkeys(text(item, "detector") for item in children(row, "findings")))
    if detectors:
        found += ["flexString1Label=detectors", *_pair("flexString1", detectors, 1023)]
    return found


def _pair(key: str, value: str, chars_max: int) -> list[str]:
    return [f"{key}={_value(value, chars_max)}"] if value else []


def _head(value: str) -> str:
    return clean(value, 512).replace("\\", "\\\\").replace("|", "\\|")


def _value(value: str, chars_max: int) -> str:
    """Line ends stay as ``\\n``: that is the one control character the format has a spelling for."""
    lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    escaped = (clean(line, chars_max).replace("\\", "\\\\").replace("=", "\\=") for line in lines)
    joined = "\\n".join(escaped)[: 2 * chars_max]
    return joined[:-1] if (len(joined) - len(joined.rstrip("\\"))) % 2 else joined  # not in the middle of an escape
