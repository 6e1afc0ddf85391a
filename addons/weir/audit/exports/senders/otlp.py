"""An OTLP/HTTP receiver: spans to ``/v1/traces``, histograms to ``/v1/metrics``, in OTLP's JSON encoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from weir.audit.exports.otlp import traces
from weir.audit.exports.otlp_metrics import metrics
from weir.audit.exports.row import Row, clean, micros
from weir.audit.exports.senders.http import Http
from weir.audit.exports.senders.posting import Posting
from weir.audit.exports.senders.target import Refusals

__all__ = ["SIGNALS", "Receiver"]

SIGNALS = {"traces": ("resourceSpans", "rejectedSpans"), "metrics": ("resourceMetrics", "rejectedDataPoints")}


class Receiver(Posting):
    """One signal of a receiver. Metrics are deltas: a batch that is sent twice counts twice. A partial success names no
    rows and must not be sent again."""

    def __init__(self, http: Http, signal: str, version: str) -> None:
        """``signal``: a key of SIGNALS."""
        super().__init__(http)
        self._signal, self._version = signal, version
        self._told = self._end = 0  # until when (µs) metrics have been sent: stretches must not overlap

    def _send(self, rows: Sequence[Row]) -> Refusals:
        try:
            body = self._body(rows)
        except Exception as error:  # noqa: BLE001  one row that cannot be formatted must not stop the others
            if len(rows) == 1:
                return [(0, f"it cannot be formatted ({type(error).__name__})")]
            middle = len(rows) // 2
            after = self._send(rows[middle:])
            return [*self._send(rows[:middle]), *((at if at is None else middle + at, why) for at, why in after)]
        inside, rejected = SIGNALS[self._signal]
        if not body[inside]:
            return []  # requests, for instance: an exchange is told when it is over
        answer = self._http.post(f"/v1/{self._signal}", orjson.dumps(body), "application/json")
        answer.check()
        self._told = self._end
        count, why = _partly(answer.body, rejected)
        if not count:
            return []
        told = f"it rejected {count} of {len(rows)} without saying which" + (f": {why}" if why else "")
        return [(0 if len(rows) == 1 else None, told)]

    def _body(self, rows: Sequence[Row]) -> dict[str, Any]:
        if self._signal == "traces":
            return traces(rows, self._version)
        ends = [micros(row, "ts_end") or micros(row, "ts") for row in rows]
        start = self._told or min(ends, default=0)
        end = max([start + 1, *ends])
        self._end = end
        return metrics(rows, self._version, start, end)


def _partly(body: bytes, rejected: str) -> tuple[int, str]:
    """How much of a request was rejected, and the receiver's words for it."""
    try:
        told = orjson.loads(body).get("partialSuccess") or {}
        return int(told.get(rejected) or 0), clean(str(told.get("errorMessage") or ""), 200)
    except (ValueError, TypeError, AttributeError):
        return 0, ""  # a receiver that answers 2xx with something else has taken it all
