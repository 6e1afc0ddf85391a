from __future__ import annotations

from collections.abc import Sequence

import pytest

from weir.audit.exports.row import Row
from weir.audit.exports.senders.hec import Collector
from weir.audit.exports.senders.lines import Web
from weir.audit.exports.senders.otlp import Receiver
from weir.audit.exports.senders.posting import Posting
from weir.audit.exports.senders.target import Refusals, Refused, Target, Unavailable


class _Http:
    closed = 0

    def close(self) -> None:
        self.closed += 1


class _Fussy(Posting):
    """Refuses rows with a ``bad`` in them, together with all that come along."""

    def __init__(self) -> None:
        self.http = _Http()
        super().__init__(self.http)  # type: ignore[arg-type]
        self.taken: list[Row] = []

    def _send(self, rows: Sequence[Row]) -> Refusals:
        if any("bad" in row for row in rows):
            raise Refused("no such field")
        self.taken += rows
        return []


def test_a_row_alone_is_refused_only_by_who_has_taken_something_before() -> None:
    fussy: Target = _Fussy()
    with pytest.raises(Unavailable, match="refuses every row"):
        fussy.deliver([{"bad": 1}])
    assert fussy.deliver([{"seq": 1}, {"bad": 1}, {"seq": 2}]) == [(1, "no such field")]
    assert fussy.deliver([{"bad": 1}]) == [(0, "no such field")]
    with pytest.raises(Unavailable, match="refuses every row"):
        fussy.deliver([{"bad": 1}, {"bad": 2}])


def test_nothing_is_waited_for_and_closing_lets_go_of_the_connection() -> None:
    fussy = _Fussy()
    fussy.settle()
    fussy.close()
    assert fussy.http.closed == 1 and (fussy.settle_s, fussy.settle_rows) == (0.0, 1)


def test_who_takes_rows_over_http_is_one_of_these() -> None:
    assert all(issubclass(one, Posting) for one in (Collector, Receiver, Web))
    assert (Collector.settle_s, Web.settle_s, Receiver.settle_s) == (2.0, 0.0, 0.0)
