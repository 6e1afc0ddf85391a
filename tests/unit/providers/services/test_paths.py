from __future__ import annotations

import pytest

from weir.providers.services.paths import Template, is_plain_path, readings, split_query


@pytest.mark.parametrize(
    ("path", "plain", "query"),
    [
        ("/a?alt=sse&x=", "/a", {"alt": "sse", "x": ""}),
        ("/a", "/a", {}),
        ("/a#?b", "/a", {}),
        ("https://h.example/a/b?c=1", "/a/b", {"c": "1"}),
        ("http://h.example", "/", {}),
        ("/a?x=1&x=2", "/a", {"x": "2"}),
    ],
)
def test_split(path: str, plain: str, query: dict[str, str]) -> None:
    assert split_query(path) == (plain, query)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "//v1///chat/completions/",
        "/v1/./chat/x/../completions",
        "/v1/%2e/chat/x/%2E%2e/completions",
        "/%76%31/chat/completions",
        "/v1%2Fchat%2fcompletions",
        "/v1\\chat\\completions",
        "/v1;a=b/chat;c/completions",
        "/../v1/chat/completions",
    ],
)
def test_spellings_of_one_path(path: str) -> None:
    assert ("v1", "chat", "completions") in readings(path)


def test_an_encoded_slash_may_belong_to_a_name() -> None:
    assert readings("/models/a%2Fb:go")[0] == ("models", "a/b:go")


def test_templates() -> None:
    template = Template.parse("/v1beta/models/{model}:generateContent")
    assert template.match(("v1beta", "models", "gemini-2.5-Pro:generateContent")) == {"model": "gemini-2.5-Pro"}
    assert template.match(("V1BETA", "Models", "m:GENERATECONTENT")) == {"model": "m"}
    assert template.match(("v1beta", "models", ":generateContent")) is None
    assert template.match(("v1beta", "models", "m:countTokens")) is None
    assert template.match(("v1beta", "models")) is None
    assert template.match_end(("x", "v1beta", "models", "m:generateContent"), 1) == {"model": "m"}
    assert template.match_end(("x", "y", "v1beta", "models", "m:generateContent"), 1) is None


def test_a_name_of_several_segments() -> None:
    template = Template.parse("/models/{model}/{model}/predictions")
    assert template.match(("models", "meta", "llama-3", "predictions")) == {"model": "meta/llama-3"}
    assert template.match(("models", "llama-3", "predictions")) is None


def test_the_root() -> None:
    assert Template.parse("/").match(readings("/?a=b".partition("?")[0])[0]) == {}
    assert Template.parse("/").match(("x",)) is None


@pytest.mark.parametrize("text", ["v1", "/a//b", "/a?b", "/{a}{b}", "/{a", "/a}", "/{A B}"])
def test_bad_templates(text: str) -> None:
    with pytest.raises(ValueError):
        Template.parse(text)


def test_the_more_specific_template_comes_first() -> None:
    assert Template.parse("/a/b").weight > Template.parse("/a/{x}").weight


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/chat/completions/", "/v1/models/a:go?x=/../;y#z", "/v1/m%3Ago"]
)
def test_plain_paths(path: str) -> None:
    assert is_plain_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "", "v1", "//v1/x", "/v1//x", "/v1/./x", "/v1/x/..", "/v1/%2e%2e/x", "/v1%2Fx", "/v1%5cx", "/v1\\x", "/v1;a/x",
        "/v1#x", "/v1/%252e", "/v1/x%00", "/v1/x%0d", "/v1/é", "https://h.example/v1",
    ],
)  # fmt: skip
def test_paths_that_servers_read_in_several_ways(path: str) -> None:
    assert not is_plain_path(path)
