from __future__ import annotations

import pytest

from weir.providers.media import is_base64, is_opaque, opaque_members, uri_reason
from weir.providers.values import JsonObject

CODED = "iVBORw0KGgoAAAANSUhEUg" * 4


@pytest.mark.parametrize(
    ("name", "text", "want"),
    [
        ("url", "data:image/png;base64," + CODED, ("image", False)),
        ("url", "DATA:Audio/wav;codec=1;base64," + CODED, ("audio", False)),
        ("file_data", "data:application/pdf;base64," + CODED, ("file", False)),
        ("url", "data:image/png;base64,not base64 at all", ("", True)),
        ("url", "data:text/plain,hello", ("", True)),
        ("image_url", "https://h.example/x", ("remote image", True)),
        ("fileUri", "https://h.example/x", ("remote file", True)),
        ("text", "https://h.example/x", ("", True)),
    ],
)
def test_uris(name: str, text: str, want: tuple[str, bool]) -> None:
    assert uri_reason(name, text) == want


@pytest.mark.parametrize(
    ("value", "name", "members", "reason"),
    [
        ({"type": "base64", "media_type": "image/png", "data": CODED}, "source", {"data": "image"}, ""),
        ({"type": "base64", "media_type": "application/pdf", "data": CODED}, "source", {"data": "file"}, ""),
        ({"mimeType": "video/mp4", "data": CODED}, "inlineData", {"data": "video"}, ""),
        ({"data": CODED, "format": "wav"}, "input_audio", {"data": "audio"}, ""),
        ({"b64_json": CODED}, "", {"b64_json": "image"}, ""),
        ({"type": "redacted_thinking", "data": CODED}, "", {"data": ""}, ""),
        ({"type": "text", "media_type": "text/plain", "data": CODED}, "source", {}, ""),
        ({"media_type": "image/png", "data": "plain words"}, "source", {}, ""),
        ({"media_type": "image/png", "data": "short"}, "source", {}, ""),
        ({"data": CODED}, "args", {}, ""),
        ({"url": "https://h.example"}, "image_url", {}, "remote image"),
        ({"url": "data:image/png;base64," + CODED}, "image_url", {}, ""),
        ({"type": "url", "url": "https://h.example"}, "source", {}, "remote file"),
        ({"url": "https://h.example"}, "link", {}, ""),
    ],
)
def test_objects(value: JsonObject, name: str, members: dict[str, str], reason: str) -> None:
    assert opaque_members(value, name) == (members, reason)


def test_seals() -> None:
    assert is_opaque("signature", CODED)
    assert not is_opaque("signature", CODED[:40])
    assert not is_opaque("signature", CODED + " words")
    assert not is_opaque("text", CODED)


def test_base64() -> None:
    assert is_base64("aGk=") and is_base64("a-_b")
    assert not is_base64("") and not is_base64("a b")
