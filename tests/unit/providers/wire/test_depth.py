"""How deep a document may be nested is the policy's word, for reading and for editing alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from weir.model import Unparsed
from weir.providers.wire import depth, jsondoc


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    yield
    depth.take(depth.LEVELS_MAX)


def nested(levels: int) -> bytes:
    return b"[" * (levels - 1) + b'["a"]' + b"]" * (levels - 1)


@pytest.mark.parametrize("levels", [16, depth.LEVELS_MAX, 512])
def test_as_deep_as_policy_has_it_and_no_deeper(levels: int) -> None:
    depth.take(levels)
    assert depth.levels_max() == levels
    jsondoc.loads(nested(levels))
    pointer = "/0" * levels
    assert jsondoc.splice(nested(levels), {pointer: "b"}) == nested(levels).replace(b"a", b"b")
    for read in (jsondoc.loads, lambda body: jsondoc.splice(body, {pointer: "b"})):
        with pytest.raises(Unparsed, match="nested too deeply"):
            read(nested(levels + 1))
