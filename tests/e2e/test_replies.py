"""What models send back: found, taken out while it streams, or stopped, as the SDKs of three providers see it."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import anthropic
import openai
import pytest
from google.genai import errors

from e2e.sdks import SDKS, OpenAI
from e2e.support import ADDRESS, House, access_key, chat_body
from harness.canary import CANARIES
from harness.processes import until

URL = "https://api.openai.com/v1/chat/completions"
REDACTED_KEY, REDACTED_ADDRESS = "[REDACTED:aws-access-key-id]", "[REDACTED:EMAIL_ADDRESS]"
STOPPED = (openai.APIError, anthropic.APIError, errors.APIError)
EVERYWHERE: list[dict[str, Any]] = [
    {"id": "no-addresses", "if": {"finding": "pii/EMAIL_ADDRESS"}, "then": "pseudonymise"},
]
ACTING = [
    *EVERYWHERE,
    {"id": "keys-struck-out", "if": {"finding": "secret/aws*", "direction": "response"}, "then": "redact"},
    {
        "id": "no-addresses-back",
        "if": {"finding": "pii/EMAIL_ADDRESS", "direction": "response"},
        "then": "pseudonymise",
    },
    {
        "id": "no-tokens-back",
        "if": {"finding": "secret/gitlab-token", "direction": "response"},
        "then": "block",
        "say": "The reply held a credential ({finding}).",
    },
]
WATCHING = [
    *EVERYWHERE,
    {"id": "seen-coming-back", "if": {"finding": "secret/*", "direction": ["request", "response"]}, "then": "alert"},
]


def gitlab_token() -> str:
    """A made-up GitLab token, planted."""
    letters = string.ascii_letters + string.digits
    return CANARIES.plant("glpat-" + "".join(secrets.choice(letters) for _ in range(19)) + "7", "a GitLab token")


@pytest.fixture(scope="module")
def acting_house(start_module_house: Callable[..., House]) -> House:
    return start_module_house(rules=ACTING)


@pytest.fixture(scope="module")
def watching_house(start_module_house: Callable[..., House]) -> House:
    return start_module_house(rules=WATCHING)


@pytest.fixture
def acting(acting_house: House, doubles: object) -> House:
    acting_house.begin()
    return acting_house


@pytest.fixture
def watching(watching_house: House, doubles: object) -> House:
    watching_house.begin()
    return watching_house


def say(house: House, text: str, more: str = "", times: int = 1) -> None:
    house.doubles.behave(f"say={quote(text)}{more}", times=times)


def signed(house: House) -> dict[str, str]:
    return {"authorization": f"Bearer {house.key}"}


class Responses(OpenAI):
    """``openai``: responses."""

    def chat(self, text: str) -> str:
        with self.client as client:
            return client.responses.create(model=self.model, input=text).output_text

    def stream(self, text: str) -> Iterator[str]:
        """The deltas; every repetition at the end has to say the same."""
        said = ""
        with self.client as client, client.responses.create(model=self.model, input=text, stream=True) as events:
            for event in events:
                if event.type == "response.output_text.delta":
                    said += event.delta
                    yield event.delta
                elif event.type == "response.output_text.done":
                    assert event.text == said
                elif event.type == "response.completed":
                    assert event.response.output_text == said


ALL = (*SDKS, Responses)
every = pytest.mark.parametrize("kind", ALL, ids=["chat", "anthropic", "gemini", "responses"])


def text_by(kind: type, house: House, streamed: bool) -> str:
    sdk = kind(house.weir, house.key)
    return "".join(sdk.stream("Tell me.")) if streamed else sdk.chat("Tell me.")


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@every
def test_what_is_found_is_taken_out(kind: type, streamed: bool, acting: House) -> None:
    key = access_key()
    say(acting, f"Use {key}, then write to {ADDRESS} about it.")
    assert text_by(kind, acting, streamed) == f"Use {REDACTED_KEY}, then write to {REDACTED_ADDRESS} about it."
    record = acting.only("response")
    assert (record["verdict"], record["action"], record["rule_id"]) == ("redact", "redact", "keys-struck-out")
    found = sorted((row["detector"], row["direction"], row["action"]) for row in record["findings"])
    assert found == [
        ("pii/EMAIL_ADDRESS", "response", "redact"), ("secret/aws-access-key-id", "response", "redact")
    ]  # fmt: skip
    assert record["usage_source"] == "reported" and record["inspection"] == "inspected"


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("kind", SDKS, ids=lambda kind: kind.name)
def test_what_is_found_in_arguments_of_a_tool_is_taken_out(kind: type, streamed: bool, acting: House) -> None:
    key = access_key()
    say(acting, f'run "{key}" with\n{ADDRESS}')
    given = kind(acting.weir, acting.key).tool("Tell me.", streamed=streamed)
    assert given == f'run "{REDACTED_KEY}" with\n{REDACTED_ADDRESS}'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 19, 50])
def test_a_key_cut_anywhere_is_taken_out_whole(size: int, acting: House) -> None:
    key = access_key()
    for kind in ALL:
        say(acting, f"Here: {key} and {key}.", f",pieces={size},split={size}")
        assert text_by(kind, acting, True) == f"Here: {REDACTED_KEY} and {REDACTED_KEY}."


@every
def test_a_stream_is_stopped_by_the_providers_own_error(kind: type, acting: House) -> None:
    token, said = gitlab_token(), ""
    say(acting, f"The river stands low. The token is {token} and more. {'So it goes. ' * 40}", ",pieces=4")
    with pytest.raises(STOPPED) as raised:
        for piece in kind(acting.weir, acting.key).stream("Tell me."):
            said += piece
    assert "The reply held a credential (secret/gitlab-token)." in str(raised.value)
    assert said.startswith("The river stands low.") and "So it goes" not in said
    assert not any(token[at : at + 8] in said for at in range(6, len(token) - 7))
    record = acting.only("response")
    assert (record["verdict"], record["action"], record["rule_id"]) == ("block", "block", "no-tokens-back")
    assert record["usage_source"] in ("reported", "estimated") and record["output_tokens"] > 0
    assert [row["action"] for row in record["findings"]] == ["block"]
    assert len(acting.doubles.requests()) == 1, "an SDK must not try again"


@every
def test_a_plain_reply_is_refused_before_any_of_it_has_gone(kind: type, acting: House) -> None:
    token = gitlab_token()
    say(acting, f"The token is {token}.")
    with pytest.raises(STOPPED) as raised:
        text_by(kind, acting, False)
    assert getattr(raised.value, "status_code", getattr(raised.value, "code", 0)) == 403
    assert "The reply held a credential" in str(raised.value) and token not in str(raised.value)
    record = acting.only("response")
    assert (record["action"], record["rule_id"], record["http_status"]) == ("block", "no-tokens-back", 403)
    assert record["usage_source"] == "reported" and record["cost_nano"] > 0, "the provider has charged for it"
    assert len(acting.doubles.requests()) == 1, "an SDK must not try again"


def test_the_upstream_is_given_up_when_a_stream_is_stopped(acting: House) -> None:
    say(acting, f"The token is {gitlab_token()} and more. {'So it goes. ' * 400}", ",gate=stop")
    acting.doubles.release("stop", 14)
    with pytest.raises(STOPPED):
        list(OpenAI(acting.weir, acting.key).stream("Tell me."))
    until(lambda: acting.doubles.only().lost, "the upstream side to be given up")


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "zstd"])
def test_codings_and_protocols(encoding: str, http2: bool, acting: House) -> None:
    key, token = access_key(), gitlab_token()
    for text, status in ((f"Use {key}.", 200), (f"Use {token}.", 403)):
        say(acting, text, f",encoding={encoding}")
        with acting.client(http2=http2) as http:
            reply = http.post(URL, content=chat_body("Tell me."), headers=signed(acting))
        assert reply.status_code == status
        if status == 200:
            assert reply.json()["choices"][0]["message"]["content"] == f"Use {REDACTED_KEY}."
            assert int(reply.headers["content-length"]) == len(reply.content)
        else:
            assert reply.json()["error"]["code"] == "no-tokens-back"


def test_what_the_user_sent_comes_home_and_is_no_finding(acting: House) -> None:
    """The address in the prompt leaves as a stand-in; what comes back in its place is the user's own."""
    for streamed in (False, True):
        sdk = OpenAI(acting.weir, acting.key)
        prompt = f"Tell {ADDRESS} all about it."
        said = "".join(sdk.stream(prompt)) if streamed else sdk.chat(prompt)
        assert said == f"You said: {prompt}"
    for record in acting.until(2, "response"):
        assert record.get("findings") in (None, [])


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@every
def test_watching_changes_no_byte(kind: type, streamed: bool, watching: House) -> None:
    key = access_key()
    text = f"Use {key}, then write to {ADDRESS} about it."
    say(watching, text, ",pieces=3")
    assert text_by(kind, watching, streamed) == text
    record = watching.only("response")
    assert (record["verdict"], record["action"], record["rule_id"]) == ("alert", "alert", "seen-coming-back")
    found = sorted((row["detector"], row["direction"]) for row in record["findings"])
    assert found == [("pii/EMAIL_ADDRESS", "response"), ("secret/aws-access-key-id", "response")]


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_bytes_that_are_watched_are_the_providers(encoding: str, watching: House) -> None:
    say(watching, f"Use {access_key()}.", f",encoding={encoding},split=11")
    body = chat_body("Tell me.", stream=True, stream_options={"include_usage": True})
    with (
        watching.client() as http,
        http.stream("POST", URL, content=body, headers=signed(watching)) as reply,
    ):
        raw = b"".join(reply.iter_raw())
    assert raw == watching.doubles.only().sent
    assert len(watching.only("response")["findings"]) == 1


