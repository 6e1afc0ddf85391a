from __future__ import annotations

import json

from weir.demo.shapes import Ask
from weir.demo.shapes_files import anthropic_files, gemini_files, openai_files

BODY = (
    b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nlisten\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
    b"Content-Type: audio/wav\r\n\r\nRIFF\r\n--x--\r\n"
)


def test_openai() -> None:
    done = openai_files(Ask("POST", "/v1/files", body=BODY))
    assert done and json.loads(done.body)["filename"] == "a.wav"
    said = openai_files(Ask("POST", "/v1/audio/transcriptions", body=BODY))
    assert said and json.loads(said.body) == {"text": "You said: listen"}
    assert openai_files(Ask("GET", "/v1/files")) is None and openai_files(Ask("POST", "/v1/other")) is None


def test_anthropic() -> None:
    done = anthropic_files(Ask("POST", "/v1/files", body=BODY))
    assert done and json.loads(done.body)["size_bytes"] == len(BODY)
    assert anthropic_files(Ask("POST", "/v1/messages")) is None


def test_gemini_uploads_in_two_steps() -> None:
    start = gemini_files(Ask("POST", "/upload/v1beta/files", headers={"x-goog-upload-command": "start", "host": "h"}))
    assert start and dict(start.headers)["X-Goog-Upload-URL"].startswith("https://h/upload/v1beta/files?upload_id=")
    more = gemini_files(Ask("POST", "/upload/v1/files", headers={"x-goog-upload-command": "upload"}))
    assert more and dict(more.headers)["X-Goog-Upload-Status"] == "active"
    last = gemini_files(
        Ask("POST", "/upload/v1/files", headers={"x-goog-upload-command": "upload, finalize"}, body=b"x")
    )
    assert last and json.loads(last.body)["file"]["sizeBytes"] == "1"
    assert gemini_files(Ask("POST", "/v1beta/files")) is None
