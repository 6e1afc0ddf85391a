"""AWS signatures made anew: the same as the SDK's own for the same request, and good for what weir changed."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
import pytest
from botocore.config import Config

from weir.keys.backends import SecretUnavailable
from weir.keys.signing.sigv4 import (
    AwsCredentials,
    SigningError,
    _signer,
    parse,
    scope_of,
    sign,
    sign_with,
    signs_for,
    spelt,
    warm,
)
from weir.model import Secret

SECRET = "wJalrXUtnFEMI/K7MDENG" + "+bPxRfiCYEXAMPLEKEY"
SESSION = "synthetic-" + "session-token" * 4
PLAIN = AwsCredentials("AKIDEXAMPLE", SECRET)
TEMPORARY = AwsCredentials("ASIDEXAMPLE", SECRET, SESSION)
HOST = "bedrock-runtime.eu-central-1.amazonaws.com"
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ARN = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-v1:0"


def signed(
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"{}",
    path: str = "/model/m/converse",
    credentials: AwsCredentials = PLAIN,
    at: datetime = AT,
    method: str = "POST",
) -> list[tuple[str, str]]:
    url = f"https://{HOST}{path}"
    return sign(method, url, headers, body, credentials, region="eu-central-1", service="bedrock", at=at)


def signature_of(method: str, url: str, headers: Sequence[tuple[str, str]], body: bytes, secret: str) -> str:
    """What AWS computes for a request as it came, by its description and with nothing of botocore's."""
    parts = urlsplit(url)
    values: dict[str, list[str]] = {"host": [parts.netloc]}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    fields = dict(item.strip().split("=", 1) for item in values["authorization"][0].partition(" ")[2].split(","))
    names = fields["SignedHeaders"].split(";")
    scope = fields["Credential"].partition("/")[2]
    canonical = [method, quote(parts.path, safe="/~"), "&".join(sorted(parts.query.split("&")))]
    canonical += [f"{name}:{','.join(values[name])}" for name in names]
    canonical += ["", ";".join(names), hashlib.sha256(body).hexdigest()]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", values["x-amz-date"][0], scope, digest])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def signature(headers: Sequence[tuple[str, str]]) -> str:
    return dict(headers)["Authorization"].rpartition("Signature=")[2]


@pytest.mark.parametrize("credentials", [PLAIN, TEMPORARY])
@pytest.mark.parametrize(
    "path",
    [
        "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
        "/model/anthropic.claude-3-haiku-20240307-v1:0/converse",  # a client that leaves the colon as it is
        f"/model/{quote(ARN, safe='')}/converse-stream",
        "/model/m/invoke?b=2&a=1&a=0",
        "/model/m%20n/invoke?q=x%2Fy",
        "/",
    ],
)
def test_aws_finds_the_signature_good(path: str, credentials: AwsCredentials) -> None:
    headers = [("Content-Type", "application/json"), ("X-Amzn-Bedrock-Trace", "ENABLED"), ("Accept", "*/*")]
    body = b'{"messages": []}'
    got = signed(headers, body, path, credentials)
    assert signature(got) == signature_of("POST", f"https://{HOST}{path}", got, body, SECRET)
    assert dict(got).get("X-Amz-Security-Token", "") == credentials.session_token


