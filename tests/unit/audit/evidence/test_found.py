from __future__ import annotations

from weir.audit.evidence.found import Found, Wrong


def test_a_finding_says_where_and_what() -> None:
    assert str(Found(Wrong.CUT, "p-b", "gone", seq=3, seq_last=9, checkpoint=2)) == (
        "p-b: cut: seq 3 to 9: checkpoint 2: gone"
    )
    assert str(Found(Wrong.EDITED, "p-b", "x", file="p-b-000001.jsonl", line=4, seq=4)) == (
        "p-b-000001.jsonl:4: edited: seq 4: x"
    )
    assert str(Found(Wrong.REMOVED, "", "x", seq=4, seq_last=4)) == "removed: seq 4: x"
