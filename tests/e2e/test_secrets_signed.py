"""Clients with a virtual key where the company's key signs requests (AWS) or is made into tokens (Google)."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anthropic
import boto3
import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from moto.server import ThreadedMotoServer

from e2e.clients_bedrock import REGION, Bedrock, BedrockBearer
from e2e.sdks import OpenAI
from e2e.support import ADDRESS, House
from harness.canary import CANARIES
from harness.doubles import Doubles
from harness.minting import PEM, TOKEN, Endpoint, account
from harness.processes import until
from harness.weir import PREPARED

pytestmark = pytest.mark.xdist_group("secrets-signed")

BEDROCK, VERTEX = "bedrock-runtime.us-east-1.amazonaws.com", "aiplatform.googleapis.com"
SOON = "import weir.keys.company as c; c._HURRY_S = 0.1"  # between two fetches because of a reload, else some seconds
ACCESS = "AKIA" + "COMPANY" + "QWERT"  # of the company; the double asks for the secret half only
SAID = "The river is low."
GENERATED = {
    "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": SAID}]}}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8},
}
CLAUDE = {
    "id": "m1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_reason": "end_turn",
    "content": [{"type": "text", "text": SAID}], "usage": {"input_tokens": 3, "output_tokens": 5},
}  # fmt: skip


class Signing(Bedrock):
    """``boto3`` that has the virtual key for an access key id, and any secret beside it."""

    name = "boto3-signing"

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        session = self.sdk.session.Session(self.key, "anything", region_name=REGION)
        yield session.client("bedrock-runtime")


each = pytest.mark.parametrize("kind", [BedrockBearer, Signing], ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def moto() -> Iterator[ThreadedMotoServer]:
    """AWS Secrets Manager."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """Google's token endpoint."""
    endpoint = Endpoint()
    yield endpoint
    endpoint.stop()


def keeper(moto: ThreadedMotoServer) -> dict[str, str]:
    """The environment of whoever asks Secrets Manager."""
    host, port = moto.get_host_and_port()
    return {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://{host}:{port}", "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "*",
    }  # fmt: skip


def store(moto: ThreadedMotoServer, name: str, value: dict[str, str]) -> None:
    """Let Secrets Manager hold this from now on."""
    host, port = moto.get_host_and_port()
    client = boto3.client(
        "secretsmanager", region_name="eu-central-1", endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="testing", aws_secret_access_key="testing",
    )  # fmt: skip
    try:
        client.put_secret_value(SecretId=name, SecretString=json.dumps(value))
    except client.exceptions.ResourceNotFoundException:
        client.create_secret(Name=name, SecretString=json.dumps(value))


@pytest.fixture(scope="module")
def proxy(
    start_module_house: Callable[..., House],
    shared_doubles: Doubles,
    moto: ThreadedMotoServer,
    endpoint: Endpoint,
    tmp_path_factory: pytest.TempPathFactory,
) -> House:
    """Signs for Bedrock with what Secrets Manager holds, and mints tokens for Vertex from a file."""
    store(moto, "bedrock", {"AccessKeyId": ACCESS, "SecretAccessKey": shared_doubles.keys["bedrock"]})
    file = tmp_path_factory.mktemp("google") / "account.json"
    file.touch(0o600)
    file.write_text(account(endpoint.url))
    return start_module_house(
        options=[word for value in shared_doubles.resolve(BEDROCK, VERTEX) for word in ("--resolve", value)],
        environment=keeper(moto) | {"WEIR_GOOGLE_TOKEN_HOSTS": "127.0.0.1", "WEIR_TEST_FIRST": SOON},
        program=[str(PREPARED)],
        services__sanctioned=["aws-bedrock", "google-vertex"],
        keys={
            "aws-bedrock": {"secret": "secretsmanager:bedrock", "form": "aws"},
            "google-vertex": {"secret": f"file:{file}", "form": "google"},
        },
    )


