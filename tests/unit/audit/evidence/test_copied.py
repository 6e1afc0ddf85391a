from __future__ import annotations

from harness.sealedaudit import SealedAudit
from weir.audit.evidence.compare import Held, held_by_store, read_cursor
from weir.audit.evidence.copied import Copy
from weir.audit.evidence.leaves import Leaf, from_spool
from weir.audit.spool.opened import segments
from weir.audit.store import database as store


def told(sealed: SealedAudit, leaves: list[Leaf], last: int = 0) -> list[str]:
    chain = f"{sealed.data.proxy_id}-0001"
    with store.connect(sealed.data.path) as connection:
        copy = Copy(chain, connection, held_by_store(connection)[chain], read_cursor(sealed.data.path), last)
        found = [problem for leaf in leaves for problem in copy.take(leaf)]
        return [str(problem).partition(": ")[2] for problem in (*found, *copy.finish())]


def test_rows_of_the_spool_are_held_against_the_store(sealed: SealedAudit) -> None:
    chain = f"{sealed.data.proxy_id}-0001"
    leaves = list(from_spool(chain, segments(sealed.data.spool)[chain]))
    assert told(sealed, leaves) == told(sealed, leaves[9:], last=9) == []
    gone = "the store has these rows, the spool does not"
    assert told(sealed, leaves[:50]) == [f"seq 51 to 60: {gone}"]
    assert told(sealed, leaves[:10] + leaves[12:]) == [f"seq 11 to 12: {gone}"]
    other = [leaves[1], *leaves[1:]]
    assert len(told(sealed, other)) == 1


def test_nothing_differs_from_no_store() -> None:
    copy = Copy("p-b", None, Held(), None)
    assert list(copy.take(Leaf("f", 1, 1, "", ""))) == list(copy.finish()) == []
