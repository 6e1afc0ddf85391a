"""What of a request's texts is paid for as its prompt."""

from __future__ import annotations

import pytest

from weir.model import Segment
from weir.usage.prompt import is_prompt, prompt_tokens


class Words:
    """Counts words."""

    def count(self, text: str, model: str) -> int:
        return len(text.split())


@pytest.mark.parametrize(
    ("pointer", "role", "expected"),
    [
        ("/messages/0/content", "user", True),
        ("/tools/0/function/description", "tool_definition", True),
        ("#raw", "user", True),
        ("#rest#key", "user", True),
        ("#url", "parameter", False),
        ("#url/2", "parameter", False),
        ("/model#key", "parameter", False),
        ("/messages/1/content/0/signature#key", "assistant", False),
        ("/tools/0/function/parameters/properties/0#key", "tool_definition", True),
        ("#file/0/text", "user", True),
        ("#file/1/page/3", "user", True),
        ("#file/1/page/3/notes", "user", False),
        ("#file/2/word/document/text", "user", True),
        ("#file/2/sheet/1", "user", True),
        ("#file/2/sheet/1/rest", "user", False),
        ("#file/0/source", "user", False),
        ("#file/0/strings", "user", False),
        ("#file/0/name", "user", False),
        ("#file/0/", "user", False),
    ],
)
def test_what_a_model_is_given(pointer: str, role: str, expected: bool) -> None:
    assert is_prompt(Segment(pointer, role, "x")) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data:image/png;base64,iVBORw0KGgo", False),
        ("data:;base64,AAAA", False),
        ("data:text/plain;charset=utf-8;base64,AAAA", False),
        ("data: see below;base64,", True),
        ("look at data:image/png;base64,iVBO", True),
    ],
)
def test_encoded_media_are_no_text(text: str, expected: bool) -> None:
    assert is_prompt(Segment("/messages/0/content/1/image_url/url", "user", text)) is expected


def test_framing_is_for_texts_not_for_names() -> None:
    message = Segment("/messages/0/content", "user", "one two three")
    name = Segment("/tools/0/parameters/properties/0#key", "tool_definition", "city")
    address = Segment("#url", "parameter", "a b c d")
    assert prompt_tokens([message, name, address], Words(), "gpt-4o") == 3 + 4 + 1 + 3
    assert prompt_tokens([address], Words(), "gpt-4o") == 0
    assert prompt_tokens([], Words(), "gpt-4o") == 0
