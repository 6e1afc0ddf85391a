"""Credentials that clients bring themselves: known again by a fingerprint, and treated as policy says of their kind."""

from __future__ import annotations

import base64
import json
import secrets
import string
from collections.abc import Callable, Iterator

import anthropic
import httpx
import openai
import pytest

from e2e.sdks import Anthropic, Gemini, OpenAI
from e2e.support import House, chat_body, command
from harness.canary import CANARIES
from harness.processes import until

CHAT = "https://api.openai.com/v1/chat/completions"
CREDENTIALS = {
    "kinds": {"admin": "block", "oauth": "alert"},
    "services": {
        "openai": {"personal": {"then": "block", "say": "{service} takes no keys of your own here."}, "api": "block"},
        "google-gemini": {"api": {"then": "replace", "else": "block"}},
        "anthropic": {"api": {"then": "replace", "else": "block"}},
    },
}
IDENTITY = {"networks": [{"cidr": "127.0.0.0/8", "user": "ada", "team": "finance"}]}


def some(count: int) -> str:
    """Random letters and digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(count))


def planted(head: str, count: int, tail: str = "") -> str:
    """A made-up key that begins so, planted."""
    return CANARIES.plant(head + some(count) + tail, f"a made-up key {head[:8]}…")


def personal() -> str:
    """An OpenAI key as they were before there were projects."""
    return planted("sk-", 20, "T3Blbk" + "FJ" + some(20))


@pytest.fixture(scope="module")
def shared_credentials(start_module_house: Callable[..., House]) -> House:
    """A proxy whose policy knows kinds; its callers are known by their network."""
    return start_module_house(
        key=False, credentials=CREDENTIALS, identity=IDENTITY, intercept__include=["inference.lab.example"]
    )


@pytest.fixture
def house(shared_credentials: House, doubles: object) -> House:
    """It, with no memory of the test before."""
    shared_credentials.begin()
    return shared_credentials


@pytest.fixture
def unknown(house: House) -> Iterator[None]:
    """Nobody is known while this test runs."""
    house.take(credentials=CREDENTIALS)
    yield
    house.take(credentials=CREDENTIALS, identity=IDENTITY, intercept__include=["inference.lab.example"])


def sent(house: House) -> str:
    """All that reached the doubles, in one text."""
    return "\n".join(f"{row.target}\n{row.headers}\n{row.body.decode('latin-1')}" for row in house.doubles.requests())


def test_a_project_key_passes_and_is_known_again(house: House) -> None:
    key = house.doubles.keys["openai"]
    for text in ("How high?", "How far?"):
        assert OpenAI(house.weir, key).chat(text).startswith("You said")
    records = house.until(2, "response")
    assert {row["credential_kind"] for row in records} == {"project"}
    assert len({row["api_key_fp"] for row in records}) == 1
    assert {(row["credential"], row["user"]) for row in records} == {("raw", "ada")}
    assert key in sent(house)


def test_a_personal_key_is_refused_in_the_sdks_own_words(house: House) -> None:
    key = personal()
    with pytest.raises(openai.PermissionDeniedError) as raised:
        OpenAI(house.weir, key).chat("How high?")
    assert "OpenAI API takes no keys of your own here" in str(raised.value) and key not in str(raised.value)
    assert house.doubles.requests() == []
    record = house.only()
    assert (record["kind"], record["rule_id"], record["credential_kind"]) == ("block", "credential", "personal")


def test_an_admin_key_is_refused_wherever_it_stands(house: House) -> None:
    key = planted("sk-ant-" + "admin01-", 80)
    with pytest.raises(anthropic.PermissionDeniedError) as raised:
        Anthropic(house.weir, key).chat("How high?")
    assert "kind: admin" in str(raised.value)
    project = planted("sk-" + "proj-", 60)
    with house.client() as http:
        reply = http.post(CHAT, content=chat_body("Hi"), headers={"authorization": f"Bearer {project}", "api-key": key})
    assert reply.status_code == 403 and house.doubles.requests() == []
    records = house.until(2, "block")
    assert {row["rule_id"] for row in records} == {"credential"}
    second = next(row for row in records if row["service"] == "openai")
    assert second["credential_kind"] == "project"
    assert json.loads(second["extra"])["credentials"].startswith("admin:")


@pytest.mark.parametrize("sdk", [Anthropic, Gemini], ids=lambda kind: kind.name)
def test_the_companys_key_in_place_of_a_callers_own(sdk: type, house: House) -> None:
    key = planted("sk-ant-" + "api03-", 93) if sdk is Anthropic else planted("AI" + "za", 35)
    assert sdk(house.weir, key).chat("How high?") == "You said: How high?"
    got = sent(house)
    assert house.doubles.keys[sdk.name] in got and key not in got
    record = house.only("response")
    assert (record["credential"], record["credential_kind"], record["rule_id"]) == ("raw", "api", "credential")
    assert record["managed_key"] and json.loads(record["extra"])["credential_replaced"] == record["api_key_fp"]


@pytest.mark.parametrize("form", ["Basic", "Bearer"])
def test_a_key_in_disguise_is_refused(form: str, house: House) -> None:
    key = planted("sk-" + "admin-", 60)
    shown = base64.b64encode(f":{key}".encode()).decode() if form == "Basic" else f'"{key}",'
    with house.client() as http:
        reply = http.post(CHAT, content=chat_body("Hi"), headers={"authorization": f"{form} {shown}"})
        plain = http.post(CHAT, content=chat_body("Hi"), headers={"authorization": f"Bearer {key}"})
    assert (reply.status_code, plain.status_code) == (403, 403) and house.doubles.requests() == []
    rows = house.until(2, "block")
    assert {(row["rule_id"], row["credential_kind"]) for row in rows} == {("credential", "admin")}
    assert len({row["api_key_fp"] for row in rows}) == 1  # and it is known to be one key


def test_a_key_in_a_websockets_subprotocol(house: House) -> None:
    offered = f"realtime, openai-insecure-api-key.{personal()}, openai-beta.realtime-v1"
    opening = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "A" * 22 + "==",
        "sec-websocket-protocol": offered,
    }
    with house.client() as http:
        reply = http.get("https://api.openai.com/v1/realtime?model=gpt-realtime", headers=opening)
    assert reply.status_code == 403 and house.doubles.requests() == []
    assert house.only("block")["credential_kind"] == "personal"


def test_a_providers_key_that_goes_to_a_host_in_no_catalogue(house: House) -> None:
    key = planted("sk-" + "proj-", 60)
    with house.client() as http:
        http.post(
            "https://inference.lab.example/v1/chat/completions",
            content=chat_body("Hi"),
            headers={"authorization": f"Bearer {key}"},
        )
    record = house.only("request")
    assert (record["credential_kind"], json.loads(record["extra"])["credential_of"]) == ("project", "openai")


def test_the_report_lists_them(house: House) -> None:
    key = planted("sk-" + "svcacct-", 60)
    with pytest.raises(openai.AuthenticationError):  # it went there, and the provider knows no such key
        OpenAI(house.weir, key).chat("How high?")
    print_ = house.only("response")["api_key_fp"]
    asked = ("report", "credentials", "--kind", "service-account", "--format", "json", "--data", str(house.weir.data))
    (row,) = until(lambda: json.loads(command(*asked))["rows"], "the report to have it")
    assert (row["provider"], row["kind"], row["users"], row["addresses"]) == ("openai", "service-account", ["ada"], 1)
    assert print_.startswith(row["fingerprint"]) and row["first_seen"] == row["last_seen"]


def test_nobody_gets_the_companys_key_for_a_made_up_one(house: House, unknown: None) -> None:
    made_up = planted("AI" + "za", 35)
    with house.client() as http:
        reply: httpx.Response = http.post(
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent",
            json={"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
            headers={"x-goog-api-key": made_up},
        )
    assert reply.status_code == 403 and house.doubles.requests() == []
    assert "not known well enough" in house.only("block")["reason"]
