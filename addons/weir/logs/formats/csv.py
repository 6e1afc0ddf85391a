"""Tables of any origin: a header line that names the columns, or columns named by the caller."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence

from weir.logs.format import COLUMNS, FormatError, Sample, Source
from weir.logs.format import Format as _Format
from weir.logs.sql import count, delimited, epoch, quote, share, stamp

__all__ = ["FORMAT"]

_SEPARATORS = (",", ";", "\t", "|")
# What columns are called where people make tables of logs: letters and digits only, lower case.
_NAMES: Mapping[str, Sequence[str]] = {
    "ts": ("ts", "time", "timestamp", "datetime", "date", "eventtime", "starttime", "generatedtime", "logtime"),
    "url": ("url", "uri", "requesturl", "fullurl", "requesturi", "eurl"),
    "host": (
        "host", "hostname", "domain", "fqdn", "sni", "servername", "destination", "desthost", "dsthost", "dhost",
        "destinationhost", "destinationhostname", "destinationdomain", "urlhost", "urldomain", "query", "queryname",
        "site", "server", "cshost",
    ),
    "path": ("path", "urlpath", "requestpath", "csuristem"),
    "user": ("user", "username", "login", "email", "srcuser", "sourceuser", "suser", "userid", "account", "csusername"),
    "device": (
        "device", "devicename", "devicehostname", "computer", "computername", "machine", "endpoint", "workstation",
    ),
    "department": ("department", "dept", "group", "team", "unit", "organizationalunit", "ou"),
    "source": ("source", "src", "srcip", "sourceip", "clientip", "client", "ip", "internalip", "sourceaddress", "cip"),
    "action": ("action", "verdict", "disposition", "decision", "result", "scfilterresult"),
    "agent": ("agent", "useragent", "ua", "csuseragent"),
    "bytes_up": (
        "bytesup", "bytesout", "bytessent", "sentbytes", "sentbyte", "uploadbytes", "upload", "requestsize", "reqsize",
        "bytesuploaded", "csbytes",
    ),
    "bytes_down": (
        "bytesdown", "bytesin", "bytesreceived", "receivedbytes", "rcvdbyte", "downloadbytes", "download",
        "responsesize", "respsize", "bytesdownloaded", "scbytes",
    ),
    "requests": ("requests", "count", "hits", "events"),
}  # fmt: skip
_FORMS = (
    "%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S", "%a %b %d %H:%M:%S %Y",
)  # fmt: skip
_BLOCKED = "block|denied|deny|drop|reject|refus|forbid|reset"


def _looks(sample: Sample) -> float:
    header, _ = _header(sample)
    found = _found(header)
    # A guess from names: what has signs of its own is surer.
    return 0.6 if len(header) > 1 and ("host" in found or "url" in found) else 0.0


def _sql(source: Source) -> str:
    header, separator = _header(source.sample)
    at = _named(header, source.columns) if source.columns else _found(header)
    if "host" not in at and "url" not in at:
        raise FormatError(
            "has no column that is known to hold a destination; name one, such as --column host=Domain"
            " (or --column host=3 for the third)"
        )
    text = {name: f"f[{index}]" for name, index in at.items()}
    parts = ["line"]
    for name, cell in text.items():
        if name == "ts":
            cell = f"coalesce({epoch(f'trim({cell})')}, {stamp(f'trim({cell})', *_FORMS)})"
        elif COLUMNS[name] == "BIGINT":
            cell = count(f"trim({cell})")
        elif name == "action":
            cell = f"CASE WHEN regexp_matches(lower({cell}), {quote(_BLOCKED)}) THEN 'blocked' ELSE 'allowed' END"
        parts.append(f'{cell} AS "{name}"')
    first = next(iter(source.sample.filled), "")
    where = f"text <> {quote(first.rstrip(' '))}" if _is_header(header, source.columns) else "true"
    target = text.get("host") or text["url"]
    parts.append(f"CASE WHEN {target} IS NULL THEN 'fewer fields than the header names' END AS bad")
    return share(", ".join(parts), delimited("text", separator), where=where)


def _header(sample: Sample) -> tuple[list[str], str]:
    """The first line's cells, by the separator that makes most of them."""
    first = next((line for line in sample.filled if not line.startswith("#")), "")
    separator = max(_SEPARATORS, key=first.count)
    try:
        return next(csv.reader([first], delimiter=separator), []), separator
    except csv.Error:
        return [], separator


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _found(header: Sequence[str]) -> dict[str, int]:
    plain = [_plain(name) for name in header]
    found: dict[str, int] = {}
    for column, names in _NAMES.items():
        index = next((plain.index(name) + 1 for name in names if name in plain), 0)
        if index:
            found[column] = index
    return found


def _named(header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """What the caller named, by name or number; the others by their usual names where there is a header."""
    lower = [name.strip().lower() for name in header]
    at = _found(header) if _is_header(header, columns) else {}
    for column, name in columns.items():
        if name.strip().lower() in lower:
            at[column] = lower.index(name.strip().lower()) + 1
        elif name.isdecimal() and 0 < int(name) < 10_000:
            at[column] = int(name)
        else:
            raise FormatError(f"has no column {name!r}; --column takes a name of its header line, or a number from 1")
    if "host" in columns:
        at.pop("url", None)  # whoever names the host's column means that one
    elif "url" in columns:
        at.pop("host", None)
    return at


def _is_header(header: Sequence[str], columns: Mapping[str, str]) -> bool:
    lower = {name.strip().lower() for name in header}
    return any(name.strip().lower() in lower for name in columns.values()) or bool(
        {"host", "url"} & set(_found(header))
    )


FORMAT = _Format("csv", "a table with a header line; --column names its columns", _looks, _sql)
