"""Recordings: HAR as browsers save it, and mitmproxy's own files."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from mitmproxy.io import FlowWriter
from mitmproxy.test import tflow

from .events import Event, Sample, seconds

__all__ = ["har", "mitm"]


def har(found: Sequence[Event], rng: Random) -> Sample:
    """A browser's: pages first, braces and brackets inside of strings, sizes unknown in some, some bodies large."""
    entries, told = [], []
    for number, event in enumerate(found):
        at = datetime.fromtimestamp(event.at // 1_000_000, UTC)
        known = number % 3 != 0
        request = {"method": "POST", "url": f"https://{event.host}{event.path}", "httpVersion": "h2", "cookies": []}
        request |= {"headers": [{"name": "User-Agent", "value": event.agent}], "queryString": []}
        request |= {"headersSize": 120 if known else -1, "bodySize": (event.up or 0) - 120 if known else event.up}
        response = {"status": 0 if event.blocked else 200, "headers": [], "headersSize": -1, "bodySize": -1}
        response |= {"content": {"size": 7, "text": '}]{"a": "\\"' * rng.randrange(900)}, "_transferSize": event.down}
        if event.blocked:
            response |= {"_error": "net::ERR_BLOCKED_BY_ADMINISTRATOR"}
        stamp = at.isoformat().replace("+00:00", ".000Z") if number % 2 else f"{at:%Y-%m-%dT%H:%M:%S}+00:00"
        entries.append({"startedDateTime": stamp, "time": 1.5, "request": request, "response": response})
        seen = seconds(event).without("user", "device", "department", "source")
        # Chrome counts nothing of what it served from its cache.
        told.append(replace(seen, down=event.down or 7))
    log = {"version": "1.2", "creator": {"name": 'x "entries": ['}, "pages": [{"id": "}"}], "entries": entries}
    return Sample("har", "browser", json.dumps({"log": log}, indent=rng.choice((None, 2))).encode(), tuple(told))


def mitm(found: Sequence[Event], rng: Random) -> Sample:
    """mitmdump's: HTTP, and flows that aren't."""
    out = io.BytesIO()
    writer = FlowWriter(out)
    told = []
    for number, event in enumerate(found):
        flow = tflow.tflow(resp=not event.blocked)
        flow.request.host = "203.0.113.9" if number % 4 == 0 else event.host
        flow.request.port = 443
        flow.request.path = event.path
        flow.request.headers["host"] = event.host
        flow.request.headers["user-agent"] = event.agent
        flow.request.authority = "" if number % 2 else f"{event.host}:443"
        flow.request.content = b"x" * ((event.up or 0) % 5000)
        flow.request.timestamp_start = event.at / 1_000_000
        flow.client_conn.peername = (event.source, 53211)
        if flow.response:
            flow.response.content = b"y" * ((event.down or 0) % 5000)
        writer.add(flow)
        if number % 10 == 0:
            writer.add(tflow.ttcpflow())
        size = None if event.blocked else (event.down or 0) % 5000
        seen = replace(event, up=(event.up or 0) % 5000, down=size, blocked=False)
        told.append(seen.without("user", "device", "department"))
    return Sample("mitm", "flows", out.getvalue(), tuple(told))
