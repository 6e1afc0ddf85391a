from __future__ import annotations

from weir.edge.content.talks import Talks


def test_the_last_ones_are_known_with_their_users() -> None:
    talks = Talks(2)
    talks.note("a", "anna")
    talks.note("b", "bob")
    talks.note("a", "anna")
    talks.note("c", "")
    talks.note("", "nobody")
    assert dict(talks.each()) == {"a": "anna", "c": ""} and len(talks) == 2
    assert "anna" not in repr(talks)
