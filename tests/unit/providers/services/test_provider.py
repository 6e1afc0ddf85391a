from __future__ import annotations

import re
from dataclasses import replace

import pytest

from weir.model import Endpoint
from weir.providers.services.paths import Template
from weir.providers.services.provider import Operation, Provider, Sign, is_passive


def operation(method: str, path: str, dialect: str, name: str, stream: bool = False) -> Operation:
    return Operation(method, Template.parse(path), dialect, name, stream)


PROVIDER = Provider(
    "p",
    "P",
    ("api.p.example",),
    operations=(
        operation("POST", "/v1/chat", "openai_chat", "chat"),
        operation("GET", "/v1/chat", "", "read"),
        operation("POST", "/v1/{model}", "", "files"),
        operation("POST", "/v1/{model}:stream", "gemini_generate", "generate_content", True),
        operation("GET", "/v1/models", "", "models"),
    ),
)


@pytest.mark.parametrize(
    ("method", "path", "dialect", "name", "model", "stream"),
    [
        ("POST", "/v1/chat", "openai_chat", "chat", "", False),
        ("post", "/V1//Chat/?x=1", "openai_chat", "chat", "", False),
        ("PUT", "/v1/chat", "openai_chat", "chat", "", False),
        ("QUERY", "/v1/chat", "openai_chat", "chat", "", False),
        ("GET", "/v1/chat", "", "read", "", False),
        ("OPTIONS", "/v1/chat", "", "preflight", "", False),
        ("HEAD", "/v1/chat", "", "", "", False),
        ("POST", "/v1/big:stream", "gemini_generate", "generate_content", "big", True),
        ("POST", "/v1/big%3Astream", "gemini_generate", "generate_content", "big", True),
        ("POST", "/v1/thing?alt=sse", "", "files", "thing", True),
        ("POST", "/v2/chat", "", "", "", False),
        ("POST", "/", "", "", "", False),
    ],
)
def test_endpoints(method: str, path: str, dialect: str, name: str, model: str, stream: bool) -> None:
    found = PROVIDER.endpoint(method, path)
    assert found.service == "p"
    assert (found.dialect, found.operation, found.model, found.stream) == (dialect, name, model, stream)


def test_what_query_and_headers_tell() -> None:
    def one(**more: object) -> Provider:
        return replace(PROVIDER, operations=(replace(PROVIDER.operations[0], **more),))

    by_query = one(model_sign=Sign(query="model"))
    assert by_query.endpoint("POST", "/v1/chat?model=m-1").model == "m-1"
    by_header = one(model_sign=Sign(header="x-model"), stream_sign=Sign(header="x-sse", value="enable"))
    found = by_header.endpoint("POST", "/v1/chat", {"x-model": "m-2", "x-sse": "Enable"})
    assert (found.model, found.stream) == ("m-2", True)
    found = by_header.endpoint("POST", "/v1/chat", {"x-sse": "disable"})
    assert (found.model, found.stream) == ("", False)


def test_a_gateway_reads_unlisted_paths_by_their_looks() -> None:
    gateway = replace(PROVIDER, shapes=True)
    found = gateway.endpoint("POST", "/any/where/v1/chat/completions")
    assert (found.service, found.dialect, found.operation) == ("p", "openai_chat", "chat")
    assert gateway.endpoint("POST", "/any/where").operation == ""
    assert not gateway.allows_managed(found, "POST", "/any/where/v1/chat/completions")


def test_what_counts_on_a_shared_host() -> None:
    only_shared = replace(PROVIDER, hosts=(), shared_hosts=("x.example",), pages=True, shapes=True)
    assert only_shared.claims("POST", "/v1/chat?a=b") and only_shared.claims("get", "/v1//models")
    for path in ("/", "/v1", "/v1/chat/completions", "/index.html"):
        assert not only_shared.claims("POST", path)
    first, *rest = PROVIDER.operations
    both = replace(PROVIDER, shared_hosts=("x.example",), operations=(replace(first, shared=True), *rest))
    assert both.claims("POST", "/v1/chat") and not both.claims("GET", "/v1/models")