@pytest.fixture
def house(proxy: House, doubles: Doubles, monkeypatch: pytest.MonkeyPatch) -> House:
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, proxy.weir.url)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(proxy.weir.ca))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_PROXY", "localhost")
    proxy.begin()
    return proxy


def signed_for(house: House, count: int = 1) -> None:
    """All went out signed with the company's key, and nothing of the virtual one beside it."""
    rows = house.doubles.requests(BEDROCK)
    assert len(rows) == count
    for row in rows:
        assert f"Credential={ACCESS}/" in row.header("authorization") and row.status == 200
        assert house.key not in f"{row.headers}{row.target}{row.body.decode('latin-1')}"
    records = house.until(count, "response")
    assert {record["managed_key"] for record in records} == {"aws-bedrock"}
    assert {record["auth_method"] for record in records} == {"virtual_key"}


@each
def test_bedrock_is_signed_for_whoever_has_a_virtual_key(kind: type[Bedrock], house: House) -> None:
    client = kind(house.key)
    assert client.chat("How high?") == "You said: How high?"
    assert "".join(client.stream("How high?")) == "You said: How high?"
    assert len(client.embed("How high?")) > 0
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}
    assert client.invoke(body)["content"] and client.invoke_stream(body)
    signed_for(house, 5)


@each
def test_the_signature_is_made_after_policy_changed_the_body(kind: type[Bedrock], house: House) -> None:
    assert ADDRESS in kind(house.key).chat(f"Tell {ADDRESS} about it.")
    assert ADDRESS.encode() not in house.doubles.only().body
    signed_for(house)


def test_a_model_named_in_any_spelling(house: House) -> None:
    body = {"messages": [{"role": "user", "content": [{"text": "How high?"}]}]}
    for name in (BedrockBearer.model, quote(BedrockBearer.model, safe=""), BedrockBearer.model.replace(":", "%3a")):
        with house.client(http2=name == BedrockBearer.model) as http:
            url = f"https://{BEDROCK}/model/{name}/converse"
            assert http.post(url, json=body, headers={"authorization": f"Bearer {house.key}"}).status_code == 200
    signed_for(house, 3)


def test_a_client_with_credentials_of_its_own_signs_for_itself(house: House) -> None:
    assert Bedrock(house.doubles.keys["bedrock"]).chat("How high?") == "You said: How high?"
    row = house.doubles.only()
    assert f"Credential={Bedrock.key_id}/" in row.header("authorization")
    assert "managed_key" not in house.only("response")


def test_a_refused_signature_makes_weir_look_for_new_credentials(
    house: House, moto: ThreadedMotoServer, doubles: Doubles
) -> None:
    store(moto, "bedrock", {"AccessKeyId": ACCESS, "SecretAccessKey": secrets.token_hex(20)})
    house.weir.reload()
    client = BedrockBearer(house.key)

    def refused() -> bool:
        try:
            return not client.chat("How high?")
        except client.refused as error:
            return "turned the company's key away (403)" in str(error)

    until(refused, "the wrong secret to be in use")
    store(moto, "bedrock", {"AccessKeyId": ACCESS, "SecretAccessKey": doubles.keys["bedrock"]})
    house.weir.reload()  # a key that rests is not asked for at every refusal
    until(lambda: not refused(), "the right one")
    rows = [row["reason"] for row in house.weir.records() if row["kind"] == "config"]
    assert any(row.startswith("key aws-bedrock rests 60 s after 403") for row in rows)


@pytest.fixture
def short(proxy: House, doubles: Doubles) -> Iterator[House]:
    """The same proxy, with credentials for AWS that end."""
    text = proxy.weir.policy.read_text()
    yield proxy
    proxy.change(lambda path: path.write_text(text))


