"""secretsmanager:NAME#FIELD, against a moto server on loopback."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from moto.server import ThreadedMotoServer

from weir.keys.backends import SecretUnavailable, secretsmanager

VALUE = "synthetic-" + "provider-key"


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def url(server: ThreadedMotoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": f"http://{host}:{port}",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
    }.items():
        monkeypatch.setenv(name, value)
    secretsmanager.forget()
    yield f"http://{host}:{port}"
    secretsmanager.forget()


def store(name: str, value: str | bytes, region: str = "eu-central-1") -> str:
    client = boto3.client("secretsmanager", region_name=region)
    kind = "SecretString" if isinstance(value, str) else "SecretBinary"
    arn: str = client.create_secret(Name=name, **{kind: value})["ARN"]
    return arn


def refused(reference: str) -> SecretUnavailable:
    with pytest.raises(SecretUnavailable) as caught:
        secretsmanager.fetch(reference)
    assert VALUE not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_a_secret_is_read_by_name_field_and_arn(url: str) -> None:
    store("weir/plain", VALUE + "\n")
    store("weir/fields", json.dumps({"openai": VALUE, "nested": {"a": 1}, "number": 3}))
    arn = store("weir/elsewhere", VALUE, "us-west-2")
    assert secretsmanager.fetch("weir/plain") == VALUE
    assert secretsmanager.fetch("weir/fields#openai") == VALUE
    assert secretsmanager.fetch("weir/fields#nested") == '{"a": 1}'
    assert secretsmanager.fetch(arn) == VALUE  # in the region that the ARN says
    assert refused("weir/elsewhere").refused  # there is none of that name in weir's own


def test_a_rotated_secret_is_read_anew(url: str) -> None:
    store("weir/rotated", "old")
    assert secretsmanager.fetch("weir/rotated") == "old"
    boto3.client("secretsmanager").put_secret_value(SecretId="weir/rotated", SecretString=VALUE)
    assert secretsmanager.fetch("weir/rotated") == VALUE


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("weir/missing", "ResourceNotFoundException"),
        ("weir/bytes", "holds bytes"),
        ("weir/text#field", "not a JSON object"),
        ("weir/empty-field#nothing", "has no field"),
        ("weir/deleted", "InvalidRequestException"),
    ],
)
def test_what_cannot_be_a_key_is_told(url: str, reference: str, said: str) -> None:
    name = reference.partition("#")[0]
    client = boto3.client("secretsmanager")
    if name == "weir/bytes":
        store(name, VALUE.encode())
    elif name != "weir/missing":
        store(name, json.dumps({"a": VALUE}) if "empty" in name else VALUE)
    if name == "weir/deleted":
        client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    error = refused(reference)
    assert said in str(error) and error.refused


@pytest.mark.parametrize("reference", ["", "#field", "two words", "a\nb", "ключ"])
def test_what_is_no_name_is_not_quoted(reference: str) -> None:
    assert "is not a name or ARN" in str(refused(reference))


def test_no_credentials(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    error = refused("weir/any")
    assert "NoCredentialsError" in str(error) and not error.refused


@pytest.mark.parametrize(
    ("status", "code", "no"),
    [(400, "AccessDeniedException", True), (400, "DecryptionFailure", True), (500, "InternalServiceError", False)],
)
def test_what_aws_answers(url: str, monkeypatch: pytest.MonkeyPatch, status: int, code: str, no: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            data = json.dumps({"__type": code, "message": f"user {VALUE} is not"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a request line is no news here."""

    double = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=double.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://127.0.0.1:{double.server_address[1]}")
        error = refused("weir/any")
    finally:
        double.shutdown()
        double.server_close()
        thread.join()
    assert code in str(error) and error.refused is no


def test_a_server_that_is_gone_and_back(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    own.start()
    port = own.get_host_and_port()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://127.0.0.1:{port}")
    secretsmanager.forget()
    store("weir/restart", VALUE)
    assert secretsmanager.fetch("weir/restart") == VALUE
    own.stop()
    error = refused("weir/restart")
    assert "EndpointConnectionError" in str(error) and not error.refused
    again = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    again.start()
    try:
        assert secretsmanager.fetch("weir/restart") == VALUE
    finally:
        again.stop()


def test_botocore_does_not_log_the_secret(url: str, caplog: pytest.LogCaptureFixture) -> None:
    store("weir/logged", VALUE)
    logger = logging.getLogger("botocore")
    before = logger.level
    try:
        logger.setLevel(logging.NOTSET)
        caplog.set_level(logging.DEBUG)
        assert secretsmanager.fetch("weir/logged") == VALUE
        assert VALUE not in caplog.text
    finally:
        logger.setLevel(before)


def test_the_region_is_the_one_the_machine_tells(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store("weir/region", VALUE)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert secretsmanager.fetch("weir/region") == VALUE, "AWS_REGION alone, as Lambda and ECS set it"
    secretsmanager.forget()
    monkeypatch.delenv("AWS_REGION")
    said = str(refused("weir/region"))
    assert "NoRegionError" in said and "; set AWS_DEFAULT_REGION" in said


def test_who_weir_is_can_be_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    said = str(refused("weir/nobody"))
    assert "(NoCredentialsError); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in said
