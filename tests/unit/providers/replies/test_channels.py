from __future__ import annotations

import json

import pytest

from golden.swap import VALUE, WORD, Swap
from weir.providers.replies.channels import Channels

ESCAPED = json.dumps(VALUE)[1:-1]


def run(text: str, size: int, words: dict[str, str] | None = None) -> str:
    channels = Channels(Swap({WORD: VALUE} if words is None else words))
    out = "".join(channels.feed("c", text[at : at + size], inner=True) for at in range(0, len(text), size))
    return out + channels.flush("c")


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    ("text", "want"),
    [
        (f'{{"a": "{WORD}"}}', f'{{"a": "{ESCAPED}"}}'),
        (f'  ["{WORD}", "x{WORD}y"]', f'  ["{ESCAPED}", "x{ESCAPED}y"]'),
        (f'"{WORD}"', f'"{ESCAPED}"'),
        ('{"a": "\\u003cEMAIL_ADDRESS_1\\u003E"}', f'{{"a": "{ESCAPED}"}}'),
        ('{"a": "\\/\\u00e9 \\ud83d\\ude00\\n", "b": 1.0e5}', '{"a": "\\/\\u00e9 \\ud83d\\ude00\\n", "b": 1.0e5}'),
        ('{"a": "\\ud83d"}', '{"a": "\\ud83d"}'),
        ('{"a": "\\ud83d\\n\\ude00"}', '{"a": "\\ud83d\\n\\ude00"}'),
        ('{"a": "\\ud83d\\ud83d\\ude00"}', '{"a": "\\ud83d\\ud83d\\ude00"}'),
        ('{"a": "<EMAIL_"}', '{"a": "<EMAIL_"}'),
        ('{"a": "cut \\u00', '{"a": "cut \\u00'),
        ('{"a": "bad \\u00zz \\q"}', '{"a": "bad \\u00zz \\q"}'),
        (f"plain {WORD}.", f"plain {VALUE}."),
        ("", ""),
    ],
)
def test_json_inside_text(text: str, want: str, size: int) -> None:
    assert run(text, size) == want


def test_strings_do_not_run_into_each_other() -> None:
    text = '["<EMAIL_", "ADDRESS_1>"]'
    assert run(text, 1000) == text


def test_an_ordinary_text_is_mapped_as_it_is() -> None:
    channels = Channels(Swap({WORD: VALUE}))
    assert channels.feed("c", '{"' + WORD, inner=False) == '{"' + VALUE
    assert channels.feed("c", "<EM", inner=False) == ""
    assert channels.flush("c") == "<EM"
    assert channels.flush("c") == ""


def test_whole_texts_hold_nothing_back() -> None:
    channels = Channels(Swap({WORD: VALUE}))
    assert channels.whole("<EMAIL", inner=False) == "<EMAIL"
    assert channels.whole(f'["{WORD}', inner=True) == f'["{ESCAPED}'


class Accounts:
    """Takes out account numbers, by the name before them."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def feed(self, channel: str, text: str) -> str:
        self.kept[channel] = self.kept.get(channel, "") + text
        return ""

    def flush(self, channel: str) -> str:
        return self.kept.pop(channel, "").replace("account: 4111111111111111", "account: [OUT]")


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('{"account": 4111111111111111}', '{"account": "[OUT]"}'),
        ('{"account":4111111111111111,"b":1.5e9}', '{"account":"[OUT]","b":1.5e9}'),
        ('{"other": 4111111111111111, "c": [123456789]}', '{"other": 4111111111111111, "c": [123456789]}'),
        ('{"account": 41111111', '{"account": 41111111'),
        ("{" + "9" * 1000 + "}", "{" + "9" * 1000 + "}"),
    ],
)
def test_numbers_are_looked_at_by_their_names(text: str, want: str, size: int) -> None:
    channels = Channels(Accounts())
    out = "".join(channels.feed("c", text[at : at + size], inner=True) for at in range(0, len(text), size))
    assert out + channels.flush("c") == want
