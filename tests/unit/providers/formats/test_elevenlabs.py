from __future__ import annotations

import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Usage
from weir.providers.formats.elevenlabs import ElevenLabs

DIALECT = ElevenLabs()
ENDPOINT = Endpoint("elevenlabs", "elevenlabs", "audio")


def parse(doc: Any) -> Exchange:
    return DIALECT.parse(json.dumps(doc).encode(), ENDPOINT)


def test_what_is_to_be_spoken_is_the_users() -> None:
    doc = {"inputs": [{"text": "a", "voice_id": "v w"}], "model_id": "eleven_v3", "conversation_config": {"x": "b"}}
    found = parse(doc)
    assert {s.text: s.role for s in found.segments if len(s.text) == 1} == {"a": "user", "b": "system"}
    assert found.model == "eleven_v3"


@pytest.mark.parametrize(("said", "characters"), [("13", 13), (" 13 ", 13), ("0", 0), ("x", 0), ("", 0), ("9" * 40, 0)])
def test_characters_are_recorded_as_characters(said: str, characters: int) -> None:
    wanted = Usage(source="reported", parts=(("input_characters", characters),)) if characters else None
    assert DIALECT.header_usage({"character-cost": said}) == wanted


def test_speech_passes_as_it_is() -> None:
    reader = DIALECT.reader(parse({"text": "a"}), "audio/mpeg")
    data = b"ID3\x04\x00" + bytes(300)
    assert b"".join(reader.feed(data[at : at + 7]) for at in range(0, len(data), 7)) + reader.close() == data


def test_transcripts_are_texts() -> None:
    reader = DIALECT.reader(parse({"text": "a"}), "application/json")
    reader.feed(b'{"text":"hello","words":[{"text":"hello"}]}')
    reader.close()
    assert reader.reply().text == "hello"
