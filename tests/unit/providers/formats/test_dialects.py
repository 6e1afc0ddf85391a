from __future__ import annotations

from weir.model import Endpoint
from weir.providers.formats.dialects import dialects


def test_each_goes_by_its_own_id() -> None:
    found = dialects(frozenset())
    assert {key: dialect.id for key, dialect in found.items()} == {key: key for key in found}
    assert len(found) >= 23


def test_services_that_report_usage_unasked() -> None:
    body = b'{"stream":true}'
    chat = dialects(frozenset({"groq"}))["openai_chat"]
    assert chat.parse(body, Endpoint("groq", "openai_chat", "chat")).asks_usage
    assert not chat.parse(body, Endpoint("openai", "openai_chat", "chat")).asks_usage
