"""The published rules against the examples that were published with them."""

from __future__ import annotations

from math import ceil

import pytest
import yaml

from unit.usage.test_pictures import gif, jpeg, png, sound
from weir.model import Attachment
from weir.usage import multimodal
from weir.usage.multimodal import MediaTokens, image_tokens, media_tokens, sound_tokens


@pytest.mark.parametrize(
    ("model", "width", "height", "tokens"),
    [
        ("gpt-4o", 1024, 1024, 765),
        ("gpt-4o-2024-08-06", 2048, 4096, 1105),
        ("openai/gpt-4.1", 512, 512, 255),
        ("gpt-4o-mini", 512, 512, 2833 + 5667),
        ("gpt-4.1-mini", 1024, 1024, ceil(1024 * 1.62)),
        ("gpt-4.1-mini", 1800, 2400, ceil(1452 * 1.62)),
        ("gpt-5-mini", 2048, 768, 1844),
        ("gpt-5-mini-2025-08-07", 256, 256, 77),
        ("claude-sonnet-4-5", 200, 200, 54),
        ("claude-3-5-sonnet-latest", 1092, 1092, 1590),
        ("claude-sonnet-4-5", 8000, 8000, 1600),
        ("claude-opus-4-8", 8000, 8000, 4784),
        ("gemini-2.5-flash", 384, 384, 258),
        ("gemini-2.5-flash", 385, 10, 258),
        ("gemini-2.0-flash", 960, 540, 2 * 258),
        ("gemini-3-pro", 1536, 1536, 4 * 258),
    ],
)
def test_a_picture(model: str, width: int, height: int, tokens: int) -> None:
    assert image_tokens(width, height, model) == tokens


@pytest.mark.parametrize("size", [(1, 1), (1, 65_535), (65_535, 1), (65_535, 65_535), (33, 31), (5000, 40)])
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-nano", "gpt-5", "claude-opus-4-8", "claude", "gemini"])
def test_any_size_has_a_count_within_bounds(model: str, size: tuple[int, int]) -> None:
    tokens = image_tokens(*size, model)
    assert tokens is not None and 1 <= tokens <= (2_000_000 if model == "gemini" else 5_000)


def test_no_rule_no_guess() -> None:
    assert image_tokens(100, 100, "llama-4-scout") is None
    assert image_tokens(0, 100, "gpt-4o") is None
    assert sound_tokens(3, "claude-sonnet-4-5") is None


def test_sound() -> None:
    assert sound_tokens(10, "gemini-2.5-pro") == 320
    assert sound_tokens(0.5, "gpt-4o-audio-preview") == 5
    assert sound_tokens(-1, "gemini") == 0


def test_attachments_are_added_up_and_what_is_missing_is_named() -> None:
    def of(data: bytes, media_type: str = "") -> Attachment:
        return Attachment("/x", data, media_type=media_type)

    found = media_tokens([of(png(384, 384)), of(jpeg(384, 384)), of(sound(1.0))], "gemini-2.5-pro")
    assert (found, found.partial) == (MediaTokens(258 + 258 + 32), False)
    odd = [of(b"%PDF-1.7", "application/pdf"), of(b"ID3", "Audio/mpeg"), of(b"", "image/png"), of(gif(9, 9))]
    left = media_tokens(odd, "gpt-4o")
    assert (left.tokens, left.uncounted, left.partial) == (255, ("file", "audio", "image"), True)
    assert media_tokens([of(png(9, 9))], "some-model").uncounted == ("image",)
    assert media_tokens([], "gpt-4o") == MediaTokens()


def test_every_entry_says_whether_it_was_checked_and_has_a_rule() -> None:
    table = yaml.safe_load(multimodal._TABLE.read_text())
    for entry in (*table["images"], *table["audio"]):
        assert isinstance(entry["checked"], bool) and entry["needles"]
        assert all(needle == needle.lower() for needle in entry["needles"])
    for entry in table["images"]:
        assert image_tokens(700, 500, entry["needles"][0]), entry
