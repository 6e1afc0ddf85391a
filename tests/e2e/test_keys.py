"""Virtual keys become real ones on the way out, and only where they may; raw keys leave nothing but a fingerprint."""

from __future__ import annotations

import json
import secrets
import string
from datetime import UTC, datetime, timedelta

import anthropic
import httpx
import openai
import pytest

from e2e.sdks import SDKS, Anthropic, Gemini, OpenAI
from e2e.support import House, chat_body, command, issue
from harness.canary import CANARIES
from harness.processes import until
from weir.keys.virtual import new_key

PLACES = {"openai": "authorization", "anthropic": "authorization", "gemini": "x-goog-api-key"}
CHAT = "https://api.openai.com/v1/chat/completions"
each = pytest.mark.parametrize("sdk_class", SDKS, ids=lambda kind: kind.name)


def sent(house: House) -> str:
    """All that reached the doubles, in one text."""
    rows = house.doubles.requests()
    return "\n".join(f"{row.target}\n{row.headers}\n{row.body.decode('latin-1')}" for row in rows)


def ask(house: House, url: str = CHAT, body: bytes = b"", **headers: str) -> httpx.Response:
    with house.client() as http:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return http.post(url, content=body or chat_body("How high?"), headers=given)


@each
def test_the_real_key_takes_the_virtual_ones_place(sdk_class: type, house: House) -> None:
    assert sdk_class(house.weir, house.key).chat("How high?") == "You said: How high?"
    got = house.doubles.only()
    assert house.doubles.keys[sdk_class.name] in got.header(PLACES[sdk_class.name])
    assert house.key not in sent(house)
    record = house.only("response")
    assert (record["team"], record["auth_method"], record["auth_strength"]) == ("finance", "virtual_key", 3)
    assert record["key_id"].startswith("vk-") and "api_key_fp" not in record


