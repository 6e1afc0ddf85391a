"""Whatever bytes are called a picture: a count or a word, never an exception."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.model import Attachment
from weir.usage.multimodal import media_tokens
from weir.usage.pictures import picture_size, sound_seconds

STARTS = st.sampled_from(
    [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"GIF89a",
     b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", b"RIFF\0\0\0\0WEBPVP8 ",
     b"RIFF\0\0\0\0WEBPVP8L", b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WAVEfmt "]
)  # fmt: skip
MODELS = st.sampled_from(["gpt-4o", "gpt-4.1-mini", "claude-3", "claude-opus-4-8", "gemini-2", "llama", ""])


@given(STARTS, st.binary(max_size=200), MODELS, st.text(max_size=20))
def test_total(start: bytes, rest: bytes, model: str, media_type: str) -> None:
    data = start + rest
    size, seconds = picture_size(data), sound_seconds(data)
    assert size is None or min(size) >= 1
    assert seconds is None or seconds >= 0
    found = media_tokens([Attachment("/x", data, media_type=media_type)], model)
    assert found.tokens >= 0 and (found.tokens == 0 or not found.partial)
