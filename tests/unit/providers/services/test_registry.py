from __future__ import annotations

import time
from pathlib import Path

import pytest

from weir.model import AuthPlace
from weir.providers.services.loading import ProviderFileError
from weir.providers.services.registry import Registry, is_passive

REGISTRY = Registry.load()

EXTRA = """\
id: {id}
name: Extra
hosts: [{host}]
operations:
  - {{method: POST, path: /chat, dialect: openai_chat, operation: chat}}
"""


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.openai.com", "openai"),
        ("API.OpenAI.com.", "openai"),
        ("eu.api.openai.com", "openai"),
        ("acme.openai.azure.com", "azure-openai"),
        ("api.anthropic.com", "anthropic"),
        ("generativelanguage.googleapis.com", "google-gemini"),
        ("eu-west-1.api.x.ai", "xai"),
        ("openrouter.ai", "openrouter"),
        ("bedrock-runtime.eu-central-1.amazonaws.com", "aws-bedrock"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "aws-bedrock"),
        ("bedrock-mantle.us-east-1.api.aws", "aws-bedrock"),
        ("s3.us-east-1.amazonaws.com", ""),
        ("api.cohere.ai", "cohere"),
        ("ollama.com", "ollama-cloud"),
        ("openai.com", ""),
        ("notapi.openai.com.example", ""),
        ("xapi.openai.com", ""),
        ("openai.azure.com", ""),
        ("", ""),
        (".", ""),
    ],
)
def test_hosts(host: str, provider: str) -> None:
    found = REGISTRY.by_host(host)
    assert (found.id if found else "") == provider


@pytest.mark.parametrize(
    ("host", "method", "path", "provider"),
    [
        ("api.openai.com", "POST", "/v1/chat/completions", "openai"),
        ("api.openai.com", "GET", "/anything", "openai"),
        ("api.cloudflare.com", "POST", "/client/v4/accounts/a/ai/run/@cf/x/y", "cloudflare-workers-ai"),
        ("api.cloudflare.com", "POST", "/client/v4/accounts/a/ai/../dns", ""),
        ("api.cloudflare.com", "POST", "/client/v4//accounts/a/%61i/run/@cf/x/y", "cloudflare-workers-ai"),
        ("dbc.cloud.databricks.com", "POST", "/serving-endpoints/e/invocations", "databricks"),
        ("dbc.cloud.databricks.com", "POST", "/api/2.1/jobs/run-now", ""),
        ("chatgpt.com", "POST", "/backend-api/codex/responses", "codex-web"),
        ("chatgpt.com", "POST", "/backend-api/conversation", "chatgpt"),
        ("x.com", "GET", "/home", ""),
    ],
)
def test_by_request(host: str, method: str, path: str, provider: str) -> None:
    found = REGISTRY.by_request(host, method, path)
    assert (found.id if found else "") == provider


def test_shared_hosts_belong_to_nobody_whole() -> None:
    assert "api.cloudflare.com" in REGISTRY.shared_hosts - REGISTRY.hosts
    assert REGISTRY.by_host("api.cloudflare.com") is None


def test_a_host_is_looked_up_quickly() -> None:
    best = min(_timed() for _ in range(5))
    assert best < 20e-6  # 2 µs on a quiet machine; this only catches a lookup that walks lists


def _timed() -> float:
    start = time.thread_time()
    for _ in range(1000):
        REGISTRY.by_host("one.two.three.example.com")
    return (time.thread_time() - start) / 1000


