"""Budgets and rates through the running proxy, as the SDKs see them: refused, downgraded, warned, counted, kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import errors as gemini_errors
from google.genai import types

from e2e.sdks import Anthropic, Gemini, OpenAI
from e2e.support import House, issue
from harness.clients import trust
from harness.processes import until
from weir.datadir import DataDir
from weir.edge.limits.limitstores import plan_for
from weir.limits.ledger import Ledger
from weir.settings import load

PROMPT = "How high is the river today?!"
BUDGETS: list[dict[str, Any]] = [
    {"scope": "team", "name": "finance", "usd": 0.0006, "per": "month", "models": ["gpt-4.1-mini"], "warn_at": "3%"},
    {"scope": "team", "usd": 0.0006, "per": "month", "models": ["gpt-4.1-nano"]},
    {"scope": "team", "tokens": 90, "per": "day", "models": ["gpt-5"], "downgrade": {"gpt-5": "gpt-5-nano"}},
    {"tokens": 20, "per": "hour", "services": ["anthropic"]},
    {"tokens": 20, "per": "month", "models": ["gemini-2.0-flash"]},
    {"scope": "app", "name": "e2e", "tokens": 40, "per": "day", "models": ["gemini-2.5-pro"],
     "downgrade": {"gemini-2.5-pro": "gemini-2.5-flash-lite"}},
    {"scope": "key", "tokens": 200, "per": "day", "models": ["gpt-4o"]},
    {"usd": 1, "per": "day", "models": ["model-of-nobody"]},
]  # fmt: skip
RATES = [
    {"scope": "key", "requests": 2, "models": ["gpt-4o-mini"]},
    {"scope": "user", "requests": 1000, "services": ["openai"]},
]


@pytest.fixture(scope="module")
def limited(start_module_house: Callable[..., House]) -> House:
    return start_module_house(budgets=BUDGETS, rates=RATES)


@pytest.fixture
def house(limited: House) -> House:
    limited.doubles.reset()
    limited.begin()
    return limited


def client(house: House, key: str = "", **more: Any) -> openai.OpenAI:
    http = openai.DefaultHttpxClient(proxy=house.weir.url, verify=trust(house.weir.ca), trust_env=False)
    return openai.OpenAI(api_key=key or house.key, http_client=http, timeout=60, **more)


def chat(sdk: openai.OpenAI, model: str, most: int, **more: Any) -> Any:
    said: Any = [{"role": "user", "content": PROMPT}]
    return sdk.chat.completions.with_raw_response.create(model=model, messages=said, max_completion_tokens=most, **more)


def standing(house: House, model: str, name: str = "") -> tuple[int, int]:
    """What is spent and held of the budget of one model, as anybody sees it who asks the ledger."""
    plan = plan_for(load(house.weir.policy), DataDir(house.weir.data))
    assert plan is not None
    ledger = Ledger.open(plan.ledger, plan.budgets)
    try:
        rows = [one for one in ledger.standings() if one.account.budget.models == (model,)]
    finally:
        ledger.close()
    mine = [one for one in rows if not name or one.account.name == name]
    return sum(one.spent for one in mine), sum(one.reserved for one in mine)


def test_a_budget_that_is_used_up_is_a_429_that_no_sdk_tries_again(house: House) -> None:
    sdk = client(house)
    first, second, _ = (chat(sdk, "gpt-4.1-mini", 340) for _ in range(3))
    assert "x-weir-budget-warning" not in first.headers
    assert "monthly budget of team finance for gpt-4.1-mini: 3" in second.headers["x-weir-budget-warning"]
    with pytest.raises(openai.RateLimitError) as caught:
        chat(sdk, "gpt-4.1-mini", 340)
    answer = caught.value.response
    assert "monthly budget of team finance" in caught.value.message and "enough left" in caught.value.message
    assert answer.headers["x-should-retry"] == "false" and answer.headers["x-weir-rule"] == "budget"
    assert 0 < int(answer.headers["retry-after"]) <= 31 * 86_400
    assert len(house.doubles.requests()) == 3, "nothing of the refused request went upstream, and it was sent once"
    refused = house.only("block")
    assert (refused["verdict"], refused["action"], refused["rule_id"]) == ("block", "block", "budget")
    assert refused["http_status"] == 429 and refused["reason"].startswith("budget: spent, team.nano_usd.month.")
    # The ledger has what the audit has, to the nano-dollar, and holds nothing any more.
    cost = sum(row["cost_nano"] for row in house.until(3, "response"))
    until(lambda: standing(house, "gpt-4.1-mini") == (cost, 0), "the ledger to have what the audit has")
    told = json.loads(house.weir.run("budgets", "--format", "json").stdout)["budgets"]
    assert next((row["spent"], row["name"]) for row in told if row["amount"] == 600_000) == (cost, "finance")
    warned = house.only("budget")
    assert warned["team"] == "finance" and "3 % used" in warned["reason"]


def test_a_stream_is_settled_by_its_usage_and_refused_like_any_other(house: House) -> None:
    sdk = client(house)
    for _ in range(6):
        said: Any = [{"role": "user", "content": PROMPT}]
        with sdk.chat.completions.create(
            model="gpt-4o", messages=said, max_completion_tokens=60, stream=True
        ) as stream:
            assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    used = sum(row["input_tokens"] + row["output_tokens"] for row in house.until(6, "response"))
    until(lambda: standing(house, "gpt-4o") == (used, 0), "all six settled")
    with pytest.raises(openai.RateLimitError, match="daily budget of key"):
        chat(sdk, "gpt-4o", 200 - used, stream=True)


def test_a_broken_reply_gives_back_what_it_held(house: House) -> None:
    key = issue(house.weir.data, "--team", "broken")
    house.doubles.behave("status=500", times=1)
    with pytest.raises(openai.InternalServerError):
        chat(client(house, key, max_retries=0), "gpt-4.1-nano", 20)
    house.only("response")
    until(lambda: standing(house, "gpt-4.1-nano", "broken") == (0, 0), "nothing held, nothing spent")


def test_a_crowd_never_gets_more_than_there_is(house: House) -> None:
    key = issue(house.weir.data, "--team", "crowd")

    async def all_at_once() -> list[Any]:
        http = openai.DefaultAsyncHttpxClient(proxy=house.weir.url, verify=trust(house.weir.ca), trust_env=False)
        async with openai.AsyncOpenAI(api_key=key, http_client=http, max_retries=0, timeout=60) as sdk:
            said: Any = [{"role": "user", "content": PROMPT}]
            ask = sdk.chat.completions.create
            asked = [ask(model="gpt-4.1-nano", messages=said, max_completion_tokens=400) for _ in range(24)]
            return await asyncio.gather(*asked, return_exceptions=True)

    got = asyncio.run(all_at_once())
    refused = [one for one in got if isinstance(one, openai.RateLimitError)]
    assert 0 < len(refused) < len(got) and all(isinstance(one, openai.RateLimitError) or one.choices for one in got), (
        got
    )
    spent = sum(row["cost_nano"] for row in house.until(24 - len(refused), "response"))
    assert sum(standing(house, "gpt-4.1-nano", "crowd")) <= 600_000 and spent <= 600_000


def test_a_downgrade_changes_the_model_and_nothing_else(house: House) -> None:
    body = b'{ "model" :  "gpt-5",\n "messages": [{"role": "user", "content": "caf\\u00e9 %s"}], ' % (b"x" * 300)
    body += b'"max_completion_tokens": 100,  "unknown": 1.50 }'
    with house.client() as http:
        answer = http.post(
            "https://api.openai.com/v1/chat/completions",
            content=body,
            headers={"authorization": f"Bearer {house.key}", "content-type": "application/json"},
        )
    assert answer.status_code == 200 and answer.json()["model"] == "gpt-5-nano"
    assert answer.headers["x-weir-downgraded"] == "gpt-5 -> gpt-5-nano"
    assert house.doubles.only().body == body.replace(b'"gpt-5"', b'"gpt-5-nano"')
    row = house.only("response")
    assert (row["model_asked"], row["request_model"], row["response_model"]) == ("gpt-5", "gpt-5-nano", "gpt-5-nano")
    assert (row["verdict"], row["action"], row["rule_id"]) == ("downgrade", "downgrade", "budget")


def test_a_downgrade_in_the_path(house: House) -> None:
    sdk = genai.Client(
        api_key=house.key,
        http_options=types.HttpOptions(client_args=Gemini(house.weir, house.key).http()),
    )
    bound = types.GenerateContentConfig(max_output_tokens=100)
    got = sdk.models.generate_content(model="gemini-2.5-pro", contents=PROMPT, config=bound)
    assert got.text == f"You said: {PROMPT}"
    assert got.sdk_http_response and got.sdk_http_response.headers
    assert got.sdk_http_response.headers["x-weir-downgraded"] == "gemini-2.5-pro -> gemini-2.5-flash-lite"
    assert house.doubles.only().target.endswith("/models/gemini-2.5-flash-lite:generateContent")
    row = house.only("response")
    assert (row["model_asked"], row["request_model"]) == ("gemini-2.5-pro", "gemini-2.5-flash-lite")


def test_every_provider_refuses_in_its_own_shape(house: House) -> None:
    with pytest.raises(anthropic.RateLimitError) as said:
        Anthropic(house.weir, house.key).chat(PROMPT)
    assert said.value.response.json()["type"] == "error" and "hourly budget of the organisation" in str(said.value)
    sdk = genai.Client(
        api_key=house.key,
        http_options=types.HttpOptions(client_args=Gemini(house.weir, house.key).http()),
    )
    with pytest.raises(gemini_errors.ClientError) as told:
        sdk.models.generate_content(model="gemini-2.0-flash", contents=PROMPT)
    assert told.value.code == 429 and told.value.status == "RESOURCE_EXHAUSTED"
    assert house.doubles.requests() == []
    assert [row["rule_id"] for row in house.until(2, "block")] == ["budget"] * 2


def test_no_price_no_pass(house: House) -> None:
    with pytest.raises(openai.RateLimitError, match="is in dollars, and nobody has told weir the price"):
        chat(client(house), "model-of-nobody", 5)


def test_a_rate_lets_the_sdk_try_again_later(house: House) -> None:
    sdk = client(house, max_retries=0)
    chat(sdk, "gpt-4o-mini", 5)
    chat(sdk, "gpt-4o-mini", 5)
    with pytest.raises(openai.RateLimitError, match="2 requests a minute") as caught:
        chat(sdk, "gpt-4o-mini", 5)
    headers = caught.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60 and "x-should-retry" not in headers
    assert house.only("block")["rule_id"] == "rate"
    assert OpenAI(house.weir, issue(house.weir.data)).chat(PROMPT), "another key has a rate of its own"