def test_credentials_that_end_are_not_used_beyond_it(short: House, moto: ThreadedMotoServer, doubles: Doubles) -> None:
    house = short
    secret = {"AccessKeyId": ACCESS, "SecretAccessKey": doubles.keys["bedrock"]}

    def issue(token: str, ends: datetime) -> None:
        store(moto, "short", {**secret, "SessionToken": token, "Expiration": ends.isoformat()})

    issue("first", datetime.now(UTC) + timedelta(hours=1))
    text = house.weir.policy.read_text()
    house.change(lambda path: path.write_text(text.replace("secretsmanager:bedrock", "secretsmanager:short")))

    def ask() -> int:
        body = {"messages": [{"role": "user", "content": [{"text": "How high?"}]}]}
        with house.client() as http:
            url = f"https://{BEDROCK}/model/amazon.nova-lite-v1%3A0/converse"
            return http.post(url, json=body, headers={"authorization": f"Bearer {house.key}"}).status_code

    def goes_with(token: str) -> bool:
        return ask() == 200 and doubles.requests()[-1].header("x-amz-security-token") == token

    assert goes_with("first")
    for room in (4, 12, 25, 50):  # a busy machine needs a while to fetch them, and they must still hold then
        ends = datetime.now(UTC) + timedelta(seconds=room)
        issue("second", ends)
        house.weir.reload()
        until(lambda by=ends: goes_with("second") or datetime.now(UTC) >= by, "what was fetched last", every=0.1)
        if goes_with("second"):
            break
    else:
        pytest.fail("what was fetched last was never used")
    until(lambda: ask() == 503, "its end", every=0.2)
    assert datetime.now(UTC) >= ends
    issue("third", datetime.now(UTC) + timedelta(hours=1))
    until(lambda: goes_with("third"), "the next ones", every=0.2)


def vertex(house: House) -> types.HttpOptions:
    arguments = OpenAI(house.weir, house.key).http()
    arguments.pop("timeout")
    return types.HttpOptions(client_args=arguments, timeout=30_000)


def minted(house: House) -> None:
    """What reached Vertex carries the company's token and nothing else."""
    row = house.doubles.only(VERTEX)
    assert [value.startswith(f"Bearer {TOKEN}") for name, value in row.headers if name == "authorization"] == [True]
    assert not row.header("x-goog-api-key") and house.key not in f"{row.headers}{row.target}"
    assert house.only("response")["managed_key"] == "google-vertex"


@pytest.mark.parametrize("how", ["credentials", "api_key"])
def test_vertex_gets_a_token_of_the_companys(how: str, house: House, endpoint: Endpoint) -> None:
    house.doubles.behave(f"body={quote(json.dumps(GENERATED), safe='')},type=application/json", host=VERTEX)
    given: dict[str, Any] = {"api_key": house.key}
    if how == "credentials":
        given = {"project": "p", "location": "global", "credentials": Credentials(house.key)}  # type: ignore[no-untyped-call]
    client = genai.Client(vertexai=True, http_options=vertex(house), **given)
    assert client.models.generate_content(model="gemini-2.5-flash", contents="How high?").text == SAID
    minted(house)
    assert len(endpoint.claims) == 1, "one token for all"


def test_claude_on_vertex(house: House) -> None:
    house.doubles.behave(f"body={quote(json.dumps(CLAUDE), safe='')},type=application/json", host=VERTEX)
    http = anthropic.DefaultHttpxClient(**OpenAI(house.weir, house.key).http())
    client = anthropic.AnthropicVertex(region="global", project_id="p", access_token=house.key, http_client=http)
    said = client.messages.create(
        model="claude-sonnet-4-5", max_tokens=9, messages=[{"role": "user", "content": "How high?"}]
    )
    assert said.content[0].text == SAID  # type: ignore[union-attr]
    minted(house)


def test_nothing_of_it_is_shown(house: House) -> None:
    seen = Path(f"/proc/{house.weir.process.pid}/cmdline").read_text()
    for path in house.weir.folder.rglob("*"):
        if path.is_file():
            seen += path.read_bytes().decode("latin-1")
    for value in (TOKEN, house.doubles.keys["bedrock"], PEM.splitlines()[1]):
        assert value not in seen
    assert os.environ["HTTPS_PROXY"] == house.weir.url
    CANARIES.plant(TOKEN, "a minted token")
