from __future__ import annotations

import pytest

from weir.providers.values import JsonObject
from weir.providers.walk import Walk, is_model_name


def walked(document: JsonObject) -> Walk:
    walk = Walk({"messages": "user", "tools": "tool_definition"}, {"tool_result": "tool"}, {"inner": "system"})
    walk.take(document)
    return walk


def texts(document: JsonObject) -> list[tuple[str, str, str]]:
    return [(s.pointer, s.role, s.text) for s in walked(document).segments]


def test_roles() -> None:
    found = texts(
        {
            "messages": [
                {"role": "developer", "content": "a"},
                {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
                {"role": "somebody", "content": [{"type": "tool_result", "content": "c"}]},
            ],
            "tools": [{"role": "user", "description": "d"}],
            "other": {"inner": {"x": "e"}, "y": "f"},
        }
    )
    assert [(role, text) for _, role, text in found] == [
        ("system", "a"),
        ("assistant", "b"),
        ("tool", "c"),
        ("tool_definition", "d"),
        ("system", "e"),
        ("parameter", "f"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("type", "function", False),
        ("type", "web_search_20250305", False),
        ("type", "a type with words", True),
        ("type", "AKIA" + "1234567890123456", True),
        ("id", "call_abc-1", False),
        ("id", "0f8fad5b-d9cb-469f-a165-70867728950e", False),
        ("id", "sk-" + "x" * 30, True),
        ("$schema", "http://json-schema.org/draft-07/schema#", False),
        ("$schema", "http://elsewhere.example/?note=quarterly", True),
        ("text", "function", True),
    ],
)
def test_words_that_are_no_prose(name: str, text: str, kept: bool) -> None:
    assert bool(texts({"x": {name: text}})) == kept


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("temperature", False),
        ("additionalProperties", False),
        ("frequency_penalty", False),
        ("short key", False),
        ("ann@corp.example", True),
        ("sk_live_" + "0123456789abcdef", True),
        ("a" * 60, True),
    ],
)
def test_names_of_members(name: str, kept: bool) -> None:
    assert texts({"x": {"first": 1, name: 2}}) == ([("/x/1#key", "parameter", name)] if kept else [])


def test_numbers_long_enough_to_identify_someone() -> None:
    assert texts({"a": [4000123412341234, 12345678, True, 1.5e20], "seed": 123456789012}) == [
        ("/a/0", "parameter", "4000123412341234")
    ]


def test_model_name() -> None:
    assert texts({"model": "gpt-5"}) == []
    assert texts({"model": "tell me about x"}) == [("/model", "parameter", "tell me about x")]
    assert texts({"x": {"model": "gpt-5"}}) == [("/x/model", "parameter", "gpt-5")]
    assert not is_model_name("") and not is_model_name("m" * 300)


def test_what_the_provider_keeps() -> None:
    assert walked({"conversation": {"id": "conv_1"}, "file_id": "f"}).reasons == [
        "earlier turns kept by the provider",
        "file kept by the provider",
    ]
    assert walked({"tools": [{"properties": {"conversation": {"type": "string"}}}]}).reasons == []


def test_deep_bodies_do_not_recurse() -> None:
    document: JsonObject = {"x": "end"}
    for _ in range(5000):
        document = {"x": document}
    assert texts(document)[0][2] == "end"
