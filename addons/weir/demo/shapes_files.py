"""The parts of the doubles that take files: what each provider's file API answers to an upload."""

from __future__ import annotations

import re

from .shapes import CREATED, Answer, Ask, echo, ident, message

__all__ = ["anthropic_files", "gemini_files", "openai_files"]

_FIELD = rb'name="%s"\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--'
_NAME = re.compile(rb'filename="([^"]{0,200})"')


def _field(ask: Ask, name: str) -> str:
    found = re.search(_FIELD % name.encode(), ask.body, re.DOTALL)
    return found[1].decode("utf-8", "replace") if found else ""


def _filename(ask: Ask) -> str:
    found = _NAME.search(ask.body)
    return found[1].decode("utf-8", "replace") if found else ""


def openai_files(ask: Ask) -> Answer | None:
    """Files and transcripts; a transcript repeats the prompt that came with the sound. None for other paths."""
    if ask.method != "POST":
        return None
    if ask.path == "/v1/files":
        value = {"id": ident("file-", ask), "object": "file", "bytes": len(ask.body), "created_at": CREATED}
        more = {"filename": _filename(ask), "purpose": _field(ask, "purpose"), "status": "processed"}
        return message(200, {**value, **more})
    if ask.path in ("/v1/audio/transcriptions", "/v1/audio/translations"):
        return message(200, {"text": echo(ask, _field(ask, "prompt"))})
    return None


def anthropic_files(ask: Ask) -> Answer | None:
    """The beta files API; None for other paths."""
    if (ask.method, ask.path) != ("POST", "/v1/files"):
        return None
    value = {"id": ident("file_", ask), "type": "file", "filename": _filename(ask), "mime_type": "application/pdf"}
    more = {"size_bytes": len(ask.body), "created_at": "2026-01-01T00:00:00Z", "downloadable": False}
    return message(200, {**value, **more})


def gemini_files(ask: Ask) -> Answer | None:
    """Resumable uploads: the first request gets an address, the next ones bring the file. None for other paths."""
    if ask.method != "POST" or ask.path not in ("/upload/v1beta/files", "/upload/v1/files"):
        return None
    command = ask.headers.get("x-goog-upload-command", "")
    if command == "start":
        host = ask.headers.get("host", "generativelanguage.googleapis.com")
        address = f"https://{host}{ask.path}?upload_id={ident('', ask)}&upload_protocol=resumable"
        return message(200, {}, (("X-Goog-Upload-URL", address), ("X-Goog-Upload-Status", "active")))
    if "finalize" not in command:
        return message(200, {}, (("X-Goog-Upload-Status", "active"),))
    file = {"name": f"files/{ident('', ask)}", "sizeBytes": str(len(ask.body)), "state": "ACTIVE", "uri": "https://x"}
    return message(200, {"file": file}, (("X-Goog-Upload-Status", "final"),))
