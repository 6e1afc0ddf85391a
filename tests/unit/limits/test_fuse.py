"""A store that fails over and over is left alone for a second."""

from __future__ import annotations

import pytest

from weir.limits.fuse import Fuse
from weir.limits.store import LedgerError


def fail(_: object) -> None:
    raise LedgerError("away")


def test_it_is_opened_once_and_left_alone_after_three_failures() -> None:
    now, opened = [0.0], list[int]()
    fuse = Fuse(lambda: opened.append(1) or "store", lambda: now[0])
    assert fuse.made is None and fuse.call(lambda store: store) == "store" and fuse.made == "store"
    for _ in range(3):
        with pytest.raises(LedgerError, match="away"):
            fuse.call(fail)
    with pytest.raises(LedgerError, match="a moment ago"):
        fuse.call(lambda store: store)
    now[0] = 1.0
    assert fuse.call(lambda store: store) == "store" and opened == [1]


def test_calls_that_it_did_not_make_count_too() -> None:
    fuse = Fuse(lambda: "store", lambda: 0.0)
    fuse.count(failed=True)
    fuse.count(failed=True)
    fuse.count(failed=False)
    fuse.count(failed=True)
    fuse.check()
    fuse.count(failed=True)
    fuse.count(failed=True)
    with pytest.raises(LedgerError):
        fuse.check()
