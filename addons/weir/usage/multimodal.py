"""Tokens of pictures and sound in a prompt, by the rules that providers publish (``data/media.yaml``).

What has no rule, or doesn't say how large it is, is not guessed: it is named, and the count is partial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil, floor, sqrt
from pathlib import Path
from typing import Any

import yaml

from weir.model import Attachment
from weir.usage.pictures import picture_size, sound_seconds

__all__ = [
    "NO_MEDIA",
    "MediaTokens",
    "image_tokens",
    "media_tokens",
    "patches",
    "pixels",
    "sound_tokens",
    "squares",
    "tiles",
]

_TABLE = Path(__file__).parent / "data" / "media.yaml"
_LONGEST = 256  # characters of a model name that matter


@dataclass(frozen=True, slots=True)
class MediaTokens:
    """Tokens of what could be counted, and a word for each thing that could not (``image``, ``audio``, ``file``)."""

    tokens: int = 0
    uncounted: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """True when the count leaves something out."""
        return bool(self.uncounted)


NO_MEDIA = MediaTokens()


def tiles(width: int, height: int, *, base: int, each: int, fit: int, short: int, tile: int) -> int:
    """OpenAI's rule for whole models: scaled down twice, then cut into squares."""
    wide, high = _at_most(width, height, fit / max(width, height))
    wide, high = _at_most(wide, high, short / min(wide, high))
    return base + each * ceil(wide / tile) * ceil(high / tile)


def patches(width: int, height: int, *, patch: int, most: int, factor: float) -> int:
    """OpenAI's rule for small models: squares that cover the picture, which is scaled down to have ``most`` of them."""
    count = ceil(width / patch) * ceil(height / patch)
    if count > most:
        scale = sqrt(most * patch * patch / (width * height))
        # Scaled once more so that one side is a whole number of squares: then not one square more is needed.
        wide, high = width * scale / patch, height * scale / patch
        scale *= min(max(floor(wide), 1) / wide, max(floor(high), 1) / high)
        count = min(most, _cover(width * scale / patch) * _cover(height * scale / patch))
    return ceil(count * factor)


def _cover(squares: float) -> int:
    return max(1, ceil(squares - 1e-9))


def pixels(width: int, height: int, *, long: int, per: int, most: int) -> int:
    """Anthropic's rule: the area, after scaling to the longest side there may be."""
    wide, high = _at_most(width, height, long / max(width, height))
    return max(1, min(most, ceil(wide * high / per)))


def squares(width: int, height: int, *, small: int, tile: int, each: int) -> int:
    """Gemini's rule: a small picture is one square, others are cut into them."""
    if width <= small and height <= small:
        return each
    return each * ceil(width / tile) * ceil(height / tile)


_RULES: Mapping[str, Callable[..., int]] = {"tiles": tiles, "patches": patches, "pixels": pixels, "squares": squares}


def image_tokens(width: int, height: int, model: str) -> int | None:
    """Tokens of a picture of ``width`` by ``height`` pixels (≥ 1) in full detail; None when no rule is known."""
    entry = _entry("images", model)
    if entry is None or width < 1 or height < 1:
        return None
    figures: dict[str, Any] = {key: entry[key] for key in entry if key not in ("needles", "rule", "checked")}
    return _RULES[entry["rule"]](width, height, **figures)


def sound_tokens(seconds: float, model: str) -> int | None:
    """Tokens of that much sound; None when no rule is known."""
    entry = _entry("audio", model)
    return None if entry is None else ceil(max(seconds, 0.0) * entry["per_second"])


def media_tokens(attachments: Iterable[Attachment], model: str) -> MediaTokens:
    """Tokens of the pictures and sounds among ``attachments``. Does not raise, whatever their bytes.

    Files of other kinds are named as uncounted: their texts may be among the request's segments, their pages as
    pictures are not. Take it before the texts of attachments are read, which takes them out of the exchange.
    """
    tokens = 0
    missing: list[str] = []
    for attachment in attachments:
        kind, count = _media(attachment, model)
        if count is None:
            missing.append(kind)
        else:
            tokens += count
    return MediaTokens(tokens, tuple(missing))


def _media(attachment: Attachment, model: str) -> tuple[str, int | None]:
    size = picture_size(attachment.data)
    if size is not None:
        return "image", image_tokens(*size, model)
    seconds = sound_seconds(attachment.data)
    if seconds is not None:
        return "audio", sound_tokens(seconds, model)
    declared = attachment.media_type.partition("/")[0].lower()
    return declared if declared in ("image", "audio", "video") else "file", None


def _at_most(width: float, height: float, scale: float) -> tuple[float, float]:
    return (width * scale, height * scale) if scale < 1 else (width, height)


def _entry(kind: str, model: str) -> Mapping[str, Any] | None:
    name = model[:_LONGEST].lower()
    return next((entry for entry in _table()[kind] if any(needle in name for needle in entry["needles"])), None)


@cache
def _table() -> Mapping[str, list[dict[str, Any]]]:
    found: Mapping[str, list[dict[str, Any]]] = yaml.safe_load(_TABLE.read_text("utf-8"))
    return found
