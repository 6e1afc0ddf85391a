from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint
from weir.providers.formats.web_deepseek import DeepSeekWeb

ENDPOINT = Endpoint("deepseek-web", "deepseek_web", "chat", stream=True)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"parent_message_id": None, "ref_file_ids": []}, ""),
        ({"parent_message_id": 2}, "earlier turns kept by the provider"),
        ({"ref_file_ids": ["f"]}, "file kept by the provider"),
    ],
)
def test_what_stands_with_the_provider(more: dict[str, Any], reason: str) -> None:
    exchange = DeepSeekWeb().parse(json.dumps({"prompt": "hello you", **more}).encode(), ENDPOINT)
    assert (exchange.reason, exchange.asks_usage) == (reason, True)
    assert ("/prompt", "user") in [(s.pointer, s.role) for s in exchange.segments]


def test_errors_of_its_own_shape() -> None:
    assert json.loads(DeepSeekWeb().refusal(400, "no", "r")) == {"code": 400, "msg": "no (weir rule: r)", "data": None}
    assert b"event: hint\n" in DeepSeekWeb().abort_event("no", "r")
