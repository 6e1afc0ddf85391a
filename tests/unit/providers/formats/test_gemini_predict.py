from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from weir.model import Endpoint, Exchange, Inspection, Reply
from weir.providers.formats.gemini_predict import GeminiPredict

DIALECT = GeminiPredict()
ENDPOINT = Endpoint("google-vertex", "gemini_predict", "predict", model="imagen-4")


def parse(doc: Any) -> Exchange:
    return DIALECT.parse(json.dumps(doc).encode(), ENDPOINT)


def read(doc: Any) -> Reply:
    reader = DIALECT.reader(Exchange(ENDPOINT, "m", False), "application/json")
    reader.feed(json.dumps(doc).encode())
    reader.close()
    return reader.reply()


def test_pictures_of_a_request_are_attachments() -> None:
    picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(80)).decode()
    found = parse({"instances": [{"prompt": "p", "image": {"bytesBase64Encoded": picture, "mimeType": "image/png"}}]})
    assert [a.media_type for a in found.attachments] == ["image/png"]
    assert not any(s.text == picture for s in found.segments)


@pytest.mark.parametrize(
    ("doc", "reason"),
    [
        ({"predictions": [{"bytesBase64Encoded": "iVBO", "mimeType": "image/png"}]}, "image"),
        ({"response": {"generateVideoResponse": {"generatedSamples": [{"video": {"uri": "u"}}]}}}, "remote file"),
        ({"response": {"videos": [{"gcsUri": "gs://b/v.mp4"}]}}, "remote file"),
    ],
)
def test_what_was_made_is_marked(doc: Any, reason: str) -> None:
    reply = read(doc)
    assert reply.inspection is Inspection.PARTIAL and reply.reason == reason and reply.text == ""


def test_older_text_models_tell_tokens() -> None:
    tokens = {"inputTokenCount": {"totalTokens": 6}, "outputTokenCount": {"totalTokens": 9}}
    reply = read({"predictions": [{"content": "hi"}], "metadata": {"tokenMetadata": tokens}})
    assert reply.text == "hi" and reply.usage and (reply.usage.input_tokens, reply.usage.output_tokens) == (6, 9)


def test_settings_stand_among_the_parameters() -> None:
    assert parse({"instances": [], "parameters": {"sampleCount": 3, "seed": 1}}).parameters == {"n": 3, "seed": 1}
