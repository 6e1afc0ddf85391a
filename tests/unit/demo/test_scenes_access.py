"""The scenes of who may go where, with a client, a site and an SDK that a test makes up."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import openai
import pytest

from weir.demo import scenes_access
from weir.demo.scenes_access import DISCOVERED, METERED, REFUSED, VIRTUAL_KEY
from weir.demo.scenes_chat import QUESTION
from weir.demo.scenes_model import Cast, play, reply_to
from weir.demo.stage import LAB, ORDERS

from .conftest import FakeSdk, FakeUpstream, arrived

RULE = "approved-services-only"
HTML = {"content-type": "text/html; charset=utf-8"}


def test_virtual_key(cast: Cast) -> None:
    outcome = play(VIRTUAL_KEY, cast)
    assert (outcome.seen, outcome.ok) == ("real key in authorization; the virtual one nowhere", True)


def test_virtual_key_without_the_real_one(cast: Cast, sdk: FakeSdk) -> None:
    sdk.real_key = "another-key"
    assert play(VIRTUAL_KEY, cast).seen == "fake: the real key did not reach the provider"


@pytest.mark.parametrize(
    "leak",
    [
        {"target": "/v1/chat?key=virtual-one"},
        {"headers": (("x-api-key", "virtual-two"),)},
        {"body": b'{"user": "virtual-two"}'},
    ],
)
def test_virtual_key_that_went_upstream_with_any_request(
    cast: Cast, upstream: FakeUpstream, leak: dict[str, Any]
) -> None:
    upstream.requests.append(arrived(1, **leak))
    outcome = play(VIRTUAL_KEY, cast)
    assert (outcome.seen, outcome.ok) == ("a virtual key went upstream", False)


def denied(text: str) -> openai.PermissionDeniedError:
    # The SDK's HTTP library differs between its versions; all that it wants of a response is this.
    error = openai.PermissionDeniedError.__new__(openai.PermissionDeniedError)
    Exception.__init__(error, text)
    error.status_code = 403
    return error


class FakeOpenAI:
    """Stands in for the SDK with a base_url of its own: ``says`` is its answer, or what it raises."""

    says: str | Exception = ""

    def __init__(self, base_url: str, model: str) -> None:
        self.base_url = base_url

    def chat(self, key: str, text: str) -> str:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> type[FakeOpenAI]:
    monkeypatch.setattr(scenes_access, "OpenAI", FakeOpenAI)
    monkeypatch.setattr(FakeOpenAI, "says", denied(RULE))
    return FakeOpenAI


@pytest.mark.parametrize(
    ("says", "page", "seen", "ok"),
    [
        (
            denied(RULE),
            httpx.Response(403, headers=HTML, text=f"<p>{RULE}"),
            "program: PermissionDeniedError 403; browser: 403 text/html; nothing upstream",
            True,
        ),
        ("Hello", httpx.Response(403), "the program was let through", False),
        (denied("No."), httpx.Response(403), "the program's refusal does not name the rule", False),
        (denied(RULE), httpx.Response(200, headers=HTML), "the browser got 200 text/html", False),
        (denied(RULE), httpx.Response(403, json={}), "the browser got 403 application/json", False),
        (denied(RULE), httpx.Response(403, headers=HTML, text="No."), "the page does not name the rule", False),
    ],
)
def test_refused(
    cast: Cast,
    program: type[FakeOpenAI],
    monkeypatch: pytest.MonkeyPatch,
    says: str | Exception,
    page: httpx.Response,
    seen: str,
    ok: bool,
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(program, "says", says)
    monkeypatch.setattr(httpx, "get", lambda url, **options: asked.update(options) or page)
    outcome = play(REFUSED, cast)
    assert (outcome.seen, outcome.ok) == (seen, ok)
    assert not asked or asked["headers"]["sec-fetch-mode"] == "navigate"


def test_refused_after_the_fact(
    cast: Cast, program: type[FakeOpenAI], upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(url: str, **options: Any) -> httpx.Response:
        upstream.requests.append(arrived(1))
        return httpx.Response(403, headers=HTML, text=RULE)

    monkeypatch.setattr(httpx, "get", late)
    assert play(REFUSED, cast).seen == "a request went upstream all the same"


@pytest.mark.parametrize(
    ("says", "host", "seen", "ok"),
    [
        (reply_to(QUESTION), LAB, f"{LAB} answered", True),
        ("Something else", LAB, "the client got another answer", False),
        (reply_to(QUESTION), "api.openai.com", "the request went elsewhere", False),
        (reply_to(QUESTION), "", f"{LAB}: 0 requests reached the provider, not one", False),
    ],
)
def test_discovered(
    cast: Cast,
    program: type[FakeOpenAI],
    upstream: FakeUpstream,
    monkeypatch: pytest.MonkeyPatch,
    says: str,
    host: str,
    seen: str,
    ok: bool,
) -> None:
    def chat(self: FakeOpenAI, key: str, text: str) -> str:
        if host:
            upstream.requests.append(arrived(1, host=host))
        return says

    monkeypatch.setattr(program, "chat", chat)
    outcome = play(DISCOVERED, cast)
    assert (outcome.seen, outcome.ok) == (seen, ok)


class Connection:
    """As much of a TLS connection as is asked: whose certificate the other side showed."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def get_extra_info(self, _: str) -> Connection:
        return self

    def getpeercert(self) -> dict[str, Any]:
        return {"issuer": ((("organizationName", "Somebody"),), (("commonName", self.issuer),))}


@pytest.mark.parametrize(
    ("status", "issuer", "seen", "ok"),
    [
        (200, "weir provider doubles CA", "status 200, certificate from weir provider doubles CA", True),
        (200, "weir CA", "the certificate is from weir CA", False),
        (503, "weir provider doubles CA", "status 503", False),
    ],
)
def test_metered(
    cast: Cast, upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch, status: int, issuer: str, seen: str, ok: bool
) -> None:
    def post(self: httpx.Client, url: str, **options: Any) -> httpx.Response:
        upstream.requests.append(arrived(1, host=ORDERS))
        return httpx.Response(status, extensions={"network_stream": Connection(issuer)})

    monkeypatch.setattr(httpx.Client, "post", post)
    monkeypatch.setattr(ssl, "create_default_context", lambda cafile: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    outcome = play(METERED, cast)
    assert (outcome.seen, outcome.ok) == (seen, ok)