def test_where_keys_may_go() -> None:
    both = replace(PROVIDER, shared_hosts=("x.example", "*.tenants.example"))
    assert both.bound_hosts == ("api.p.example", "x.example")
    assert replace(both, key_hosts=("api.p.example",)).bound_hosts == ("api.p.example",)
    assert replace(both, key_hosts=()).bound_hosts == (), "where anybody has a host, policy names the company's own"


def test_headers_worth_keeping() -> None:
    key = "pk-" + "a" * 8
    provider = replace(PROVIDER, key_patterns=((re.compile("pk-[a-z]{8}"), "api"),))
    headers = [
        ("X-Request-ID", "r-1"),
        ("x-ratelimit-limit-tokens", "5000"),
        ("x-ratelimit-hint", "two words"),
        ("x-ratelimit-long", "x" * 200),
        ("x-project", key),
        ("set-cookie", "a=b"),
    ]
    names = ("x-request-id", "x-ratelimit-*", "x-project")
    assert provider.noted(names, headers) == {"x-request-id": "r-1", "x-ratelimit-limit-tokens": "5000"}
    assert len(provider.noted(("x-*",), [(f"x-{n}", "1") for n in range(99)])) == 16


def test_passive_is_known_and_without_content() -> None:
    assert is_passive(PROVIDER.endpoint("GET", "/v1/models"))
    assert is_passive(PROVIDER.endpoint("OPTIONS", "/v1/chat"))
    assert not is_passive(PROVIDER.endpoint("POST", "/v1/chat"))
    assert not is_passive(PROVIDER.endpoint("POST", "/v1/thing"))
    assert not is_passive(Endpoint("p", "", ""))


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/chat", True),
        ("post", "/v1/chat?x=1", True),
        ("POST", "/v1/big:stream", True),
        ("GET", "/v1/models", True),
        ("PUT", "/v1/chat", False),
        ("FOO", "/v1/chat", False),
        ("GET", "/v1/chat", False),
        ("OPTIONS", "/v1/chat", False),
        ("TRACE", "/v1/models", False),
        ("HEAD", "/v1/models", False),
        ("POST", "/v1/thing", False),
        ("POST", "/v2/chat", False),
        ("POST", "/v1/x/../chat", False),
        ("POST", "/v1/admin%2f..%2fchat", False),
        ("POST", "/v1/chat;x", False),
        ("POST", "/v1/chat?model=a", True),
        ("POST", "/v1/chat?model=a&x=1&Model=b", False),
        ("POST", "/v1/chat?model=a&d%65ployment=b", False),
    ],
)
def test_what_a_virtual_key_opens(method: str, path: str, allowed: bool) -> None:
    assert PROVIDER.allows_managed(PROVIDER.endpoint(method, path), method, path) is allowed


def test_what_a_virtual_key_opens_is_data() -> None:
    only = replace(PROVIDER, virtual_key_operations=frozenset({"files"}))
    assert only.allows_managed(only.endpoint("POST", "/v1/thing"), "POST")
    assert not only.allows_managed(only.endpoint("POST", "/v1/chat"), "POST")
    assert not only.allows_managed(Endpoint("p", "", ""), "POST")


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/models", "gemini_generate"),
        ("/v1/models?page=2", "gemini_generate"),
        ("/compat/v1/models", "openai_chat"),
        ("/nowhere", "gemini_generate"),
    ],
)
def test_what_no_dialect_reads_has_errors_like_the_nearest_path(path: str, dialect: str) -> None:
    provider = replace(
        PROVIDER,
        operations=(
            operation("GET", "/v1/models", "", "models"),
            operation("POST", "/v1/models/{model}", "gemini_generate", "generate_content"),
            operation("POST", "/compat/v1/chat", "openai_chat", "chat"),
        ),
    )
    assert provider.voice(path) == dialect
    assert replace(provider, pages=True).voice(path) == "" == Provider("q", "Q", ()).voice(path)
