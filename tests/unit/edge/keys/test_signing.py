"""A request that its client has signed goes as it came, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.rig import ADDRESS, Rig
from weir.edge.keys.signing import is_signed

SIGNED = "AWS4-HMAC-SHA256 Credential=AKID/20260102/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=00"
HOST, PATH = "bedrock-runtime.us-east-1.amazonaws.com", "/model/m/converse"


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """A proxy that approves of Bedrock."""
    return make_rig(services={"sanctioned": ["aws-bedrock", "openai"], "otherwise": "unsanctioned"})


def converse(text: str) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": [{"text": text}]}]}).encode()


@pytest.mark.parametrize(
    ("header", "path", "signed"),
    [
        (SIGNED, "/", True),
        (SIGNED.replace("HMAC-SHA256", "ECDSA-P256-SHA256"), "/", True),
        ('Signature version="1",keyId="k"', "/", True),
        ("", "/x?X-Amz-Algorithm=a&X-Amz-Signature=00", True),
        ("Bearer abc", "/", False),
        (SIGNED.replace("AKID", "weir-sk-AKID"), "/", False),  # signed anew here
        ("", "/X-Amz-Signature=/", False),
    ],
)
def test_what_is_signed(rig: Rig, header: str, path: str, signed: bool) -> None:
    flow = rig.flow(path=path, headers={"authorization": header} if header else {})
    assert is_signed(flow.request) is signed


@pytest.mark.parametrize("padding", [0, 20_000])
def test_it_is_refused_where_a_text_would_have_to_change(rig: Rig, padding: int) -> None:
    body = converse(f"to {ADDRESS} {'la ' * (padding // 3)}")
    flow = rig.flow(body, host=HOST, path=PATH, headers={"authorization": SIGNED})
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 400
    assert flow.response.headers["x-amzn-errortype"] == "ValidationException"
    said: Any = json.loads(flow.response.content or b"")
    assert "signed" in said["message"] and trace.verdict.rule_id in said["message"] and ADDRESS not in str(said)
    record = rig.records[-1]
    assert (record.kind, record.action, record.rule_id) == ("block", "block", "signed-request")
    assert record.findings and flow.request.raw_content == body


def test_it_passes_byte_by_byte_where_nothing_has_to_change(rig: Rig) -> None:
    flow = rig.flow(converse("hello"), host=HOST, path=PATH, headers={"authorization": SIGNED})
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is None and not trace.edited
    assert flow.request.raw_content == converse("hello") and flow.request.headers["authorization"] == SIGNED


def test_with_a_bearer_key_it_is_changed(rig: Rig) -> None:
    flow = rig.flow(converse(f"to {ADDRESS}"), host=HOST, path=PATH, headers={"authorization": "Bearer abc"})
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is None and trace.edited and ADDRESS.encode() not in (flow.request.raw_content or b"")
