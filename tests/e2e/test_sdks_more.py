"""The other SDKs through the real proxy, sent there by nothing but what ``weir env`` tells to set."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e.clients_bedrock import Bedrock, BedrockBearer
from e2e.clients_more import CLIENTS as OTHERS
from e2e.clients_more import Cohere, environment
from e2e.support import ADDRESS, STAND_IN, House, access_key, tokens
from harness.doubles import Doubles
from weir.demo.shapes import vector

pytestmark = pytest.mark.xdist_group("sdks-more")

PROMPT = "How high is the river today?!"
PERSONAL = f"Tell {ADDRESS} that the river stands low, and ask her when it is going to rise."
SERVICES = ["openai", "anthropic", "google-gemini", "mistral", "cohere", "groq", "ollama-cloud", "aws-bedrock"]
KEYS = {
    "openai": "openai", "anthropic": "anthropic", "mistral": "mistral", "cohere": "cohere", "groq": "groq",
    "ollama-cloud": "ollama", "aws-bedrock": "bedrock",
}  # fmt: skip
CLIENTS = (*OTHERS, BedrockBearer)
HOSTS = (*sorted({client.host for client in CLIENTS} - {"api.openai.com", "api.anthropic.com"}),)

each = pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def proxy(start_module_house: Callable[..., House], shared_doubles: Doubles) -> House:
    """One proxy for all of them, which holds the key of every provider."""
    options = [word for value in shared_doubles.resolve(*HOSTS) for word in ("--resolve", value)]
    return start_module_house(
        options=options,
        services__sanctioned=SERVICES,
        keys={service: {"secret": f"env:{kind.upper()}_API_KEY"} for service, kind in KEYS.items()},
    )


@pytest.fixture(scope="module")
def variables(proxy: House) -> dict[str, str]:
    """What ``weir env`` says."""
    return environment(proxy.weir.run("env", "--shell", "sh", "--proxy", proxy.weir.url).stdout)


@pytest.fixture
def house(
    proxy: House, variables: dict[str, str], doubles: Doubles, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """The proxy, with this process's environment as ``weir exec`` would make it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    proxy.begin()
    yield proxy
    _forget_connections()


def _forget_connections() -> None:
    """LiteLLM keeps its clients, and these the event loop they began in."""
    litellm = importlib.import_module("litellm")
    asyncio.run(litellm.close_litellm_async_clients())
    litellm.in_memory_llm_clients_cache.flush_cache()


def row_of(house: House, columns: str) -> tuple[Any, ...]:
    """These columns of the one exchange of this test."""
    record = house.only("response")
    return tuple(record.get(name) for name in columns.replace(",", " ").split())


@each
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_clean_chat_is_answered_counted_and_its_key_replaced(kind: Any, streamed: bool, house: House) -> None:
    sdk = kind(house.key)
    said = "".join(sdk.stream(PROMPT)) if streamed else sdk.chat(PROMPT)
    assert said == f"You said: {PROMPT}"
    got = house.doubles.only()
    assert got.status == 200 and got.host == sdk.host, "the double accepts the provider's own key only"
    assert house.key not in str(got.headers) and house.key.encode() not in got.body
    columns = (
        "service, operation, request_model, stream, inspection, verdict, action, input_tokens, output_tokens,"
        " usage_source, http_status, team, app, auth_method"
    )
    used = (tokens(PROMPT), tokens(said), "reported", 200)
    what = (sdk.service, sdk.operation, sdk.model, streamed, "inspected", "allow", "allow")
    assert row_of(house, columns) == (*what, *used, "finance", "e2e", "virtual_key")
    cost, price = row_of(house, "cost_nano, price_id")
    assert (cost is None and price == "unpriced") if sdk.service == "ollama-cloud" else cost > 0


@pytest.mark.parametrize("kind", [kind for kind in CLIENTS if hasattr(kind, "achat")], ids=lambda kind: kind.name)
def test_the_asynchronous_client_and_an_address_that_is_hidden_upstream(kind: Any, house: House) -> None:
    sdk = kind(house.key)

    async def both() -> tuple[str, str]:
        return await sdk.achat(PERSONAL), "".join([piece async for piece in sdk.astream(PERSONAL)])

    assert asyncio.run(both()) == (f"You said: {PERSONAL}", f"You said: {PERSONAL}")
    got = house.doubles.requests()
    assert len(got) == 2
    assert all(ADDRESS.encode() not in row.body and STAND_IN.encode() in row.body for row in got)
    assert [row["verdict"] for row in house.until(2, "response")] == ["pseudonymise"] * 2


