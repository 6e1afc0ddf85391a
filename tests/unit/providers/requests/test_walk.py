from __future__ import annotations

import base64
import json

import pytest

from weir.providers.requests.walk import KEY_SUFFIX, REST, Walk
from weir.providers.wire.jsondoc import loads
from weir.providers.wire.values import JsonObject

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(100)).decode()
KEY = "sk_live_" + "0123456789abcdef"


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
    ("name", "text", "pointer"),
    [
        ("type", "function", ""),
        ("type", "web_search_20250305", "/x/type#key"),
        ("type", "a type with words", "/x/type"),
        ("type", "AKIA" + "1234567890123456", "/x/type"),
        ("type", "AKIA" + "ABCDEFGHIJKLMNOP", "/x/type#key"),
        ("id", "call_aB3-1", "/x/id#key"),
        ("id", "call_" + KEY, "/x/id#key"),
        ("tool_call_id", "call_" + "ghp_" + "Ab0" * 12, "/x/tool_call_id#key"),
        ("id", "a1", ""),
        ("id", "0f8fad5b-d9cb-469f-a165-70867728950e", "/x/id#key"),
        ("id", "sk-" + "x" * 30, "/x/id"),
        ("$schema", "http://json-schema.org/draft-07/schema#", ""),
        ("$schema", "http://json-schema.org/AKIA" + "1234567890123456", "/x/$schema"),
        ("$schema", "http://elsewhere.example/?note=quarterly", "/x/$schema"),
        ("text", "function", "/x/text"),
        ("signature", "Ab0/" * 30, "/x/signature#key"),
        ("signature", "github_pat_" + "Ab0_" * 20, "/x/signature#key"),
        ("signature", "words of a person", "/x/signature"),
        ("content", "data:;base64,AKIA" + "1234567890123456", "/x/content"),
        ("bytes", "github_pat_" + "Ab0_" * 20, "/x/bytes"),
    ],
)
def test_every_text_is_handed_on_but_plain_words(name: str, text: str, pointer: str) -> None:
    assert texts({"x": {name: text}}) == ([(pointer, "parameter", text)] if pointer else [])


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("temperature", False),
        ("additionalProperties", False),
        ("frequency_penalty", False),
        ("short", False),
        ("a b c d", True),
        ("a@b.co", True),
        ("078-05-1120", True),
        ("ann@corp.example", True),
        (KEY, True),
        ("a" * 60, True),
    ],
)
def test_names_of_members(name: str, kept: bool) -> None:
    assert texts({"x": {"first": 1, name: 2}}) == ([("/x/1#key", "parameter", name)] if kept else [])


def test_a_name_or_id_that_comes_again_is_read_once() -> None:
    assert len(texts({"x": [{"id": "call_aB3-1"}, {"id": "call_aB3-1", "a b c d": 1}, {"a b c d": 2}]})) == 2


@pytest.mark.parametrize(
    ("literal", "pointer", "text"),
    [
        ("4000123412341234", "/x", "4000123412341234"),
        ("-4000123412341234", "/x", "-4000123412341234"),
        ("12345678", "", ""),
        ("4000123412341234.0", "/x", "4000123412341234.0"),
        ("4.000123412341234e15", "/x#key", "4.000123412341234 4000123412341234"),
        ("4000123412341234E-3", "/x#key", "4000123412341234 4000123412341"),
        ("1e400", "", ""),
        ("4000123412341234e99", "/x#key", "4000123412341234"),
        ("0.30000000000000004", "", ""),
        ("0.400012341234123412341", "/x", "0.400012341234123412341"),
        ("1.5", "", ""),
        ("true", "", ""),
    ],
)
def test_numbers_long_enough_to_identify_someone(literal: str, pointer: str, text: str) -> None:
    for name in ("x", "seed"):
        document = loads(f'{{"{name}": {literal}}}'.encode())
        assert isinstance(document, dict)
        want = [(pointer.replace("x", name), "parameter", text)] if pointer else []
        assert texts(document) == want


