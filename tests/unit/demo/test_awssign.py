"""Signatures of AWS requests: botocore's own hold, and not with anything changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from weir.demo.awssign import access_key_of, signed

SECRET = "made-up-secret-half"
ID = "AKIA" + "DOUBLE" * 2 + "ABCD"


@dataclass(frozen=True)
class Signed:
    path: str
    headers: Mapping[str, str]
    body: bytes


def sign(path: str = "/model/anthropic.claude-v1%3A0/converse", body: bytes = b'{"a": 1}', token: str = "") -> Signed:
    request = AWSRequest("POST", f"https://bedrock-runtime.us-east-1.amazonaws.com{path}", data=body)
    request.headers["Content-Type"] = "application/json"
    SigV4Auth(Credentials(ID, SECRET, token or None), "bedrock", "us-east-1").add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers["host"] = "bedrock-runtime.us-east-1.amazonaws.com"
    return Signed(path.replace("%3A", ":"), headers, body)


@pytest.mark.parametrize("token", ["", "a-session-token"])
@pytest.mark.parametrize("path", ["/model/plain/invoke", "/model/anthropic.claude-v1%3A0/converse"])
def test_botocores_signature_holds(path: str, token: str) -> None:
    one = sign(path, token=token)
    assert signed("POST", one.path, one.headers, one.body, SECRET)
    assert access_key_of(one.headers["authorization"]) == ID


def test_anything_changed_breaks_it() -> None:
    one = sign()
    assert not signed("POST", one.path, one.headers, one.body + b" ", SECRET)
    assert not signed("GET", one.path, one.headers, one.body, SECRET)
    assert not signed("POST", one.path + "-stream", one.headers, one.body, SECRET)
    assert not signed("POST", one.path, one.headers, one.body, "another")
    assert not signed("POST", one.path, {**one.headers, "host": "elsewhere.example"}, one.body, SECRET)
    assert not signed("POST", one.path, {**one.headers, "content-type": "text/plain"}, one.body, SECRET)


@pytest.mark.parametrize("header", ["", "Bearer abc", "AWS4-HMAC-SHA256 Credential=x", "Basic YTpi"])
def test_other_credentials_are_no_signatures(header: str) -> None:
    assert access_key_of(header) == ""
    assert not signed("POST", "/", {"authorization": header}, b"", SECRET)
