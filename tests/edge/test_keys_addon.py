"""Virtual keys are replaced or refused, never sent on; raw ones are recognised by a fingerprint."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from harness.rig import REAL_KEY, Rig, chat
from weir.keys.virtual import new_key

RAW = "sk-" + "proj-" + "a1B2c3D4" * 6


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_a_virtual_key_is_replaced_and_says_who(rig: Rig) -> None:
    record, key = rig.state.virtual_keys.create(app="crawler", team="finance", user="jane")
    flow = rig.flow(chat(), headers=bearer(key))
    trace = rig.play(flow, "requestheaders")
    assert flow.request.headers["authorization"] == f"Bearer {key}"  # the real key goes in last, after all have looked
    rig.play(flow, "request")
    assert flow.response is None
    assert flow.request.headers["authorization"] == f"Bearer {REAL_KEY}"
    assert (trace.credential, trace.principal.key_id, trace.principal.team) == ("virtual", record.id, "finance")
    assert rig.records[-1].key_id == record.id and rig.records[-1].api_key_fp == ""


def refused(rig: Rig, key: str, **more: object) -> str:
    flow = rig.flow(chat(), **{"headers": bearer(key), **more})  # type: ignore[arg-type]
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is not None and flow.response.status_code == 401
    assert trace.refused_by == "virtual-key" and rig.records[-1].rule_id == "virtual-key"
    assert rig.records[-1].action == "block"
    said = flow.response.get_text() or ""
    assert key not in said and REAL_KEY not in str(flow.request.headers)
    return said


def test_keys_that_are_not_good(rig: Rig) -> None:
    keys = rig.state.virtual_keys
    assert "not known" in refused(rig, new_key())
    record, key = keys.create(app="a")
    keys.revoke(record.id)
    assert "revoked" in refused(rig, key)
    _, key = keys.create(app="a", expires=datetime.now(UTC) - timedelta(hours=1))
    assert "expired" in refused(rig, key)
    _, key = keys.create(app="a", services=["anthropic"])
    assert "service" in refused(rig, key)


def test_a_key_without_a_secret_behind_it(rig: Rig) -> None:
    _, key = rig.state.virtual_keys.create(app="a")
    said = refused(rig, key, host="api.anthropic.com", path="/v1/messages", headers={"x-api-key": key})
    assert "No key of the company's" in said and '"type":"error"' in said.replace(" ", "")


@pytest.mark.parametrize("place", ["cookie", "x-forwarded-key", "query", "basic"])
def test_a_virtual_key_in_a_wrong_place(make_rig: Callable[..., Rig], place: str) -> None:
    rig = make_rig(mode="observe")  # where policy lets everything pass, a virtual key still does not
    _, key = rig.state.virtual_keys.create(app="a")
    headers, path = {}, "/v1/chat/completions"
    if place == "query":
        path += f"?token={key}"
    elif place == "basic":
        headers = {"authorization": "Basic " + base64.b64encode(f"x:{key}".encode()).decode()}
    else:
        headers = {place: f"k={key}"}
    refused(rig, key, headers=headers, path=path)


def test_a_second_name_unbinds_the_secret(rig: Rig) -> None:
    """Policy refuses a request with two names; should it not, the key still does not go out."""
    _, key = rig.state.virtual_keys.create(app="a")
    flow = rig.flow(chat(), headers={**bearer(key), "host": "evil.example"})
    trace = rig.play(flow, "requestheaders")
    assert trace.names == ("api.openai.com", "evil.example")
    rig.addon("keys").request(flow)
    assert flow.response is not None and "not bound" in (flow.response.get_text() or "")


def test_a_raw_key_passes_and_is_recognised(rig: Rig) -> None:
    flow = rig.flow(chat(), headers=bearer(RAW))
    trace = rig.play(flow, "requestheaders", "request")
    assert flow.response is None and flow.request.headers["authorization"] == f"Bearer {RAW}"
    assert trace.credential == "raw" and len(trace.key_fingerprint) == 32
    record = rig.records[-1]
    assert record.api_key_fp == trace.key_fingerprint and RAW not in repr(record)
    again = rig.play(rig.flow(chat("other"), headers=bearer(RAW)), "requestheaders")
    assert again.key_fingerprint == trace.key_fingerprint


def test_other_hosts_keep_their_credentials_to_themselves(rig: Rig) -> None:
    flow = rig.flow(b"{}", host="shop.example", path="/cart", headers=bearer(RAW))
    trace = rig.play(flow, "requestheaders")
    assert (trace.credential, trace.key_fingerprint) == ("none", "")
    _, key = rig.state.virtual_keys.create(app="a")
    flow = rig.flow(b"{}", host="shop.example", path="/cart", headers=bearer(key))
    trace = rig.play(flow, "requestheaders", "request")
    assert trace.refused_by == "virtual-key"
    assert flow.response is not None and key not in (flow.response.get_text() or "")


@pytest.mark.parametrize(
    ("method", "path", "refused"),
    [
        ("GET", "/v1/models", False),
        ("GET", "/v1/organization/admin_api_keys", True),
        ("POST", "/v1/realtime/client_secrets", True),
        ("DELETE", "/v1/files/file-1", True),
        ("TRACE", "/v1/models", True),
        ("POST", "/v1/nobody-knows", True),
    ],
)
def test_the_companys_key_is_for_models_only(rig: Rig, method: str, path: str, refused: bool) -> None:
    _, key = rig.state.virtual_keys.create(app="report", team="finance")
    flow = rig.flow(method=method, path=path, headers={"authorization": f"Bearer {key}"})
    rig.play(flow, "requestheaders", "request", until="keys")
    if refused:
        assert flow.response is not None
        assert key not in str(flow.response.headers)
    else:
        assert flow.response is None
        assert key not in flow.request.headers["authorization"]
