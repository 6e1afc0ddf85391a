"""``weir providers``: what weir knows of providers, and what is unverified."""

from __future__ import annotations

import json

import pytest

from weir.providers.services.registry import Registry


def test_the_list(weir) -> None:
    done = weir("providers")
    assert done.code == 0
    rows = {line.split()[0]: line for line in done.out.splitlines()}
    assert {p.id for p in Registry.load().providers} <= set(rows)
    assert "api.cloudflare.com (paths)" in rows["cloudflare-workers-ai"]
    assert all(len(line) <= 80 for line in done.out.splitlines())
    assert "providers; weir providers ID" in done.err


def test_the_list_as_json(weir) -> None:
    made = json.loads(weir("providers", "--format", "json").out)
    by_id = {provider["id"]: provider for provider in made}
    assert list(by_id) == sorted(by_id) and len(made) >= 75
    assert by_id["databricks"]["shared_hosts"] and not by_id["databricks"]["hosts"]
    assert {"id", "name", "hosts", "shared_hosts", "dialects", "operation_count", "unverified", "evidence"} == set(
        by_id["openai"]
    )
    assert by_id["jetbrains-ai"]["unverified"]


def test_one_provider(weir) -> None:
    done = weir("providers", "deepgram")
    assert done.code == 0 and done.err == ""
    for said in ("?model=", "Authorization: Token", "WebSocket", "subprotocol", "/v1/listen"):
        assert said in done.out
    databricks = weir("providers", "databricks")
    assert "intercept.include" in databricks.err and "the hosts of keys.databricks in the policy" in databricks.out


def test_one_provider_as_json(weir) -> None:
    made = json.loads(weir("providers", "vercel-ai-gateway", "--format", "json").out)
    (operation,) = [o for o in made["operations"] if o["path"] == "/v4/ai/language-model"]
    assert operation["model"] == {"header": "ai-language-model-id"}
    assert operation["stream"] == {"header": "ai-language-model-streaming", "is": "true"}
    assert made["auth"] == [{"header": "Authorization", "scheme": "Bearer"}]
    assert made["key_hosts"] == ["ai-gateway.vercel.sh"]
    luma = json.loads(weir("providers", "luma", "--format", "json").out)
    doubts = {o["path"]: o["unverified"] for o in luma["operations"]}
    assert doubts["/dream-machine/v1/generations/{id}"] and not doubts["/dream-machine/v1/generations/video"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("opnai", "did you mean openai?"),
        ("Vertex", "did you mean google-vertex?"),
        ("zzz", "weir providers lists them"),
    ],
)
def test_no_such_provider(weir, name: str, said: str) -> None:
    done = weir("providers", name)
    assert (done.code, done.out) == (1, "") and said in done.err
