"""What in a request is not text: pictures, sound, files, things that only the provider can open or look up."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from weir.magic import SURE, contained, is_sound
from weir.providers.wire.values import Json, JsonObject, get_text

__all__ = [
    "ADDRESSES",
    "DOCUMENTS",
    "HIDDEN",
    "SEALED",
    "Encoded",
    "encoded",
    "is_base64",
    "is_seal",
    "magic",
    "may_be_data",
    "points_elsewhere",
    "remote",
]

_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]+")
# However odd its parameters: a browser's reader takes everything up to the comma.
_DATA_URI = re.compile(r"\s*data:([^;,]{0,120}+)[^,]{0,400}?;\s*base64\s*,", re.IGNORECASE)
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_STRANGE = re.compile(r"[^A-Za-z0-9+/_-]+")
_STRANGE_SHARE: Final = 16  # one in so many characters may be none of base64, or it is no base64 at all
# How documents and archives begin in base64: PDF, ZIP, old office files, gzip, 7z, RTF.
DOCUMENTS: Final = ("JVBERi", "UEsDB", "0M8R4KGx", "H4sI", "N3q8rycc", "e1xydGY")
_SHORT: Final = 64  # characters below which no media fit
_HEAD: Final = 88  # characters whose bytes tell what they are

# Members that hold encoded media when their neighbours say so, or that never hold anything else.
_DATA: Final = frozenset(
    {"data", "file_data", "b64_json", "bytes", "imageBytes", "videoBytes", "audioBytes", "image_data"}
    | {"bytesBase64Encoded"}
)
_DECLARES: Final = frozenset({"media_type", "mime_type", "mimeType", "format", "filename", "fileName", "displayName"})
_NAMES: Final = ("filename", "fileName", "displayName", "title", "name")
_HOLDERS: Final = frozenset({"input_audio", "inlineData", "inline_data"})
# Written by the provider, checked by it when they come back, unreadable for anyone else.
SEALED: Final = frozenset(
    {"signature", "encrypted_content", "thoughtSignature", "thought_signature", "encrypted_index", "redactedContent"}
)
_REMOTE: Final = frozenset(
    {"image_url", "imageUrl", "video_url", "audio_url", "file_url", "document_url", "fileUri", "file_uri"}
)
ADDRESSES: Final = _REMOTE | _DATA | {"url", "uri", "image", "audio", "video", "images"}

# Members that stand for text the provider keeps and the request doesn't show: member → reason.
HIDDEN: Final = {
    "previous_response_id": "earlier turns kept by the provider",
    "conversation": "earlier turns kept by the provider",
    "previous_interaction_id": "earlier turns kept by the provider",
    "cachedContent": "prompt kept by the provider",
    "cached_content": "prompt kept by the provider",
    "file_id": "file kept by the provider",
    "prompt_id": "prompt kept by the provider",
    "promptVariables": "prompt kept by the provider",
    "s3Location": "remote file",
}

_NAMED: Final = {
    "input_audio": "audio",
    "audioBytes": "audio",
    "b64_json": "image",
    "imageBytes": "image",
    "image_data": "image",
    "images": "image",
    "videoBytes": "video",
}
_STARTS: Final = (
    *SURE,
    (b"%PDF-", "file"),
    (b"PK\x03\x04", "file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file"),
)


class Encoded(NamedTuple):
    """A string that stands for bytes.

    ``data``: the bytes, which whoever gets them has to read. ``reason``: why there are none, and then nobody sees what
    the string stands for. ``readable``: the string itself is worth reading, as it may be no such encoding. ``name`` and
    ``media_type`` are what the request calls the bytes.
    """

    reason: str
    readable: bool
    data: bytes = b""
    media_type: str = ""
    name: str = ""


def is_base64(text: str) -> bool:
    """True when ``text`` is made of base64 characters only (either alphabet)."""
    return _BASE64.fullmatch(text) is not None


def magic(head: bytes) -> str:
    """What media begin with the bytes ``head``: image, audio, video, file; ``""`` when these are no known media."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    return contained(head) or ("audio" if is_sound(head) else "")