def test_every_auth_place_of_every_provider(house: House) -> None:
    messages = "https://api.anthropic.com/v1/messages"
    generate = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
    claude = json.dumps(
        {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    ).encode()
    gemini = json.dumps({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}).encode()
    version = {"anthropic_version": "2023-06-01"}
    replies = [
        ask(house, authorization=f"bearer  {house.key}"),
        ask(house, messages, claude, x_api_key=house.key, **version),
        ask(house, messages, claude, authorization=f"Bearer {house.key}", **version),
        ask(house, generate, gemini, x_goog_api_key=house.key),
        ask(house, f"{generate}?key={house.key}&alt=json", gemini),
    ]
    assert [reply.status_code for reply in replies] == [200] * 5
    assert house.key not in sent(house)
    assert len(house.until(5, "response")) == 5


def refused(house: House, sdk_class: type, key: str) -> None:
    """A chat with ``key`` ends in the SDK's own exception for a bad key, and stays here."""
    sdk = sdk_class(house.weir, key)
    with pytest.raises(sdk.unauthorised) as raised:
        sdk.chat("How high?")
    assert getattr(raised.value, "status_code", None) == 401 or getattr(raised.value, "code", None) == 401
    assert "virtual-key" in str(raised.value) and key not in str(raised.value)
    assert house.doubles.requests() == []
    record = house.only()
    assert (record["kind"], record["rule_id"], record["action"]) == ("block", "virtual-key", "block")


@each
def test_a_key_that_was_never_issued(sdk_class: type, house: House) -> None:
    refused(house, sdk_class, CANARIES.plant(new_key(), "a virtual key nobody issued"))


@pytest.fixture(scope="module")
def expired(shared_house: House) -> str:
    """A key whose time is over."""
    soon = datetime.now(UTC) + timedelta(seconds=2)
    key = issue(shared_house.weir.data, "--expires", soon.isoformat())
    until(lambda: datetime.now(UTC) > soon, "the key's end")
    return key


@each
def test_a_key_that_has_expired(sdk_class: type, house: House, expired: str) -> None:
    until(lambda: ask(house, authorization=f"Bearer {expired}").status_code == 401, "it to be known")
    house.begin()
    refused(house, sdk_class, expired)


def test_a_list_of_models_is_refused_in_the_providers_shape(house: House) -> None:
    """No dialect reads it, but its SDK has one shape of errors for all."""
    key = CANARIES.plant(new_key(), "another virtual key nobody issued")
    with OpenAI(house.weir, key).client as client, pytest.raises(openai.AuthenticationError) as raised:
        client.models.list()
    assert (raised.value.code, raised.value.type) == ("virtual-key", "authentication_error")
    record = house.only()
    assert (record["operation"], record["rule_id"]) == ("models", "virtual-key")
    with Anthropic(house.weir, key).client as claude, pytest.raises(anthropic.AuthenticationError) as refusal:
        claude.models.list()
    assert isinstance(refusal.value.body, dict) and refusal.value.body["error"]["type"] == "authentication_error"
    assert house.doubles.requests() == []


def test_a_key_for_other_services(house: House) -> None:
    key = issue(house.weir.data, "--services", "openai")
    assert OpenAI(house.weir, key).chat("How high?") == "You said: How high?"
    house.doubles.reset()
    house.begin()
    refused(house, Anthropic, key)


def test_a_revoked_key_is_refused_within_a_second_or_so(house: House) -> None:
    key = issue(house.weir.data)
    assert ask(house, authorization=f"Bearer {key}").status_code == 200
    listed = json.loads(command("keys", "list", "--format", "json", "--data", str(house.weir.data)))
    command("keys", "revoke", listed[-1]["id"], "--data", str(house.weir.data))
    until(lambda: ask(house, authorization=f"Bearer {key}").status_code == 401, "the key's end")
    house.doubles.reset()
    house.begin()
    refused(house, Gemini, key)


WRONG_PLACES = {
    "a cookie": {"cookie": "session=KEY"},
    "another provider's header": {"x_goog_api_key": "KEY"},
    "any header": {"x_trace": "KEY"},
    "a header's middle": {"x_trace": "a=1; key=KEY; b=2"},
    "basic credentials": {"authorization": "Basic KEY"},
}


@pytest.mark.parametrize("where", WRONG_PLACES)
def test_a_virtual_key_in_a_wrong_place_goes_nowhere(where: str, house: House) -> None:
    headers = {name: value.replace("KEY", house.key) for name, value in WRONG_PLACES[where].items()}
    reply = ask(house, **{"authorization": f"Bearer {house.key}", **headers})
    assert reply.status_code == 401 and "virtual-key" in reply.text and house.key not in reply.text
    assert house.doubles.requests() == []
    assert house.only()["rule_id"] == "virtual-key"


def test_a_virtual_key_in_the_query_of_a_provider_that_takes_none_there(house: House) -> None:
    reply = ask(house, f"{CHAT}?key={house.key}", authorization=f"Bearer {house.key}")
    assert reply.status_code in (400, 401)
    assert house.doubles.requests() == []


def test_a_virtual_key_in_the_prompt_goes_nowhere(house: House) -> None:
    reply = ask(house, body=chat_body(f"My key is {house.key}, fine?"), authorization=f"Bearer {house.key}")
    assert reply.status_code == 400 and house.key not in reply.text
    assert house.doubles.requests() == []


def test_a_virtual_key_to_a_host_without_a_key_of_the_companys(house: House) -> None:
    reply = ask(house, "https://inference.lab.example/v1/chat/completions", authorization=f"Bearer {house.key}")
    assert reply.status_code == 401
    assert house.doubles.requests() == []


def test_a_raw_key_is_recorded_as_a_fingerprint(house: House) -> None:
    digits = string.ascii_letters + string.digits
    stranger = CANARIES.plant("sk-proj-" + "".join(secrets.choice(digits) for _ in range(60)), "a stranger's key")
    for key in (stranger, stranger, house.doubles.keys["openai"]):
        ask(house, authorization=f"Bearer {key}")
    records = house.until(3, "request")
    prints = [row["api_key_fp"] for row in records]
    assert prints[0] == prints[1] != prints[2] and all(prints)
    assert {row["verdict"] for row in records} == {"alert"} and {row["rule_id"] for row in records} == {
        "raw-provider-key"
    }
    assert {row["credential_kind"] for row in records} == {"project"}
    assert house.doubles.requests()[0].header("authorization") == f"Bearer {stranger}"
