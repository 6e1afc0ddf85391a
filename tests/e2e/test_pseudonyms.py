"""Stand-ins over many turns: stable upstream, back at the client, for nobody else, and over a restart."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import openai
import pytest

from e2e.conftest import resolves
from e2e.support import ADDRESS, STAND_IN, House, issue
from harness.clients import openai_client
from harness.processes import until
from harness.weir import Weir

pytestmark = pytest.mark.xdist_group("pseudonyms")

ASKED = f"Write to {ADDRESS}."


def client(house: House, key: str = "") -> openai.OpenAI:
    made: openai.OpenAI = openai_client(house.weir.url, house.weir.ca, key or house.key)
    return made


def say(house: House, text: str) -> None:
    """What the model answers next."""
    house.doubles.behave(f"say={text.replace(',', '%2C')}")


def ask(sdk: openai.OpenAI, text: str, *, stream: bool = False, **more: Any) -> tuple[str, str]:
    """One turn of the Responses API: its id and what the client read."""
    if not stream:
        response = sdk.responses.create(model="gpt-5-mini", input=text, **more)
        return response.id, response.output_text
    said, response_id = "", ""
    for event in sdk.responses.create(model="gpt-5-mini", input=text, stream=True, **more):
        if event.type == "response.output_text.delta":
            said += event.delta
        elif event.type == "response.completed":
            response_id = event.response.id
            assert event.response.output_text == said
    return response_id, said


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_turn_that_the_provider_keeps_comes_back_in_a_later_reply(house: House, stream: bool) -> None:
    sdk = client(house)
    first, said = ask(sdk, ASKED)
    assert said == f"You said: {ASKED}"
    say(house, f"Dear {STAND_IN}!")
    second, said = ask(sdk, "Shorter.", stream=stream, previous_response_id=first)
    assert said == f"Dear {ADDRESS}!"
    say(house, f"{STAND_IN} or <EMAIL_ADDRESS_2>")
    _, said = ask(sdk, "Or to other@example.org?", stream=stream, previous_response_id=second)
    assert said == f"{ADDRESS} or other@example.org"
    bodies = [got.body.decode() for got in house.doubles.requests()]
    assert not any(ADDRESS in body or "other@example.org" in body for body in bodies)
    assert "Or to <EMAIL_ADDRESS_2>?" in bodies[2]
    assert len({row["conversation_id"] for row in house.until(3, "response")}) == 1


def test_a_literal_in_the_prompt_stays_what_it_is(house: House) -> None:
    sdk = client(house)
    first, _ = ask(sdk, ASKED)
    say(house, f"{STAND_IN} is a stand-in.")
    _, said = ask(sdk, f"What is {STAND_IN}?", previous_response_id=first)
    assert said == f"{STAND_IN} is a stand-in."


def test_two_callers_with_the_same_words_and_ids(house: House) -> None:
    other = client(house, issue(house.weir.data, "--user", "eve"))
    first, _ = ask(client(house), f"Two callers: {ASKED}")  # no other test's conversation
    say(house, f"It is {STAND_IN}")
    _, said = ask(other, "Who is it?", previous_response_id=first)
    assert said == f"It is {STAND_IN}"
    say(house, f"It is {STAND_IN}")
    _, said = ask(client(house), "Who is it?", previous_response_id=first)
    assert said == f"It is {ADDRESS}"


def test_a_conversation_kept_by_the_provider(house: House) -> None:
    sdk = client(house)
    ask(sdk, ASKED, conversation="conv_123")
    say(house, f"It is {STAND_IN}")
    _, said = ask(sdk, "Who is it?", conversation="conv_123")
    assert said == f"It is {ADDRESS}"


def test_thirty_turns_stay_as_they_were_upstream(house: House) -> None:
    """A provider's prompt cache hits as long as the beginning of the body keeps every byte."""
    messages: list[dict[str, str]] = [{"role": "system", "content": "Be brief.  Ägäis \u2013 \U0001f30a"}]
    with house.client(http2=True) as http:
        for turn in range(30):
            people = f"person{turn}@example.org, person{turn // 2}@example.org and {ADDRESS}"
            messages.append({"role": "user", "content": f"Turn {turn}: tell {people} that <b>it</b> rises."})
            body = json.dumps({"model": "gpt-5-mini", "messages": messages}, ensure_ascii=False).encode()
            headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
            reply = http.post("https://api.openai.com/v1/chat/completions", content=body, headers=headers)
            messages.append(reply.json()["choices"][0]["message"])
            assert messages[-1]["content"] == f"You said: {messages[-2]['content']}"
    bodies = [got.body for got in house.doubles.requests()]
    assert len(bodies) == 30 and b"@example.org" not in b"".join(bodies)
    for earlier, later in pairwise(bodies):
        assert later.startswith(earlier.removesuffix(b"]}"))


def kept_rows(stored: Path) -> int:
    if not stored.exists():
        return 0
    with closing(sqlite3.connect(f"{stored.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM sealed").fetchone()[0])
        except sqlite3.OperationalError:  # just being made
            return 0


def restarted(house: House) -> House:
    """The same data and policy in a new process, after `kill -9`."""
    house.weir.kill()
    house.weir = Weir(
        house.weir.folder,
        house.weir.policy,
        house.doubles,
        hosts=(),
        environment={f"{kind.upper()}_API_KEY": key for kind, key in house.doubles.keys.items()},
        options=resolves(house.doubles, house.flaky),
    )
    return house


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "not-kept"])
def test_over_a_restart(start_house: Callable[..., House], keep: bool) -> None:
    house = start_house(dlp={"processes": 0, "pseudonyms": {"keep": keep, "hours": 2}})
    first, _ = ask(client(house), ASKED)
    stored = house.weir.data / "pseudonyms.db"
    if keep:
        until(lambda: kept_rows(stored) >= 3, "the conversation and its reply, beside what every such file holds")
    assert stored.exists() is keep
    try:
        restarted(house)
        say(house, f"It is {STAND_IN}")
        _, said = ask(client(house), "Who is it?", previous_response_id=first)
        assert said == f"It is {ADDRESS if keep else STAND_IN}"
        files = [path for path in house.weir.folder.rglob("*") if path.is_file()]
        assert not [path.name for path in files if ADDRESS.encode() in path.read_bytes()]
        assert {path.stat().st_mode & 0o777 for path in files if path.name.startswith("pseudonyms.db")} <= {0o600}
    finally:
        house.weir.stop()