@pytest.mark.parametrize(
    ("host", "method", "path", "dialect", "operation", "model"),
    [
        ("api.openai.com", "POST", "/v1/responses", "openai_responses", "responses", ""),
        ("api.openai.com", "GET", "/v1/responses", "", "realtime", ""),
        ("api.openai.com", "GET", "/v1/responses/resp_1?stream=true", "openai_responses", "read", ""),
        ("api.openai.com", "POST", "/v1/files", "openai_upload", "files", ""),
        ("api.openai.com", "GET", "/v1/models", "", "models", ""),
        ("api.openai.com", "POST", "/v2/unheard/of", "", "", ""),
        (
            "a.openai.azure.com",
            "POST",
            "/openai/deployments/our%20gpt/chat/completions",
            "openai_chat",
            "chat",
            "our gpt",
        ),
        ("a.services.ai.azure.com", "POST", "/anthropic/v1/messages", "anthropic_messages", "messages", ""),
        ("api.anthropic.com", "POST", "/v1/messages?beta=true", "anthropic_messages", "messages", ""),
        ("api.anthropic.com", "POST", "/v1/messages/batches", "anthropic_batches", "batches", ""),
        (
            "generativelanguage.googleapis.com",
            "POST",
            "/v1beta/models/gemini-2.5-pro:countTokens",
            "gemini_generate",
            "count_tokens",
            "gemini-2.5-pro",
        ),
        ("generativelanguage.googleapis.com", "POST", "/v1beta/openai/chat/completions", "openai_chat", "chat", ""),
        ("api.deepseek.com", "POST", "/chat/completions", "openai_chat", "chat", ""),
        ("api.groq.com", "POST", "/openai/v1/responses", "openai_responses", "responses", ""),
        ("api.fireworks.ai", "POST", "/inference/v1/completions", "openai_chat", "completions", ""),
        ("api.perplexity.ai", "POST", "/chat/completions", "openai_chat", "chat", ""),
        ("api.cerebras.ai", "POST", "/v1/chat/completions", "openai_chat", "chat", ""),
        ("api.together.ai", "POST", "/v1/embeddings", "openai_embeddings", "embeddings", ""),
        ("codestral.mistral.ai", "POST", "/v1/fim/completions", "openai_chat", "completions", ""),
        ("api.x.ai", "POST", "/xai_api.Chat/GetCompletion", "", "chat", ""),
        (
            "bedrock-runtime.us-east-1.amazonaws.com",
            "POST",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.a.b-v1%3A0/converse-stream",
            "bedrock_converse",
            "converse",
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.a.b-v1:0",
        ),
        ("api.cohere.com", "POST", "/v1/chat", "cohere_chat", "chat", ""),
        ("ollama.com", "POST", "/api/generate", "ollama", "completions", ""),
    ],
)
def test_endpoints(host: str, method: str, path: str, dialect: str, operation: str, model: str) -> None:
    provider = REGISTRY.by_host(host)
    assert provider is not None
    found = provider.endpoint(method, path)
    assert (found.dialect, found.operation, found.model) == (dialect, operation, model)
    assert not dialect or REGISTRY.dialect(dialect).id == dialect
    assert is_passive(found) == (operation in ("read", "models"))


def test_auth_places_and_keys() -> None:
    gemini, azure, openai = (REGISTRY.by_id(i) for i in ("google-gemini", "azure-openai", "openai"))
    assert gemini and azure and openai
    assert AuthPlace(query="key") in gemini.auth and AuthPlace(header="x-goog-api-key") in gemini.auth
    assert AuthPlace(header="api-key") in azure.auth
    kinds = {kind for pattern, kind in openai.key_patterns if pattern.fullmatch("sk-" + "proj-" + "x" * 40)}
    assert kinds == {"project"}


def test_every_provider_takes_a_credential_and_does_something() -> None:
    assert len(REGISTRY.providers) >= 16
    for provider in REGISTRY.providers:
        if provider.virtual_key_operations:
            assert provider.auth and any(o.dialect for o in provider.operations), provider.id
    assert {"api.openai.com", "*.api.openai.com"} <= REGISTRY.hosts


