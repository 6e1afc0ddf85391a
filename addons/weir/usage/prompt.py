"""Which texts of a request are its prompt: some segments are there to be read by detectors, not by a model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from weir.model import Segment

__all__ = ["Counts", "is_prompt", "prompt_tokens"]

_EACH_TEXT = 4  # tokens that role and framing add to a message
_EACH_PROMPT = 3  # tokens that open the reply

# Pointers as providers and dlp write them; neither may be imported here.
_TARGET = "#url"  # what stands in the request's address
_FILE = "#file/"  # #file/<number>/<where>: what was read out of an attachment
_NAME = "#key"  # members' names, ids, the model, seals
_REST = "#rest"  # the texts of a document with too many of them, in one
# A file is read in several ways; these are its text as a person sees it, once. The others (the source of what stands
# as text too, strings of a picture, names, properties) repeat it or never reach the model.
_READ = frozenset({"text", "page", "sheet"})
_DATA = re.compile(r"data:[\w.+/-]{0,80}(?:;[\w=.+-]{0,40}){0,4};base64,", re.ASCII)  # media, and counted as such


class Counts(Protocol):
    """What counting needs of a token counter."""

    def count(self, text: str, model: str) -> int:
        """Tokens of ``text`` for ``model``."""
        ...


def is_prompt(segment: Segment) -> bool:
    """Whether the model is given this text, so that it is paid for.

    Not the address, not encoded media; of names only those in a tool's definition, which the provider writes into the
    prompt; of a file its text, once. Encrypted reasoning that comes back (a seal) is not the text it stands for, and
    isn't counted.
    """
    pointer = segment.pointer
    if pointer.startswith(_TARGET) or _DATA.match(segment.text):
        return False
    if pointer.startswith(_FILE):
        steps = [step for step in pointer.split("/")[2:] if not step.isdecimal()]
        return bool(steps) and steps[-1] in _READ
    if pointer.endswith(_NAME) and not pointer.startswith(_REST):
        return segment.role == "tool_definition"
    return True


def prompt_tokens(segments: Iterable[Segment], counter: Counts, model: str) -> int:
    """Tokens of a request's texts as ``model``'s provider would count them, its framing included; 0 without texts.

    An estimate: how a provider writes roles and tools into its prompt is not published.
    """
    sent = 0
    for segment in segments:
        if is_prompt(segment):
            framing = 0 if segment.pointer.endswith(_NAME) else _EACH_TEXT
            sent += counter.count(segment.text, model) + framing
    return sent + _EACH_PROMPT if sent else 0