def encoded(name: str, text: str, parent: JsonObject | None, parent_name: str) -> Encoded | None:
    """How the string ``text`` at member ``name`` of ``parent`` (itself at ``parent_name``) encodes bytes, if it does.

    All of it is handed on as bytes. What does not begin like known media is read as it stands, too: it may only claim
    to be an encoding. A ``data:`` address and the beginning of a document in base64 count under any name.
    """
    if len(text) < _SHORT and name not in ADDRESSES:
        return None
    uri = _DATA_URI.match(text) if may_be_data(text) else None
    if uri is not None:
        payload = text[uri.end() :]
        return _examined(unquote(payload) if _PERCENT.search(payload) else payload, uri[1].strip(), name, parent)
    if len(text) < _SHORT:
        return None
    if name == "images" and parent is None:
        return _examined(text, "", name, {})  # a list of nothing but pictures
    if not text.startswith(DOCUMENTS):
        if parent is None or name not in _DATA or parent.get("type") == "text":
            return None
        if name == "data" and parent_name not in _HOLDERS and _DECLARES.isdisjoint(parent):
            return None
    parent = parent or {}
    declared = get_text(parent, "media_type") or get_text(parent, "mime_type") or get_text(parent, "mimeType")
    return _examined(text, declared, parent_name if name == "data" else name, parent)


def may_be_data(text: str) -> bool:
    """True when ``text`` may be a ``data:`` address: cheap, for every string there is."""
    return text[:5].lower() == "data:" or (text[:1].isspace() and text[:64].lstrip()[:5].lower() == "data:")


def is_seal(name: str, text: str, parent: JsonObject | None) -> bool:
    """True for a seal of the provider's own (a signature, encrypted reasoning), which nobody may edit."""
    if name == "data":
        return parent is not None and parent.get("type") == "redacted_thinking" and is_base64(text)
    return name in SEALED and len(text) >= _SHORT and is_base64(text)


def remote(name: str, text: str) -> str:
    """Why the address ``text`` at member ``name`` keeps content from us; ``""`` when it does not."""
    if name not in _REMOTE or _is_data(text):
        return ""
    return f"remote {name.partition('_')[0].removesuffix('Url').removesuffix('Uri')}"


def points_elsewhere(value: JsonObject, name: str) -> str:
    """Why the object ``value`` at member ``name`` keeps content from us: it is an address; ``""`` when it is none."""
    if "url" not in value:
        return ""
    if name in _REMOTE and not _is_data(value["url"]):
        return f"remote {name.partition('_')[0]}"
    return "remote file" if value.get("type") == "url" else ""


def _examined(payload: str, declared: str, name: str, parent: JsonObject | None) -> Encoded | None:
    strict = payload.replace("\r", "").replace("\n", "") if "\n" in payload and " " not in payload else payload
    data = _decoded(strict) if is_base64(strict) else None
    reason = ""
    if data is None:
        # Many readers pass over what does not belong there: they see a file.
        bare = _STRANGE.sub("", payload)
        if (len(payload) - len(bare)) * _STRANGE_SHARE > len(payload) + _HEAD:
            return None
        data = _decoded(bare[: len(bare) - (len(bare) % 4 == 1)]) or b""
        if not magic(data[:_HEAD]) and not is_base64(strict):
            return None
        reason = (_kind(declared) if declared else _NAMED.get(name, "file")) if is_base64(strict) else ""
    known = magic(data[:_HEAD])
    called = next((text for member in _NAMES if parent and (text := get_text(parent, member))), "")
    kind = declared or (f"{_NAMED[name]}/*" if name in _NAMED else "")
    return Encoded(reason, not known or bool(reason), data, kind, called)


def _decoded(payload: str) -> bytes | None:
    plain = payload.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _kind(media_type: str) -> str:
    main = media_type.partition("/")[0].lower()
    return main if main in ("image", "audio", "video") else "file"


def _is_data(url: Json) -> bool:
    return isinstance(url, str) and url[:5].lower() == "data:"