@pytest.mark.parametrize(
    ("provider_id", "method", "path", "allowed"),
    [
        ("openai", "POST", "/v1/chat/completions", True),
        ("openai", "POST", "/v1/responses", True),
        ("openai", "GET", "/v1/models", True),
        ("openai", "GET", "/v1/realtime?model=gpt-realtime", True),
        ("openai", "GET", "/v1/responses", True),
        ("openai", "POST", "/v1/realtime/calls", False),
        ("openai", "POST", "/v1/realtime/client_secrets", False),
        ("openai", "POST", "/v1/realtime/sessions", False),
        ("openai", "POST", "/v1/chatkit/sessions", False),
        ("openai", "TRACE", "/v1/models", False),
        ("openai", "GET", "/v1/organization/admin_api_keys", False),
        ("openai", "POST", "/v1/organization/projects/p/service_accounts", False),
        ("openai", "GET", "/v1/files/f/content", False),
        ("openai", "DELETE", "/v1/files/f", False),
        ("openai", "POST", "/v1/files", False),
        ("openai", "GET", "/v1/responses/r", False),
        ("anthropic", "POST", "/v1/messages", True),
        ("anthropic", "POST", "/v1/messages/count_tokens", True),
        ("anthropic", "POST", "/v1/messages/batches", False),
        ("anthropic", "GET", "/v1/organizations/api_keys", False),
        ("google-gemini", "POST", "/v1beta/models/gemini-2.5-pro:generateContent", True),
        ("google-gemini", "POST", "/v1beta/cachedContents", False),
        ("azure-openai", "POST", "/openai/deployments/d/chat/completions", True),
        ("azure-openai", "GET", "/openai/files", False),
        ("aws-bedrock", "POST", "/model/m/converse-stream", True),
        ("aws-bedrock", "POST", "/async-invoke", False),
        ("ollama-cloud", "POST", "/api/create", False),
    ],
)
def test_what_a_virtual_key_opens(provider_id: str, method: str, path: str, allowed: bool) -> None:
    provider = REGISTRY.by_id(provider_id)
    assert provider is not None
    assert provider.allows_managed(provider.endpoint(method, path), method, path) is allowed


# What stays in the company's account for every other key to use, or only makes, fetches or counts what is there: not
# what a virtual key is for.
_KEPT = frozenset(
    {
        "agents", "assistants", "batches", "cached_contents", "cancel", "chatkit", "connectors", "containers",
        "conversations", "create_model", "environments", "evals", "files", "fine-tuning", "fine_tuning", "knowledge",
        "memory_stores", "read", "read_prediction", "realtime", "sessions", "skills", "telemetry", "vaults",
        "vector_stores", "videos",
    }
)  # fmt: skip


def test_every_dialect_is_open_to_virtual_keys() -> None:
    for provider in REGISTRY.providers:
        if not provider.virtual_key_operations:
            continue  # people sign in there
        for operation in provider.operations:
            if operation.dialect and operation.operation not in _KEPT:
                assert operation.operation in provider.virtual_key_operations, (provider.id, operation.template.text)


def test_a_companys_key_goes_to_its_own_issuer() -> None:
    """Resellers of Claude take credentials of their own: Anthropic's key would be shown to them and turned away."""
    assert REGISTRY.bound_hosts("anthropic") == ("api.anthropic.com",)


def test_unknown_dialect() -> None:
    with pytest.raises(KeyError):
        REGISTRY.dialect("klingon")


def test_an_operators_file_adds_or_replaces(tmp_path: Path) -> None:
    (tmp_path / "in_house.yaml").write_text(EXTRA.format(id="in-house", host="llm.corp.example"))
    (tmp_path / "openai.yaml").write_text(EXTRA.format(id="openai", host="openai.corp.example"))
    registry = Registry.load([tmp_path])
    found = registry.by_host("llm.corp.example")
    assert found is not None and found.endpoint("POST", "/chat").dialect == "openai_chat"
    assert registry.by_host("api.openai.com") is None
    assert registry.by_host("api.anthropic.com") is not None
    assert registry.guess("/v1/chat/completions").dialect == "openai_chat"
    (tmp_path / "bad.yaml").write_text("id: x\n")
    with pytest.raises(ProviderFileError, match=r"bad\.yaml:1"):
        Registry.load([tmp_path])


def test_an_operators_file_cannot_take_a_host_of_another(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(EXTRA.format(id="x", host="api.openai.com"))
    with pytest.raises(
        ProviderFileError,
        match=r"x\.yaml:3: api\.openai\.com: is already taken by openai \(.*openai\.yaml:\d+\); remove",
    ):
        Registry.load([tmp_path])