def test_the_first_chunk_is_there_before_the_second_is_sent(acting: House) -> None:
    say(acting, "The river stands low and the weir holds it.", ",gate=second,pieces=4")
    body = chat_body("Tell me.", stream=True)
    with (
        acting.client() as http,
        http.stream("POST", URL, content=body, headers=signed(acting)) as reply,
    ):
        chunks = reply.iter_raw()
        assert b'"role":"assistant"' in next(chunks)
        said = ""
        for number in range(2, 8):
            until(lambda: acting.doubles.waiting("second"), "the double at its gate")
            acting.doubles.release("second")
            said += json.loads(next(chunks)[6:])["choices"][0]["delta"]["content"]
            assert acting.doubles.only().events == number, "each event leaves before the next is sent"
        assert said.startswith("The river stands"), "and words with it"
        acting.doubles.release("second", "all")
        rest = b"".join(chunks)
    assert rest.endswith(b"data: [DONE]\n\n")


def test_a_long_reply_is_read_by_a_worker_and_arrives_whole(acting: House, watching: House) -> None:
    key = access_key()
    text = "The river stands low. " * 40_000
    for house, there in ((acting, REDACTED_KEY), (watching, key)):
        house.doubles.reset()
        # A long text that holds the key in its middle can't be told by `say`: the prompt is echoed.
        body = {"id": "x", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": ""}}]}
        body["choices"][0]["message"]["content"] = f"{text}{key} {text}"  # type: ignore[index]
        house.doubles.behave(f"body={quote(json.dumps(body))},encoding=identity")
        said = OpenAI(house.weir, house.key).chat("Tell me.")
        assert said == f"{text}{there} {text}"
        assert [row["detector"] for row in house.until(1, "response")[0]["findings"]] == ["secret/aws-access-key-id"]


@pytest.mark.parametrize("how", ["body=%7B%22choices%22%3A", "body=%FF%FE%00,type=application/json"])
def test_what_can_not_be_read_is_scanned_as_text_or_not_passed(how: str, acting: House) -> None:
    acting.doubles.behave(how + ",encoding=identity")
    with acting.client() as http:
        reply = http.post(URL, content=chat_body("Tell me."), headers=signed(acting))
    record = acting.only("response")
    assert record["inspection"] in ("unparsed", "failed")
    if record["action"] == "block":
        assert (reply.status_code, record["rule_id"]) == (403, "on-failure")
    else:
        assert reply.content == acting.doubles.only().sent


def test_a_wire_format_nobody_knows_is_looked_at_and_cut(acting: House) -> None:
    for text, passes in ((access_key(), False), ("nothing of the kind", True)):
        acting.doubles.reset()
        acting.doubles.behave(f"body={quote(json.dumps({'data': [{'said': f'Use {text} now.'}]}))},encoding=identity")
        with acting.client() as http:
            headers = {"authorization": f"Bearer {acting.doubles.keys['openai']}"}
            try:
                body = http.get("https://api.openai.com/v1/unheard/of", headers=headers).content
            except Exception as error:  # noqa: BLE001  however the client calls a broken connection
                body = type(error).__name__.encode()
        assert (text.encode() in body) is passes