def test_a_signature_is_the_sdks_own() -> None:
    """The request as boto3 makes and signs it, signed once more with the same time."""
    seen: list[Any] = []
    client = boto3.client(
        "bedrock-runtime",
        region_name="eu-central-1",
        aws_access_key_id=TEMPORARY.access_key_id,
        aws_secret_access_key=SECRET,
        aws_session_token=SESSION,
        config=Config(retries={"total_max_attempts": 1}),
    )

    def stop(request: Any, **_: object) -> None:
        seen.append(request)
        raise InterruptedError

    client.meta.events.register("before-send.bedrock-runtime.*", stop)
    with pytest.raises(InterruptedError):
        client.converse(modelId=ARN, messages=[{"role": "user", "content": [{"text": "hi"}]}])
    (request,) = seen
    assert "%3A" in request.url and "%2F" in request.url
    headers = [(k, v.decode() if isinstance(v, bytes) else v) for k, v in request.headers.items()]
    at = datetime.strptime(dict(headers)["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    body = request.body if isinstance(request.body, bytes) else request.body.encode()
    theirs = signature_of("POST", request.url, headers, body, SECRET)
    assert theirs == signature(headers), "the check itself agrees with the SDK"
    ours = sign("POST", request.url, headers, body, TEMPORARY, region="eu-central-1", service="bedrock", at=at)
    assert signature(ours) == signature_of("POST", request.url, ours, body, SECRET)
    assert dict(ours)["Authorization"].split("/")[0] == dict(headers)["Authorization"].split("/")[0]
    assert dict(ours)["X-Amz-Date"] == dict(headers)["X-Amz-Date"]


def test_an_edited_body_gets_another_signature() -> None:
    first = signed(body=b'{"text": "jane@example.com"}')
    second = signed(first, body=b'{"text": "[EMAIL]"}')
    assert signature(first) != signature(second)
    assert signature(second) == signature_of(
        "POST", f"https://{HOST}/model/m/converse", second, b'{"text": "[EMAIL]"}', SECRET
    )


def test_the_callers_own_signature_leaves_no_trace() -> None:
    theirs = signed(
        [("Content-Type", "application/json")], credentials=AwsCredentials("AKIDCALLER", "x" * 40, "theirs")
    )
    assert "theirs" in repr(theirs)
    got = signed([*theirs, ("date", "Mon, 01 Jan 2024 00:00:00 GMT"), ("AUTHORIZATION", "Bearer old")])
    assert "theirs" not in repr(got) and "AKIDCALLER" not in repr(got) and "old" not in repr(got)
    names = [name.lower() for name, _ in got]
    assert len(names) == len(set(names)) and "date" not in names and "x-amz-security-token" not in names


def test_other_headers_stay_and_are_not_covered() -> None:
    headers = [("User-Agent", "Boto3/1"), ("accept", "a"), ("Accept", "b"), ("Content-Type", "application/json")]
    got = signed(headers)
    assert got[:4] == headers
    covered = dict(got)["Authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert covered == ["content-type", "host", "x-amz-content-sha256", "x-amz-date"]


def test_guardrails_are_covered_and_repeated_headers_joined() -> None:
    headers = [("X-Amzn-Bedrock-GuardrailIdentifier", "g1"), ("x-amz-meta", "a  b"), ("X-Amz-Meta", "c")]
    got = signed(headers)
    assert "x-amz-meta;x-amzn-bedrock-guardrailidentifier" in dict(got)["Authorization"]
    assert signature(got) == signature_of("POST", f"https://{HOST}/model/m/converse", got, b"{}", SECRET)


def test_the_time_is_the_given_one_in_utc() -> None:
    east = timezone(timedelta(hours=9))
    assert dict(signed(at=AT))["X-Amz-Date"] == "20260304T050607Z"
    assert signed(at=AT.astimezone(east)) == signed(at=AT)
    midnight = datetime(2026, 3, 5, 1, 0, tzinfo=east)  # the day before, in UTC
    assert "/20260304/eu-central-1/bedrock/aws4_request" in dict(signed(at=midnight))["Authorization"]


@pytest.mark.parametrize(
    ("path", "headers", "at", "said"),
    [
        ("/x?X-Amz-Algorithm=a&X-Amz-Signature=0", [], AT, "signed in its query"),
        ("/x?a=1&x-amz-credential=0", [], AT, "signed in its query"),
        ("/x", [("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-EVENTS")], AT, "each piece"),
        ("/x", [], datetime(2026, 1, 1), "time zone"),
    ],
)
def test_what_cannot_be_signed_anew(path: str, headers: list[tuple[str, str]], at: datetime, said: str) -> None:
    with pytest.raises(SigningError, match=said) as caught:
        signed(headers, path=path, at=at)
    assert SECRET not in str(caught.value)


def test_nothing_is_signed_for_the_clear() -> None:
    with pytest.raises(SigningError, match="over https"):
        sign("POST", f"http://{HOST}/", [], b"", PLAIN, region="r", service="bedrock", at=AT)


def test_credentials_sign_for_the_hosts_they_are_bound_to() -> None:
    text = json.dumps({"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET})
    secret = Secret(text, name="aws-bedrock", hosts=("bedrock-runtime.eu-central-1.amazonaws.com",))
    assert sign_with(secret, "POST", f"https://{HOST}/model/m/converse", [], b"{}", AT) == signed()
    loose = Secret(text, name="aws-bedrock", hosts=("*.amazonaws.com", "evil.example"))
    for one, host in [
        (secret, "bedrock-runtime.us-east-1.amazonaws.com"),
        (secret, "evil.example"),
        (loose, "evil.example"),
        (loose, "s3.eu-central-1.amazonaws.com"),
        (loose, f"{HOST}.evil.example"),
        (loose, f"{HOST}@evil.example"),
        (loose, f"evil.example#{HOST}"),
    ]:
        with pytest.raises(SigningError, match="not bound"):
            sign_with(one, "POST", f"https://{host}/model/m/converse", [], b"{}", AT)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        (HOST, "eu-central-1"),
        (HOST.upper() + ".", "eu-central-1"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-runtime.us-east-1.api.aws", "us-east-1"),
        ("bedrock-agent-runtime.ap-southeast-2.amazonaws.com", "ap-southeast-2"),
        ("bedrock-mantle.us-west-2.api.aws", "us-west-2"),
        ("bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("bedrock-runtime.eu-central-1.amazonaws.com.evil.example", ""),
        ("evil-bedrock-runtime.eu-central-1.amazonaws.com", ""),
        ("s3.eu-central-1.amazonaws.com", ""),
        ("api.openai.com", ""),
        ("", ""),
    ],
)
def test_the_scope_is_read_from_the_host(host: str, region: str) -> None:
    assert scope_of(host) == ((region, "bedrock") if region else None)


def test_credentials_in_the_words_of_aws() -> None:
    tools = {"Version": 1, "AccessKeyId": "ASIDEXAMPLE", "SecretAccessKey": SECRET, "SessionToken": SESSION}
    assert parse(json.dumps(tools)) == TEMPORARY
    files = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": SECRET}
    assert parse(json.dumps(files)) == PLAIN
    ending = parse(json.dumps({**tools, "Expiration": "2026-03-04T05:06:07Z"}))
    assert ending.expires == AT.timestamp()
    assert parse(json.dumps({**tools, "Expiration": "2026-03-04T05:06:07"})).expires == AT.timestamp()
    assert SECRET not in repr(ending) and SESSION not in repr(ending)


@pytest.mark.parametrize(
    "text",
    [
        "",
        SECRET,
        f'["{SECRET}"]',
        json.dumps({"AccessKeyId": "AKIDEXAMPLE"}),
        json.dumps({"AccessKeyId": "", "SecretAccessKey": SECRET}),
        json.dumps({"AccessKeyId": "AKID\r\nX-Evil: 1", "SecretAccessKey": SECRET}),
        json.dumps({"AccessKeyId": 7, "SecretAccessKey": SECRET}),
        json.dumps({"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET, "Expiration": "soon"}),
        json.dumps({"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET, "Expiration": 5}),
    ],
)
def test_what_is_no_credentials_is_not_quoted(text: str) -> None:
    with pytest.raises(SecretUnavailable, match="AWS credentials") as caught:
        parse(text)
    assert SECRET not in str(caught.value) and caught.value.refused


def test_without_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    _signer.cache_clear()
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "botocore.auth", None)
        with pytest.raises(SecretUnavailable, match="pip install"):
            warm()
    warm()


def test_neither_key_nor_session_token_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("botocore", "botocore.auth"):
        caplog.set_level(logging.DEBUG, name)
    signed(credentials=TEMPORARY)
    assert SESSION not in caplog.text and SECRET not in caplog.text


@pytest.mark.parametrize(
    ("path", "one"),
    [
        ("/model/a.b-v1:0/converse", "/model/a.b-v1%3A0/converse"),
        ("/model/a.b-v1%3a0/converse", "/model/a.b-v1%3A0/converse"),
        ("/model/arn%3Aaws%3Abedrock%3A%2Fx/invoke", "/model/arn%3Aaws%3Abedrock%3A%2Fx/invoke"),
        ("/model/a+b~c%FF/invoke", "/model/a%2Bb~c%FF/invoke"),
        ("/", "/"),
    ],
)
def test_a_path_has_one_spelling(path: str, one: str) -> None:
    assert spelt(path) == one == spelt(one)


def test_which_hosts_are_signed_for() -> None:
    assert signs_for("bedrock-runtime.*.amazonaws.com") and signs_for("bedrock-runtime.eu-central-1.amazonaws.com")
    assert not signs_for("api.openai.com") and not signs_for("*.amazonaws.com")
