from __future__ import annotations

import pytest

from weir.providers.wire.arrays import ArrayFramer

DATA = b' [ {"a":"]}\\"[{", "b":[1,{}]} \n, {"c":2}\n,[3]] \n'


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_elements(size: int) -> None:
    framer = ArrayFramer()
    pieces = [p for at in range(0, len(DATA), size) for p in framer.feed(DATA[at : at + size])] + framer.close()
    assert b"".join(p.raw for p in pieces) == DATA
    assert [p.raw for p in pieces if p.kind == "element"] == [b'{"a":"]}\\"[{", "b":[1,{}]}', b'{"c":2}', b"[3]"]
    assert [p.raw for p in pieces if p.kind == "end"] == [b"]"]


def test_a_cut_element_is_given_at_the_end() -> None:
    framer = ArrayFramer()
    assert [p.kind for p in framer.feed(b'[{"a":')] == ["between"]
    assert [p.raw for p in framer.close()] == [b'{"a":']
    assert framer.close() == []


def test_a_large_element_passes_in_pieces() -> None:
    framer = ArrayFramer(20)
    pieces = [*framer.feed(b'[{"a":"' + b"x" * 30), *framer.feed(b'y"},{"b":1}]')]
    assert b"".join(p.raw for p in pieces) == b'[{"a":"' + b"x" * 30 + b'y"},{"b":1}]'
    assert [(p.raw[-8:], p.oversize) for p in pieces if p.kind == "element"] == [
        (b"x" * 8, True),
        (b'y"}', True),
        (b'{"b":1}', False),
    ]
