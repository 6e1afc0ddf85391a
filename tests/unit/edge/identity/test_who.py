"""What a record says of its caller."""

from __future__ import annotations

import pytest
from mitmproxy.test import tflow, tutils

from weir.edge.identity.who import address_of, product_tokens


@pytest.mark.parametrize(
    ("agent", "kept"),
    [
        ("OpenAI/Python 3.1.0", "OpenAI/Python"),
        ("claude-cli/2.1.0 (external, cli)", "claude-cli/2.1.0"),
        ("sk-proj-" + "a1B2" * 12, ""),
        ("", ""),
        ("a/1 b/2 c/3 d/4 e/5", "a/1 b/2 c/3 d/4"),
    ],
)
def test_of_a_user_agent_only_products_are_kept(agent: str, kept: str) -> None:
    flow = tflow.tflow(req=tutils.treq(headers=((b"user-agent", agent.encode()),)))
    assert product_tokens(flow) == kept


def test_a_connection_that_is_gone_has_no_address() -> None:
    client = tflow.tclient_conn()
    client.peername = ("::1", 4711, 0, 0)
    assert address_of(client) == "::1"
    client.peername = None  # type: ignore[assignment]
    assert address_of(client) == ""
