from __future__ import annotations

from dataclasses import replace

import pytest

from weir.model import Endpoint
from weir.providers.services.paths import Template
from weir.providers.services.provider import Operation, Provider, is_passive


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
    ],
)
def test_what_a_virtual_key_opens(method: str, path: str, allowed: bool) -> None:
    assert PROVIDER.allows_managed(PROVIDER.endpoint(method, path), method, path) is allowed


def test_what_a_virtual_key_opens_is_data() -> None:
    only = replace(PROVIDER, virtual_key_operations=frozenset({"files"}))
    assert only.allows_managed(only.endpoint("POST", "/v1/thing"), "POST")
    assert not only.allows_managed(only.endpoint("POST", "/v1/chat"), "POST")
    assert not only.allows_managed(Endpoint("p", "", ""), "POST")