@each
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_an_address_comes_back_to_the_client(kind: Any, streamed: bool, house: House) -> None:
    sdk = kind(house.key)
    house.doubles.behave("pieces=3")
    said = "".join(sdk.stream(PERSONAL)) if streamed else sdk.chat(PERSONAL)
    assert said == f"You said: {PERSONAL}"
    got = house.doubles.only()
    assert ADDRESS.encode() not in got.body + got.sent and STAND_IN.encode() in got.body
    assert row_of(house, "verdict, action, rule_id") == ("pseudonymise", "pseudonymise", "personal-data-stays")


@each
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_credential_is_the_sdks_own_exception_and_stays_here(kind: Any, streamed: bool, house: House) -> None:
    sdk, secret = kind(house.key), access_key()
    with pytest.raises(sdk.refused) as raised:
        "".join(sdk.stream(f"Deploy with {secret} now.")) if streamed else sdk.chat(f"Deploy with {secret} now.")
    assert "no-credentials-leave" in str(raised.value) and secret not in str(raised.value)
    assert house.doubles.requests() == []
    block = house.only()
    assert (block["kind"], block["service"], block["rule_id"]) == ("block", sdk.service, "no-credentials-leave")


@pytest.mark.parametrize("kind", [kind for kind in CLIENTS if hasattr(kind, "embed")], ids=lambda kind: kind.name)
def test_embeddings(kind: Any, house: House) -> None:
    sdk = kind(house.key)
    assert sdk.embed(PROMPT) == pytest.approx(vector(PROMPT))
    counted = row_of(house, "service, inspection, input_tokens, output_tokens, usage_source")
    assert counted == (sdk.service, "inspected", tokens(PROMPT), 0, "reported")


def test_a_ranking(house: House) -> None:
    sdk = Cohere(house.key)
    assert sorted(sdk.rerank("water", ["river", "street", "lake"])) == [0, 1, 2]
    assert row_of(house, "service, operation, inspection, http_status") == ("cohere", "rerank", "inspected", 200)


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_a_signed_request_passes_with_its_signature(streamed: bool, house: House) -> None:
    sdk = Bedrock(house.doubles.keys["bedrock"])
    said = "".join(sdk.stream(PROMPT)) if streamed else sdk.chat(PROMPT)
    assert said == f"You said: {PROMPT}", "the double checks the signature over path, headers and body"
    columns = (
        "service, operation, request_model, stream, inspection, input_tokens, output_tokens, usage_source, auth_method"
    )
    counted = (tokens(PROMPT), tokens(said), "reported", "none")
    assert row_of(house, columns) == (sdk.service, "converse", sdk.model, streamed, "inspected", *counted)
    assert house.only("response")["credential"] == "raw"


def test_a_signed_request_that_would_have_to_change_is_refused_and_says_why(house: House) -> None:
    sdk = Bedrock(house.doubles.keys["bedrock"])
    with pytest.raises(sdk.refused) as raised:
        sdk.chat(PERSONAL)
    assert "signed" in str(raised.value) and "personal-data-stays" in str(raised.value)
    assert ADDRESS not in str(raised.value) and house.doubles.requests() == []
    block = house.only()
    assert (block["kind"], block["action"], block["rule_id"]) == ("block", "block", "signed-request")


def test_a_signature_that_is_wrong_is_the_providers_word(house: House) -> None:
    sdk = Bedrock("another-secret-half")
    with pytest.raises(Exception, match="InvalidSignature"):
        sdk.chat(PROMPT)
    assert row_of(house, "http_status, inspection") == (403, "inspected")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"prompt": PROMPT}, lambda reply: reply["outputs"][0]["text"]),
        ({"inputText": PROMPT}, lambda reply: reply["results"][0]["outputText"]),
        (
            {
                "anthropic_version": "bedrock-2023-05-31",
                "max_tokens": 100,
                "messages": [{"role": "user", "content": PROMPT}],
            },
            lambda reply: reply["content"][0]["text"],
        ),
    ],
    ids=["mistral", "titan", "claude"],
)
def test_invoke_in_the_vendors_own_format(body: dict[str, Any], said: Callable[[Any], str], house: House) -> None:
    sdk = BedrockBearer(house.key)
    assert said(sdk.invoke(body)) == f"You said: {PROMPT}"
    counted = (tokens(PROMPT), tokens(f"You said: {PROMPT}"), "reported")  # of the first kind by headers alone
    assert row_of(house, "operation, inspection, input_tokens, output_tokens, usage_source") == (
        "invoke", "inspected", *counted,
    )  # fmt: skip


def test_invoke_streamed(house: House) -> None:
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100}
    events = BedrockBearer(house.key).invoke_stream({**body, "messages": [{"role": "user", "content": PERSONAL}]})
    said = "".join(event["delta"]["text"] for event in events if event.get("type") == "content_block_delta")
    assert said == f"You said: {PERSONAL}"
    assert ADDRESS.encode() not in house.doubles.only().body
    assert row_of(house, "operation, stream, verdict, usage_source") == ("invoke", True, "pseudonymise", "reported")
