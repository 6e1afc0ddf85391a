"""Pictures, sounds and films by their first bytes."""

from __future__ import annotations

import pytest

from weir.magic import SURE, contained, is_sound


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio"),
        (b"RIFF\x10\x00\x00\x00AVI LIST", "video"),
        (b"RIFF\x10\x00\x00\x00sfbkLIST", ""),
        (b"\x00\x00\x00\x18ftypavif", "image"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio"),
        (b"\x00\x00\x00\x18ftypisom", "video"),
        (b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36", "image"),
        (b"BM is a name", ""),
        (b"", ""),
    ],
)
def test_containers(head: bytes, kind: str) -> None:
    assert contained(head) == kind


def test_sound_without_a_container() -> None:
    assert is_sound(b"\xff\xfb\x90\x64") and is_sound(b"ID3\x04\x00\x00\x00\x00\x01\x00")
    assert not is_sound(b"ID3 is a tag") and not is_sound(b"\xff\xff\xff") and not is_sound(b"")


def test_a_sort_of_riff_that_is_not_known_is_what_the_caller_says() -> None:
    assert contained(b"RIFF\x10\x00\x00\x00sfbkLIST", riff="video") == "video"


def test_no_sure_beginning_could_be_the_beginning_of_a_text() -> None:
    words = {start for start, _ in SURE if start.isalnum()}
    assert words == {b"GIF87a", b"GIF89a"}
    assert {kind for _, kind in SURE} == {"image", "audio", "video"}
