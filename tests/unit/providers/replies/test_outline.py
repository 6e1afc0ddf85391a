from __future__ import annotations

import json

import pytest

from harness.effort import within
from weir.providers.replies.outline import outline
from weir.providers.wire.values import Json, JsonObject

LONG = "x" * 200_000


@pytest.mark.parametrize(
    ("document", "want"),
    [
        (
            {"id": "r1", "model": "m", "choices": [{"id": "later", "text": LONG}], "usage": {"total_tokens": 3}},
            {"id": "r1", "model": "m", "usage": {"total_tokens": 3}},
        ),
        (
            {"candidates": [{"text": LONG}], "usageMetadata": {"promptTokenCount": 1}, "modelVersion": "g"},
            {"usageMetadata": {"promptTokenCount": 1}, "modelVersion": "g"},
        ),
        ({"usage": {"a": 1}, "data": LONG, "last": {"usage": {"a": 2}}}, {"usage": {"a": 2}}),
        ({"text": 'say "usage": {"a": 1} ' + LONG}, {}),
        ({"model": 3, "usage": "none", "text": LONG}, {}),
        ({"data": LONG + LONG, "middle": {"usage": {"a": 1}}, "more": LONG}, {}),
    ],
)
def test_what_stands_near_the_ends(document: Json, want: JsonObject) -> None:
    assert outline(json.dumps(document).encode()) == want


@pytest.mark.parametrize("piece", [b'"usage":{', b'"usage":[', b'"id":"', b"\xff\x00", b'{"usage":{"usage":1},'])
def test_hostile_documents_cost_little(piece: bytes) -> None:
    data = piece * (8_000_000 // len(piece))
    assert isinstance(within(2, lambda: outline(data)), dict)
