from __future__ import annotations

import json

from weir.model import Endpoint, Exchange
from weir.providers.formats.openai_audio_speech import OpenAIAudioSpeech

DIALECT = OpenAIAudioSpeech()
ENDPOINT = Endpoint("openai", DIALECT.id, "audio")


def test_what_is_spoken_and_how_are_texts() -> None:
    body = {"model": "gpt-4o-mini-tts", "input": "the gate opens", "instructions": "slowly", "voice": "sage"}
    found = DIALECT.parse(json.dumps(body).encode(), ENDPOINT)
    texts = {s.pointer: s.role for s in found.segments}
    assert texts["/input"] == "user" and texts["/instructions"] == "system"


def test_sound_passes_as_it_is() -> None:
    reader = DIALECT.reader(Exchange(ENDPOINT, "", False), "audio/mpeg")
    sound = bytes(range(256))
    assert reader.feed(sound) == sound and reader.close() == b""
    assert reader.reply().usage is None and reader.reply().inspection == "inspected"


def test_sound_in_events_ends_with_its_usage() -> None:
    reader = DIALECT.reader(Exchange(ENDPOINT, "", True), "text/event-stream")
    reader.feed(b'data: {"type":"speech.audio.delta","audio":"SUQzBAAAAAAAI1RTU0UAAAAP"}\n\n')
    assert not reader.reply().complete
    done = {"type": "speech.audio.done", "usage": {"input_tokens": 4, "output_tokens": 90, "total_tokens": 94}}
    reader.feed(b"data: " + json.dumps(done).encode() + b"\n\n")
    reader.close()
    used = reader.reply().usage
    assert used is not None and (used.input_tokens, used.output_tokens) == (4, 90) and reader.reply().complete
