"""Splunk's HTTP Event Collector. With indexer acknowledgement, rows are settled when the indexers have them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from weir.audit.exports.formats import Format
from weir.audit.exports.row import Row, clean
from weir.audit.exports.senders.http import Answer, Http
from weir.audit.exports.senders.posting import Posting
from weir.audit.exports.senders.target import Refusals, Refused, Unavailable
from weir.audit.exports.splunk import batch, envelope

__all__ = ["Collector"]

EVENTS, ACKS = "/services/collector/event", "/services/collector/ack"
_INVALID = (5, 6, 7, 12, 13, 15)  # codes that are about an event: no data, wrong format, wrong index, no event …
_WAIT_S = 60.0


class Collector(Posting):
    """A token of a collector."""

    settle_s, settle_rows = 2.0, 5_000

    def __init__(
        self,
        http: Http,
        make: Format | None,
        version: str,
        *,
        host: str = "",
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """``make``: the format of the event inside, None for the row as it is; ``host``: who sends."""
        super().__init__(http)
        self._make, self._version, self._host, self._sleep = make, version, host, sleep
        self._channel = str(uuid.uuid4())
        self._acks: set[int] = set()

    def settle(self) -> None:
        """Ask until the indexers have everything, where the token asks for that."""
        deadline = time.monotonic() + _WAIT_S
        while self._acks:
            body = orjson.dumps({"acks": sorted(self._acks)})
            answer = self._http.post(
                f"{ACKS}?channel={self._channel}", body, "application/json", x_splunk_request_channel=self._channel
            )
            try:
                answer.check()
            except Refused as error:
                raise Unavailable(str(error)) from None
            told = _object(answer).get("acks")
            done = told if isinstance(told, dict) else {}
            self._acks = {ack for ack in self._acks if done.get(str(ack)) is not True}
            if self._acks:
                if time.monotonic() > deadline:
                    self.close()
                    raise Unavailable(f"its indexers did not acknowledge within {_WAIT_S:.0f} s")
                self._sleep(0.5)

    def close(self) -> None:
        """As in ``Target``: what was not acknowledged goes on a channel of its own the next time."""
        self._acks.clear()
        self._channel = str(uuid.uuid4())
        super().close()

    def _send(self, rows: Sequence[Row]) -> Refusals:
        envelopes: list[dict[str, Any]] = []
        owner: list[int] = []  # which row an envelope is of
        wrong: Refusals = []
        for at, row in enumerate(rows):
            try:
                made = self._make(row, self._version) if self._make else [None]
                envelopes += (envelope(row, host=self._host, event=event) for event in made)
                owner += [at] * len(made)
            except Exception as error:  # noqa: BLE001  one row that cannot be formatted must not stop the others
                wrong.append((at, f"it cannot be formatted ({type(error).__name__})"))
        if not envelopes:
            return wrong
        answer = self._http.post(EVENTS, batch(envelopes), "application/json", x_splunk_request_channel=self._channel)
        self._understand(answer, owner)
        ack = _object(answer).get("ackId")
        if type(ack) is int:
            self._acks.add(ack)
        return wrong

    def _understand(self, answer: Answer, owner: list[int]) -> None:
        """Raises Refused with the row it is about where the collector says which, Unavailable for what is no row's
        fault, for instance a token that is disabled (a 400 too, in some versions)."""
        told = _object(answer)
        words, code, number = told.get("text"), told.get("code"), told.get("invalid-event-number")
        said = clean(words, 200) if isinstance(words, str) else ""
        if answer.status == 400 and isinstance(code, int) and code not in _INVALID:
            raise Unavailable(f"it answered 400 ({said or code})")
        try:
            answer.check(said)
        except Refused as error:
            if type(number) is int and 0 <= number < len(owner):
                raise Refused(str(error), owner[number]) from None
            raise


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
