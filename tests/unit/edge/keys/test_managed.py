"""The company's key in the virtual one's place: copied, signed with or minted; and what becomes of one turned away."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from mitmproxy import http

from harness.rig import REAL_KEY, Rig, chat
from weir.demo.awssign import signed
from weir.edge.keys import managed
from weir.edge.trace import Trace
from weir.keys.company import CompanyKey, single
from weir.keys.held import Fetched, Held
from weir.keys.live import LiveSecret
from weir.keys.pool import Member, Pool
from weir.model import Secret

BEDROCK, VERTEX = "bedrock-runtime.us-east-1.amazonaws.com", "aiplatform.googleapis.com"
MODEL = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
GENERATE = "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent"
ACCESS, SIGNING, TOKEN = "AKIA" + "DOUBLE" * 2 + "ABCD", "synthetic-" * 4, "ya29." + "synthetic-token"
AWS = json.dumps({"AccessKeyId": ACCESS, "SecretAccessKey": SIGNING})
CONVERSE = json.dumps({"messages": [{"role": "user", "content": [{"text": "How high?"}]}]}).encode()
GEMINI = json.dumps({"contents": [{"role": "user", "parts": [{"text": "How high?"}]}]}).encode()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """A proxy with a key of each form."""
    made = make_rig(services={"sanctioned": ["aws-bedrock", "openai", "google-vertex"], "otherwise": "unsanctioned"})
    have(made, "aws-bedrock", single(Secret(AWS, name="aws-bedrock", hosts=(BEDROCK,)), "aws"))
    have(made, "google-vertex", single(Secret(TOKEN, name="google-vertex", hosts=(VERTEX,)), "google"))
    return made


def have(rig: Rig, service: str, key: CompanyKey) -> None:
    rig.state.snapshot = replace(rig.state.snapshot, secrets={**rig.state.snapshot.secrets, service: key})


def virtual(rig: Rig) -> str:
    return rig.state.virtual_keys.create(app="crawler", team="finance")[1]


def asked(rig: Rig, headers: dict[str, str], **more: object) -> tuple[http.HTTPFlow, Trace]:
    flow = rig.flow(**{"host": BEDROCK, "path": MODEL, "body": CONVERSE, "headers": headers, **more})  # type: ignore[arg-type]
    return flow, rig.play(flow, "requestheaders", "request")


def verified(flow: http.HTTPFlow, path: str = "/model/anthropic.claude-sonnet-4-5-20250929-v1:0/converse") -> bool:
    headers = {name.lower(): value for name, value in flow.request.headers.items()}
    return signed(flow.request.method, path, headers, flow.request.raw_content or b"", SIGNING)


def test_a_copied_key(rig: Rig) -> None:
    flow = rig.flow(chat(), headers={"authorization": f"Bearer {virtual(rig)}"})
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.request.headers["authorization"] == f"Bearer {REAL_KEY}"
    assert trace.managed_key == rig.records[-1].managed_key == "openai"
    assert trace.given is not None and trace.given.reveal() == REAL_KEY and REAL_KEY not in repr(trace)


@pytest.mark.parametrize("path", [MODEL, MODEL.replace("%3A", ":"), MODEL + "-stream"])
def test_bedrock_is_signed_for_a_bearer_key(rig: Rig, path: str) -> None:
    key = virtual(rig)
    flow, trace = asked(rig, {"authorization": f"Bearer {key}", "x-amz-date": "20200101T000000Z"}, path=path)
    assert flow.response is None and trace.managed_key == "aws-bedrock" and trace.given is None
    assert len(flow.request.headers.get_all("authorization")) == 1 and ACCESS in flow.request.headers["authorization"]
    assert flow.request.path == path.replace("v1:0", "v1%3A0")
    assert key not in str(flow.request.headers) and SIGNING not in str(flow.request.headers)
    assert verified(flow, path.replace("%3A", ":"))


def test_bedrock_is_signed_anew_for_a_client_that_signs_with_a_virtual_key(rig: Rig) -> None:
    key = virtual(rig)
    old = f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"
    flow, trace = asked(rig, {"authorization": old, "x-amz-security-token": "old", "x-amz-content-sha256": "00"})
    assert flow.response is None and verified(flow) and trace.principal.app == "crawler"
    assert "old" not in str(flow.request.headers) and key not in str(flow.request.headers)


def test_the_signature_covers_what_policy_changed(rig: Rig) -> None:
    body = CONVERSE.replace(b"How high?", b"Tell jane.doe@example.org about it.")
    flow, _ = asked(rig, {"authorization": f"Bearer {virtual(rig)}"}, body=body)
    assert flow.response is None and b"jane.doe" not in (flow.request.raw_content or b"") and verified(flow)


def test_a_clients_own_signature_stays(rig: Rig) -> None:
    old = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS}/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"
    )
    flow, trace = asked(rig, {"authorization": old})
    assert flow.response is None and flow.request.headers["authorization"] == old and trace.managed_key == ""


def test_what_cannot_be_signed_is_refused(rig: Rig) -> None:
    headers = {"authorization": f"Bearer {virtual(rig)}", "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-EVENTS"}
    flow, trace = asked(rig, headers)
    assert flow.response is not None and flow.response.status_code == 400
    assert "piece" in trace.refused_why and rig.records[-1].rule_id == "virtual-key"


def test_a_signing_client_where_the_companys_key_does_not_sign(rig: Rig) -> None:
    have(rig, "aws-bedrock", single(Secret("ABSK", name="aws-bedrock", hosts=(BEDROCK,))))
    scope = "20260101/us-east-1/bedrock/aws4_request"
    old = f"AWS4-HMAC-SHA256 Credential={virtual(rig)}/{scope}, SignedHeaders=a, Signature=0"
    flow, _ = asked(rig, {"authorization": old})
    assert flow.response is not None and flow.response.status_code == 401 and "ABSK" not in str(flow.request.headers)


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": "Bearer KEY"}, ""),
        ({"x-goog-api-key": "KEY"}, ""),
        ({}, "?key=KEY&alt=sse"),
        ({"x-goog-api-key": "KEY", "authorization": "Bearer ya29.of-the-clients-own"}, ""),
    ],
)
def test_vertex_gets_a_token_whatever_place_the_client_chose(rig: Rig, headers: dict[str, str], query: str) -> None:
    key = virtual(rig)
    headers = {name: value.replace("KEY", key) for name, value in headers.items()}
    path = GENERATE + query.replace("KEY", key)
    flow, trace = asked(rig, headers, host=VERTEX, path=path, body=GEMINI)
    assert flow.response is None and trace.managed_key == "google-vertex"
    assert flow.request.headers.get_all("authorization") == [f"Bearer {TOKEN}"]
    assert key not in str(flow.request.headers) + flow.request.path and "x-goog-api-key" not in flow.request.headers
    assert flow.request.path == GENERATE + ("?alt=sse" if "alt" in query else "")


@pytest.mark.parametrize(
    ("host", "path", "place"),
    [
        (VERTEX, GENERATE, "x-goog-api-key"),
        (VERTEX, GENERATE, "authorization"),
        ("api.openai.com", "/v1/chat/completions", "authorization"),
    ],
)
def test_a_line_that_goes_with_a_changed_body_moves_no_key(rig: Rig, host: str, path: str, place: str) -> None:
    """``content-encoding`` stands before the virtual key, and goes when the body is sent as policy left it."""
    key, text = virtual(rig), b"Tell jane.doe@example.org about it."
    plain = GEMINI.replace(b"How high?", text) if host == VERTEX else chat(text.decode())
    shown = key if place == "x-goog-api-key" else f"Bearer {key}"
    headers = {"content-encoding": "gzip", place: shown, "x-after": "1"}
    flow, trace = asked(rig, headers, host=host, path=path, body=gzip.compress(plain))
    assert flow.response is None and trace.edited and "content-encoding" not in flow.request.headers
    assert key not in str(flow.request.headers) and flow.request.headers["x-after"] == "1"
    real = TOKEN if host == VERTEX else REAL_KEY
    assert flow.request.headers.get_all("authorization") == [f"Bearer {real}"]


def test_a_key_whose_backend_has_nothing_is_a_503_that_nobody_retries(rig: Rig) -> None:
    held = Held("keys.openai", lambda: Fetched("unused"))
    have(
        rig, "openai", CompanyKey(Pool([Member("openai", LiveSecret(held, name="openai", hosts=("api.openai.com",)))]))
    )
    flow = rig.flow(chat(), headers={"authorization": f"Bearer {virtual(rig)}"})
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 503 and trace.managed_key == ""
    assert flow.response.headers["x-should-retry"] == "false" and flow.response.headers["retry-after"] == "30"
    assert json.loads(flow.response.content or b"")["error"]["message"].startswith("The company's key for openai")
    assert flow.response.headers["x-weir-rule"] == "company-key"
    assert (rig.records[-1].kind, rig.records[-1].rule_id) == ("block", "company-key")
    said = "no key of the company's for openai has a value now: keys.openai: has not been fetched yet"
    assert rig.records[-1].reason == said


def test_a_large_body_is_signed_elsewhere(rig: Rig) -> None:
    text = "How high is the river? " * (managed.INLINE_BYTES_MAX // 20)
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": text}]}]}).encode()
    flow, trace = asked(rig, {"authorization": f"Bearer {virtual(rig)}"}, body=body)
    assert flow.response is None and verified(flow) and trace.managed_key == "aws-bedrock"
    have(rig, "aws-bedrock", single(Secret("not JSON", name="aws-bedrock", hosts=(BEDROCK,)), "aws"))
    flow, trace = asked(rig, {"authorization": f"Bearer {virtual(rig)}"}, body=body)
    assert flow.response is not None and flow.response.status_code == 503 and trace.managed_key == ""
