"""What in a request is not text: pictures, sound, files, things that only the provider can open or look up."""

from __future__ import annotations

import re
from typing import Final

from weir.providers.values import Json, JsonObject, get_text

__all__ = ["HIDDEN", "is_base64", "is_opaque", "opaque_members", "uri_reason"]

_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]+")
_DATA_URI = re.compile(r"data:([a-z0-9.+/-]{0,80})(?:;[a-z0-9=.+-]{0,40}){0,4};base64,", re.IGNORECASE)
_SHORT: Final = 64  # characters below which a credential could pass for base64

# Members that hold encoded media when their neighbours say so, or that never hold anything else.
_DATA = frozenset({"data", "file_data", "b64_json", "bytes", "imageBytes", "videoBytes", "audioBytes", "image_data"})
_DECLARES = frozenset({"media_type", "mime_type", "mimeType", "format", "filename", "fileName", "displayName"})
# Written by the provider, checked by it when they come back, unreadable for anyone else.
_SEALED = frozenset({"signature", "encrypted_content", "thoughtSignature", "thought_signature", "encrypted_index"})
_REMOTE = frozenset({"image_url", "imageUrl", "video_url", "audio_url", "file_url", "fileUri", "file_uri"})

# Members that stand for text the provider keeps and the request doesn't show: member → reason.
HIDDEN: Final = {
    "previous_response_id": "earlier turns kept by the provider",
    "conversation": "earlier turns kept by the provider",
    "previous_interaction_id": "earlier turns kept by the provider",
    "cachedContent": "prompt kept by the provider",
    "cached_content": "prompt kept by the provider",
    "file_id": "file kept by the provider",
    "prompt_id": "prompt kept by the provider",
}


def is_base64(text: str) -> bool:
    """True when ``text`` is made of base64 characters only (either alphabet)."""
    return _BASE64.fullmatch(text) is not None


def _kind(media_type: str) -> str:
    main = media_type.partition("/")[0].lower()
    return main if main in ("image", "audio", "video") else "file"


def uri_reason(name: str, text: str) -> tuple[str, bool]:
    """Why the string ``text`` at member ``name`` keeps content from us, and whether its text is worth reading.

    ``("", True)`` for an ordinary text; ``("image", False)`` for a picture in a data URI;
    ``("remote image", True)`` for an address, which can carry text itself.
    """
    if _is_data(text):
        found = _DATA_URI.match(text)
        if found and is_base64(text[found.end() :] or "="):
            return _kind(found[1]), False
    if name in _REMOTE and not _is_data(text):
        return f"remote {name.partition('_')[0].removesuffix('Url').removesuffix('Uri')}", True
    return "", True


def is_opaque(name: str, text: str) -> bool:
    """True for a seal of the provider's own (a signature, encrypted reasoning). Short ones are read all the same."""
    return name in _SEALED and len(text) >= _SHORT and is_base64(text)


def opaque_members(value: JsonObject, name: str) -> tuple[dict[str, str], str]:
    """Members of ``value`` (itself at member ``name``) that are encoded media, each with its reason.

    The second value is a reason that holds for the object as a whole: it points to content elsewhere.
    """
    found: dict[str, str] = {}
    if ("url" not in value and _DATA.isdisjoint(value)) or value.get("type") == "text":
        return found, ""
    for key in value.keys() & _DATA:
        text = value[key]
        if not isinstance(text, str) or len(text) < _SHORT or not is_base64(text):
            continue
        if _is_media(value, name, key):
            found[key] = _media_kind(value, name, key)
        elif get_text(value, "type") == "redacted_thinking":
            found[key] = ""
    points = (name in _REMOTE and "url" in value and not _is_data(value["url"])) or (
        get_text(value, "type") == "url" and "url" in value
    )
    reason = f"remote {name.partition('_')[0]}" if points and name in _REMOTE else "remote file" if points else ""
    return found, reason


def _is_data(url: Json) -> bool:
    return isinstance(url, str) and url[:5].lower() == "data:"


def _is_media(value: JsonObject, name: str, key: str) -> bool:
    return key != "data" or name in ("input_audio", "inlineData", "inline_data") or not _DECLARES.isdisjoint(value)


def _media_kind(value: JsonObject, name: str, key: str) -> str:
    declared = get_text(value, "media_type") or get_text(value, "mime_type") or get_text(value, "mimeType")
    if declared:
        return _kind(declared)
    if name == "input_audio" or key == "audioBytes":
        return "audio"
    if key in ("b64_json", "imageBytes", "image_data"):
        return "image"
    return "video" if key == "videoBytes" else "file"