def test_model_name() -> None:
    assert texts({"model": "gpt-5-mini"}) == [("/model#key", "parameter", "gpt-5-mini")]
    assert texts({"model": KEY}) == [("/model#key", "parameter", KEY)]
    assert texts({"model": "tell me about x"}) == [("/model", "parameter", "tell me about x")]
    assert texts({"x": {"model": "gpt-5"}}) == [("/x/model", "parameter", "gpt-5")]


def test_media_stay_out_of_the_texts_and_are_handed_on() -> None:
    walk = walked({"messages": [{"content": [{"image_url": {"url": "data:image/png;base64," + PNG}}]}]})
    assert (walk.segments, walk.reasons) == ([], [])
    assert [(a.pointer, a.media_type, a.data) for a in walk.attachments] == [
        ("/messages/0/content/0/image_url/url", "image/png", base64.b64decode(PNG))
    ]
    walk = walked({"source": {"media_type": "image/png", "data": PNG}, "title": "river.png"})
    assert [s.text for s in walk.segments] == ["river.png"] and len(walk.attachments) == 1


def test_a_file_has_its_name_and_the_role_of_its_place() -> None:
    note = "a note with an account number in it, long enough to be a file of its own"
    coded = "data:text/plain;base64," + base64.b64encode(note.encode()).decode()
    walk = walked({"messages": [{"role": "tool", "file": {"file_data": coded, "filename": "note.txt"}}]})
    assert ("/messages/0/file/file_data", coded) in [(s.pointer, s.text) for s in walk.segments]
    assert [(a.name, a.role, a.data) for a in walk.attachments] == [("note.txt", "tool", note.encode())]


def test_what_is_no_base64_after_all_is_said() -> None:
    walk = walked({"image_url": {"url": "data:image/png;base64," + PNG.rstrip("=")[:-3]}})
    assert len(walk.attachments) == 1 and walk.reasons == ["image"] and len(walk.segments) == 1


def test_what_the_provider_keeps() -> None:
    assert walked({"conversation": {"id": "conv_1"}, "file_id": "f"}).reasons == [
        "earlier turns kept by the provider",
        "file kept by the provider",
    ]
    assert walked({"tools": [{"properties": {"conversation": {"type": "string"}}}]}).reasons == []


def test_deep_bodies_do_not_recurse() -> None:
    document: JsonObject = {"x": "the end"}
    for _ in range(5000):
        document = {"x": document}
    assert texts(document)[0][2] == "the end"


@pytest.mark.parametrize(
    "document",
    [
        {"k" * 300_000: [f"text {n}" for n in range(8000)]},
        {"x": [f"text {n}" for n in range(100_000)]},
        {f"name {n} of many": n for n in range(100_000)},
    ],
)
def test_what_is_too_much_to_keep_apart_is_kept_together(document: JsonObject) -> None:
    walk = walked(document)
    assert len(walk.segments) <= 20_001
    assert sum(len(s.pointer) for s in walk.segments) < 5_000_000
    assert walk.segments[-1].pointer == REST and REST.endswith(KEY_SUFFIX)
    whole = "\n".join(segment.text for segment in walk.segments)
    assert all(
        text in whole for text in ("text 7999", "text 99999", "name 99999 of many") if text in json.dumps(document)
    )


def test_roles_as_cohere_writes_them() -> None:
    found = texts({"messages": [{"role": role, "message": role} for role in ("SYSTEM", "USER", "CHATBOT", "TOOL")]})
    assert [role for pointer, role, _ in found if pointer.endswith("/message")] == [
        "system",
        "user",
        "assistant",
        "tool",
    ]


def test_a_list_of_pictures() -> None:
    walk = walked({"messages": [{"images": [PNG, "data:image/png;base64," + PNG, "what this is not"]}]})
    assert [a.data[:4] for a in walk.attachments] == [b"\x89PNG", b"\x89PNG"]
    assert [s.text for s in walk.segments] == ["what this is not"]


@pytest.mark.parametrize(
    ("member", "reason"), [("s3Location", "remote file"), ("promptVariables", "prompt kept by the provider")]
)
def test_what_bedrock_keeps(member: str, reason: str) -> None:
    assert walked({"messages": [{member: {"uri": "s3://b/c"}}]}).reasons == [reason]
    assert walked({"tools": [{member: {"uri": "s3://b/c"}}]}).reasons == []
