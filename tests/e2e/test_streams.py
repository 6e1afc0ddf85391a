"""Replies that end before they should, by anybody's doing; and streams that are asked for their usage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import pytest

from e2e.raw import forwarder
from e2e.sdks import SDKS, OpenAI
from e2e.support import ADDRESS, House, chat_body, tokens
from harness.processes import until
from weir.edge.wire.coding import decode

URL = "https://api.openai.com{}/v1/chat/completions"
PROMPT = f"Tell {ADDRESS} all about it."
both = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
ports = pytest.mark.parametrize("port", [443, 8443], ids=["to-h2", "to-h1"])


def url(port: int) -> str:
    return URL.format("" if port == 443 else f":{port}")


@contextmanager
def opened(house: House, body: bytes, *, port: int = 443, http2: bool = False) -> Iterator[httpx.Response]:
    """A request whose reply the test reads itself."""
    headers = {"authorization": f"Bearer {house.key}", "content-type": "application/json"}
    with (
        house.client(http2=http2) as http,
        http.stream("POST", url(port), content=body, headers=headers) as reply,
    ):
        yield reply


@both
@ports
@pytest.mark.parametrize("text", ["Tell me all about it.", PROMPT], ids=["read", "edited"])
def test_a_stream_cut_by_the_client(text: str, port: int, http2: bool, house: House) -> None:
    house.doubles.behave("gate=cut")
    with opened(house, chat_body(text, stream=True), port=port, http2=http2) as reply:
        chunks = reply.iter_raw()
        next(chunks)
        house.doubles.release("cut", 3)
        while b"You s" not in next(chunks):
            continue
    until(lambda: house.doubles.only().lost, "the upstream side to be given up")
    record = house.only("response")
    assert record["reason"] in ("client closed the connection", "client cancelled the stream")
    assert (record["usage_source"], record["http_status"], record["inspection"]) == ("estimated", 200, "inspected")
    assert record["input_tokens"] > 0 and record["output_tokens"] > 0
    assert record["cost_nano"] > 0 and record["price_id"]


@pytest.mark.parametrize("sdk_class", SDKS[1:], ids=lambda kind: kind.name)
def test_usage_reported_so_far_counts_when_the_client_cuts(sdk_class: type, house: House) -> None:
    """Anthropic and Gemini report as they go: what was reported is at least what was used."""
    house.doubles.behave("gate=cut")
    stream = sdk_class(house.weir, house.key).stream(PROMPT)
    house.doubles.release("cut", 6)
    next(stream)
    stream.close()
    until(lambda: house.doubles.only().lost, "the upstream side to be given up")
    record = house.only("response")
    assert record["input_tokens"] >= tokens(PROMPT) - 4 and record["output_tokens"] >= 1
    assert record["usage_source"] in ("reported", "estimated")


@both
@ports
@pytest.mark.parametrize("how", ["cut=4", "cut=4,reset"])
@pytest.mark.parametrize("text", ["Tell me all about it.", PROMPT], ids=["read", "edited"])
def test_a_stream_cut_by_the_upstream(text: str, how: str, port: int, http2: bool, house: House) -> None:
    house.doubles.behave(f"{how},gate=cut")
    with opened(house, chat_body(text, stream=True), port=port, http2=http2) as reply:
        assert reply.status_code == 200
        chunks = reply.iter_raw()
        house.doubles.release("cut", 2)
        while b"You s" not in next(chunks):  # a reset takes with it what nobody has read yet
            continue
        house.doubles.release("cut", "all")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            for _ in chunks:  # an end without its mark must not look like a whole reply
                continue
    record = house.only("response")
    assert record["reason"] not in ("", None)
    assert (record["usage_source"], record["http_status"]) == ("estimated", 200)
    assert record["output_tokens"] > 0


@both
@ports
def test_a_plain_reply_cut_by_the_upstream(port: int, http2: bool, house: House) -> None:
    house.doubles.behave("cut=100,encoding=identity")
    with (
        pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)),
        opened(house, chat_body(PROMPT), port=port, http2=http2) as reply,
    ):
        reply.read()
    assert house.only("response")["reason"]


@both
@ports
def test_an_upstream_that_resets_before_it_answers(port: int, http2: bool, house: House) -> None:
    house.doubles.behave("reset")
    headers = {"authorization": f"Bearer {house.key}"}
    with house.client(http2=http2) as http:
        reply = http.post(url(port), content=chat_body(PROMPT), headers=headers)
        assert reply.status_code == 502
        again = http.post(url(port), content=chat_body(PROMPT), headers=headers)
        assert again.status_code == 200, "a failure must not stick"
    failed, fine = house.until(2, "response")
    assert failed["reason"] == "upstream closed the connection" and fine["http_status"] == 200


@both
def test_an_upstream_that_is_down_and_comes_back(http2: bool, house: House) -> None:
    headers = {"authorization": f"Bearer {house.key}"}
    with house.client(http2=http2) as http:
        for _ in range(2):
            reply = http.post(url(7443), content=chat_body("Hello there."), headers=headers)
            assert reply.status_code == 502
        with forwarder(house.flaky, house.doubles.tls):
            reply = until(lambda: _answered(http, headers), "an answer once the upstream is back")
        assert reply.json()["choices"]
    records = house.records("response")
    assert {row["reason"] for row in records[:2]} == {"upstream could not be reached"}
    assert all(row.get("http_status") in (None, 502) for row in records[:2])
    assert len(house.doubles.requests()) == 1


def _answered(http: httpx.Client, headers: dict[str, str]) -> httpx.Response | None:
    reply = http.post(url(7443), content=chat_body("Hello there."), headers=headers)
    return reply if reply.status_code == 200 else None


@both
def test_an_upstream_that_never_answers(http2: bool, house: House) -> None:
    house.doubles.behave("silent")
    there = partial(until, house.doubles.requests, "the request at its provider")
    house.leave(url(443), chat_body(PROMPT), http2=http2, when=there)
    until(lambda: house.doubles.only().lost, "the upstream side to be given up")
    record = house.only("response")
    assert record["reason"] in ("client closed the connection", "client cancelled the stream")
    assert record.get("http_status") is None


@pytest.mark.parametrize("status", [400, 429, 500, 529])
def test_a_providers_own_error_passes_unchanged(status: int, house: House) -> None:
    house.doubles.behave(f"status={status},encoding=identity")
    with opened(house, chat_body(PROMPT)) as reply:
        assert (reply.status_code, reply.read()) == (status, house.doubles.only().sent)
    record = house.only("response")
    assert (record["http_status"], record.get("cost_nano"), record["usage_source"]) == (status, 0, "none")


@both
@pytest.mark.parametrize("split", [0, 1, 11])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
def test_usage_is_asked_for_and_the_extra_event_taken_out(encoding: str, split: int, http2: bool, house: House) -> None:
    behaviour = f"encoding={encoding}" + (f",split={split}" if split else "")
    house.doubles.behave(behaviour)
    with opened(house, chat_body("How high is it?", stream=True), http2=http2) as reply:
        said = b"".join(reply.iter_bytes())
    got = house.doubles.only()
    assert got.json()["stream_options"] == {"include_usage": True}
    sent = decode(got.sent, encoding, 1_000_000)
    (extra,) = [event for event in sent.split(b"\n\n") if b'"choices":[],' in event]
    assert said == sent.replace(extra + b"\n\n", b""), "every other byte is the provider's"
    record = house.only("response")
    assert record["usage_source"] == "reported" and record["output_tokens"] == tokens("You said: How high is it?")


@both
@pytest.mark.parametrize("split", [0, 3])
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "zstd"])
def test_an_edited_reply_is_decoded_whatever_its_coding(
    encoding: str, streamed: bool, split: int, http2: bool, house: House
) -> None:
    house.doubles.behave(f"encoding={encoding}" + (f",split={split}" if split else ""))
    body = chat_body(PROMPT, **({"stream": True} if streamed else {}))
    with opened(house, body, http2=http2) as reply:
        said = b"".join(reply.iter_raw())
    got = house.doubles.only()
    assert ADDRESS.encode() not in got.body and "content-encoding" not in reply.headers
    if streamed:
        events = [json.loads(event[6:]) for event in said.split(b"\n\n") if event and b"[DONE]" not in event]
        text = "".join(event["choices"][0]["delta"].get("content") or "" for event in events)
    else:
        text = json.loads(said)["choices"][0]["message"]["content"]
    assert text == f"You said: {PROMPT}"


def test_usage_asked_for_by_the_client_is_left_alone(house: House) -> None:
    body = chat_body("How high is it?", stream=True, stream_options={"include_usage": True})
    with opened(house, body) as reply:
        said = b"".join(reply.iter_raw())
    got = house.doubles.only()
    assert got.body == body and got.sent == said and b'"usage":{' in said
    assert house.only("response")["usage_source"] == "reported"


def test_the_openai_sdk_gets_no_event_without_choices(house: House) -> None:
    with OpenAI(house.weir, house.key).client as sdk:
        ask: dict[str, Any] = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "How high?"}]}
        events = list(sdk.chat.completions.create(**ask, stream=True))
    assert all(event.choices and event.usage is None for event in events)
    assert events[-1].choices[0].finish_reason == "stop"
