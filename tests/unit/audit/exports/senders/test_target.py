from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from weir.audit.exports.row import Row
from weir.audit.exports.senders.target import Gone, Refusals, Refused, Target, Unavailable, without


def rows(count: int) -> list[Row]:
    return [{"seq": number} for number in range(count)]


class Picky:
    """Takes whole requests only, and says which row it minds when it is ``told`` to."""

    def __init__(self, bad: set[int], *, says: bool = False) -> None:
        self.bad, self.says, self.taken, self.calls = bad, says, [], 0

    def __call__(self, sent: Sequence[Row]) -> Refusals:
        self.calls += 1
        wrong = [at for at, row in enumerate(sent) if row["seq"] in self.bad]
        if wrong:
            raise Refused("no", wrong[0] if self.says else None)
        self.taken += [row["seq"] for row in sent]
        return []


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("bad", [{0}, {9}, {3, 4}, {0, 5, 9}, set(), {1, 2, 3, 4, 5, 6, 7, 8}])
def test_the_wrong_ones_are_found_and_all_others_sent_once(bad: set[int], says: bool) -> None:
    send: Any = Picky(bad, says=says)
    assert sorted(without(rows(10), send, True)) == [(at, "no") for at in sorted(bad)]
    assert send.taken == [number for number in range(10) if number not in bad]


def test_one_among_many_costs_a_few_requests_only() -> None:
    send = Picky({77})
    assert without(rows(500), send, True) == [(77, "no")] and send.calls < 25


def test_a_receiver_that_takes_nothing_is_set_up_wrongly() -> None:
    for count, proven in ((3, True), (3, False), (1, False)):
        with pytest.raises(Unavailable, match="refuses every row: no"):
            without(rows(count), Picky(set(range(9))), proven)
    assert without(rows(1), Picky({0}), True) == [(0, "no")]
    assert without([], Picky({0}), False) == []


def test_rows_that_cannot_be_sent_are_not_the_receiver_s_fault() -> None:
    assert without(rows(3), lambda sent: [(at, "unfit") for at in range(len(sent))], False) == [
        (0, "unfit"), (1, "unfit"), (2, "unfit"),
    ]  # fmt: skip

    def half(sent: Sequence[Row]) -> Refusals:
        if len(sent) > 1 or sent[0]["seq"] != 0:
            raise Refused("no")
        return [(0, "unfit")]

    with pytest.raises(Unavailable, match="refuses every row: no"):
        without(rows(3), half, True)


def test_rows_that_nobody_names_keep_their_count() -> None:
    def send(sent: Sequence[Row]) -> Refusals:
        if any(row["seq"] == 0 for row in sent) and len(sent) > 1:
            raise Refused("no")
        return [(None, "some")]

    assert without(rows(4), send, True) == [(None, "some")] * 3


def test_what_it_is_called() -> None:
    assert Unavailable("x", 5.0).again_s == 5.0 and Unavailable("x").again_s is None
    assert issubclass(Gone, Exception) and not issubclass(Gone, OSError)
    assert {"deliver", "settle", "close"} <= set(vars(Target))
