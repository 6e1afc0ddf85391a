"""What else the ``openai`` SDK speaks: responses, embeddings, and both over WebSockets with a virtual key."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest

from e2e.sdks import OpenAI
from e2e.support import ADDRESS, STAND_IN, House, access_key, tokens
from harness.clients import trust
from weir.demo.shapes import vector

PROMPT = "How high is the river today?!"
PERSONAL = f"Tell {ADDRESS} that the river stands low, and ask her when it is going to rise."
MODEL = "gpt-5-mini"


def client(house: House) -> openai.OpenAI:
    """The SDK with the virtual key, through the proxy."""
    return OpenAI(house.weir, house.key).client


def respond(house: House, text: str, streamed: bool) -> str:
    """The answer of the Responses API."""
    with client(house) as sdk:
        if not streamed:
            return str(sdk.responses.create(model=MODEL, input=text).output_text)
        with sdk.responses.stream(model=MODEL, input=text) as events:
            said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
            assert events.get_final_response().output_text == said
            return said


def row_of(house: House, columns: str) -> tuple[Any, ...]:
    """These columns of the one exchange of this test."""
    record = house.only("response")
    return tuple(record.get(name) for name in columns.replace(",", " ").split())


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_responses(streamed: bool, house: House) -> None:
    said = respond(house, PROMPT, streamed)
    assert said == f"You said: {PROMPT}"
    assert house.key not in str(house.doubles.only().headers)
    columns = "service, operation, request_model, response_model, stream, inspection, input_tokens, output_tokens"
    assert row_of(house, f"{columns}, usage_source, auth_method") == (
        *("openai", "responses", MODEL, MODEL, streamed, "inspected", tokens(PROMPT), tokens(said)),
        *("reported", "virtual_key"),
    )
    assert row_of(house, "cost_nano")[0] > 0


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
def test_an_address_is_hidden_from_the_responses_api(streamed: bool, house: House) -> None:
    house.doubles.behave("pieces=3")
    assert respond(house, PERSONAL, streamed) == f"You said: {PERSONAL}"
    got = house.doubles.only()
    assert ADDRESS.encode() not in got.body + got.sent and STAND_IN.encode() in got.body


def test_the_asynchronous_client_of_the_responses_api(house: House) -> None:
    async def both() -> tuple[str, str]:
        given = OpenAI(house.weir, house.key)
        http = openai.DefaultAsyncHttpxClient(**given.http())
        async with openai.AsyncOpenAI(api_key=house.key, http_client=http) as sdk:
            whole = await sdk.responses.create(model=MODEL, input=PROMPT)
            events = await sdk.responses.create(model=MODEL, input=PROMPT, stream=True)
            said = [event.delta async for event in events if event.type == "response.output_text.delta"]
            return str(whole.output_text), "".join(said)

    assert asyncio.run(both()) == (f"You said: {PROMPT}", f"You said: {PROMPT}")
    assert [row["usage_source"] for row in house.until(2, "response")] == ["reported"] * 2


@pytest.mark.parametrize("coding", ["float", "base64"])
def test_embeddings(coding: Any, house: House) -> None:
    with client(house) as sdk:
        found = sdk.embeddings.create(model="text-embedding-3-small", input=[PROMPT, PERSONAL], encoding_format=coding)
    hidden = vector(PERSONAL.replace(ADDRESS, STAND_IN))
    if coding == "float":
        assert [row.embedding for row in found.data] == [pytest.approx(vector(PROMPT)), pytest.approx(hidden)]
    assert ADDRESS.encode() not in house.doubles.only().body
    columns = "operation, inspection, verdict, output_tokens, usage_source"
    assert row_of(house, columns) == ("embeddings", "inspected", "pseudonymise", 0, "reported")
    assert row_of(house, "cost_nano")[0] > 0


def options(house: House) -> Any:
    """What the SDK's WebSockets need to find the proxy."""
    return {"proxy": house.weir.url, "ssl": trust(house.weir.ca)}


def test_realtime_with_a_virtual_key(house: House) -> None:
    with (
        client(house) as sdk,
        sdk.realtime.connect(model="gpt-realtime", websocket_connection_options=options(house)) as link,
    ):
        content: Any = [{"type": "input_text", "text": PERSONAL}]
        link.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        link.response.create()
        said = ""
        for event in link:
            said += event.delta if event.type == "response.output_text.delta" else ""
            if event.type == "response.done":
                break
    assert said == f"You said: {PERSONAL}"
    got = house.doubles.only()
    assert got.status == 101 and ADDRESS.encode() not in got.body and house.key not in str(got.headers)
    record = house.until(1, "response")[0]
    assert (record["service"], record["inspection"], record["usage_source"]) == ("openai", "inspected", "reported")
    assert record["input_tokens"] == tokens(PERSONAL.replace(ADDRESS, STAND_IN)) and record["auth_method"]


def test_responses_over_a_websocket_turn_by_turn(house: House) -> None:
    def turn(link: Any, text: str, previous: str | None) -> tuple[str, str]:
        more = {"previous_response_id": previous} if previous else {}
        link.response.create(model=MODEL, input=text, **more)
        said = ""
        for event in link:
            said += event.delta if event.type == "response.output_text.delta" else ""
            if event.type == "response.completed":
                return said, event.response.id
        raise AssertionError("the socket ended")

    with client(house) as sdk, sdk.responses.connect(websocket_connection_options=options(house)) as link:
        said, number = turn(link, PROMPT, None)
        again, _ = turn(link, PERSONAL, number)
    assert (said, again) == (f"You said: {PROMPT}", f"You said: {PERSONAL}")
    assert ADDRESS.encode() not in house.doubles.only().body
    record = house.until(1, "response")[0]
    assert (record["inspection"], record["usage_source"], record["http_status"]) == ("inspected", "reported", 101)
    assert record["input_tokens"] == tokens(PROMPT) + tokens(PERSONAL.replace(ADDRESS, STAND_IN))
    assert record["cost_nano"] > 0 and record["credential"] == "virtual"


def test_a_credential_over_a_websocket_stays_here(house: House) -> None:
    secret = access_key()
    with client(house) as sdk, sdk.responses.connect(websocket_connection_options=options(house)) as link:
        link.response.create(model=MODEL, input=f"deploy with {secret}")
        event = next(iter(link))
    assert event.type == "error" and "no-credentials-leave" in str(event) and secret not in str(event)
    assert secret.encode() not in house.doubles.only().body
