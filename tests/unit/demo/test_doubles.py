"""The doubles as a process: each SDK straight to them, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import clients
from harness.doubles import Doubles
from harness.processes import until
from harness.tunnel import tunnel
from weir.demo.doubles import main

VERSIONS = pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
TOOL = {"name": "dial", "parameters": {"type": "object", "properties": {"who": {"type": "string"}}}}
USER: Any = [{"role": "user", "content": "call Anna"}]


@pytest.fixture
def proxy(doubles: Doubles) -> Iterator[str]:
    with tunnel(doubles.tls) as url:
        yield url


@VERSIONS
def test_openai(doubles: Doubles, proxy: str, http2: bool) -> None:
    sdk = clients.openai_client(proxy, doubles.ca, doubles.keys["openai"], http2=http2)
    assert sdk.chat.completions.create(model="m", messages=USER).choices[0].message.content == "You said: call Anna"
    stream = sdk.chat.completions.create(
        model="m", messages=USER, stream=True, tools=[{"type": "function", "function": TOOL}]
    )
    calls = [chunk.choices[0].delta.tool_calls for chunk in stream]
    assert json.loads("".join(call[0].function.arguments for call in calls if call)) == {"who": "You said: call Anna"}
    with sdk.responses.stream(model="m", input="hi") as events:
        events.until_done()
        assert events.get_final_response().output_text == "You said: hi"
    assert len(sdk.embeddings.create(model="m", input="x").data[0].embedding) == 8
    versions = {row.version for row in doubles.requests("api.openai.com")}
    assert versions == {"2" if http2 else "1.1"}


@VERSIONS
def test_anthropic(doubles: Doubles, proxy: str, http2: bool) -> None:
    sdk = clients.anthropic_client(proxy, doubles.ca, doubles.keys["anthropic"], http2=http2)
    tools = [{"name": "dial", "input_schema": TOOL["parameters"]}]
    with sdk.messages.stream(model="m", max_tokens=9, messages=USER, tools=tools) as stream:
        final = stream.get_final_message()
    assert final.content[0].input == {"who": "You said: call Anna"}
    assert final.usage.input_tokens > 0
    plain = sdk.messages.create(model="m", max_tokens=9, messages=USER)
    assert plain.content[0].text == "You said: call Anna"


@VERSIONS
def test_gemini(doubles: Doubles, proxy: str, http2: bool) -> None:
    sdk = clients.gemini_client(proxy, doubles.ca, doubles.keys["gemini"], http2=http2)
    assert sdk.models.generate_content(model="m", contents="hi").text == "You said: hi"
    assert "".join(part.text for part in sdk.models.generate_content_stream(model="m", contents="hi")) == "You said: hi"
    assert sdk.models.embed_content(model="m", contents="x").embeddings[0].values


def test_a_wrong_key_raises_the_sdk_s_own_exception(doubles: Doubles, proxy: str) -> None:
    import anthropic
    import openai
    from google.genai import errors

    with pytest.raises(openai.AuthenticationError):
        clients.openai_client(proxy, doubles.ca, "wrong").models.list()
    with pytest.raises(anthropic.AuthenticationError):
        clients.anthropic_client(proxy, doubles.ca, "wrong").messages.create(model="m", max_tokens=1, messages=USER)
    gemini = clients.gemini_client(proxy, doubles.ca, "wrong")
    with pytest.raises(errors.ClientError):
        gemini.models.generate_content(model="m", contents="x")


def test_the_first_event_arrives_before_the_second_is_sent(doubles: Doubles, proxy: str) -> None:
    body = {"model": "m", "messages": USER, "stream": True}
    headers = {"authorization": f"Bearer {doubles.keys['openai']}", "x-double": "gate=g"}
    url = "https://api.openai.com/v1/chat/completions"
    with clients.client(proxy, doubles.ca) as http, http.stream("POST", url, json=body, headers=headers) as reply:
        parts = reply.iter_raw()
        assert next(parts).count(b"\n\n") == 1
        assert doubles.only().events == 1
        doubles.release("g", "all")
        assert b"".join(parts).endswith(b"data: [DONE]\n\n")


def test_a_client_that_leaves_is_on_record(doubles: Doubles, proxy: str) -> None:
    headers = {"authorization": f"Bearer {doubles.keys['openai']}", "x-double": "silent"}
    url, body = "https://api.openai.com/v1/chat/completions", {"model": "m", "messages": USER}
    for patience in (0.5, 5.0, 50.0):  # on a busy machine the first may leave before anything has arrived
        with clients.client(proxy, doubles.ca) as http, pytest.raises(Exception, match="timed out"):
            http.post(url, json=body, headers=headers, timeout=patience)
        if doubles.requests():
            break
    assert until(lambda: (found := doubles.requests()) and all(one.lost for one in found), "the double to notice")


def test_ten_megabytes_arrive_exactly(doubles: Doubles, proxy: str) -> None:
    body = bytes(range(256)) * 40_000
    for http2 in (False, True):
        doubles.reset()
        with clients.client(proxy, doubles.ca, http2=http2) as http:
            reply = http.post("https://api.orders.example/x", content=body, headers={"x-double": "echo"})
        assert reply.content == body == doubles.only().body


def test_plain_http_and_http1_only(doubles: Doubles) -> None:
    import httpx

    plain = httpx.get(f"http://127.0.0.1:{doubles.plain}/", headers={"host": "www.news.example"}, trust_env=False)
    assert "river" in plain.text
    with tunnel(doubles.tls_h1) as url, clients.client(url, doubles.ca, http2=True) as http:
        assert http.get("https://www.news.example/").http_version == "HTTP/1.1"


def test_it_ends_when_its_stdin_does(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "weir.demo.doubles", "--dir", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert child.stdin is not None
    assert child.stdout is not None
    ready = json.loads(child.stdout.readline())
    assert ready["pid"] == child.pid
    child.stdin.close()
    assert child.wait(10) == 0
    child.stdout.close()


def test_it_ends_on_sigterm(tmp_path: Path) -> None:
    doubles = Doubles(tmp_path)
    doubles.process.signal(signal.SIGTERM)
    assert doubles.process.wait(10) == 0


def test_an_unknown_kind_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--dir", "x", "--host", "a.example=nothing"])
    assert ended.value.code == 2
    assert "no such kind: nothing" in capsys.readouterr().err
