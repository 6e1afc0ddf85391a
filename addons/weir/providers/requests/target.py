"""What a request says outside of its body, as far as it has to be read: its target, and the charset it claims."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final
from urllib.parse import unquote

from weir.model import Segment
from weir.providers.wire.words import SHORT, is_plain_word

__all__ = ["URL", "charset_problem", "target_texts"]

URL: Final = "#url"  # pointer of the texts of the request target
_DECODINGS: Final = 3  # times that percent encoding is undone: each server on the way may do it once
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";,]*)", re.IGNORECASE)


def target_texts(
    method: str, target: str, template: str, key_names: Collection[str], is_key: Callable[[str], bool]
) -> tuple[Segment, ...]:
    """What the request target says beyond the operation's own path: names and values, the path if any of it is free.

    A method that is none counts as a text, too. Left out is what ``is_key`` says of the values at ``key_names``, where
    the provider takes its credential in the query.
    """
    path, _, query = target.partition("?")
    texts = [] if method in _METHODS else [method]
    if path != template:
        texts.append(path)
    for part in query.split("&"):
        name, _, value = part.partition("=")
        texts.append(name)
        if unquote(name) not in key_names or not is_key(unquote(value)):
            texts.append(value)
    lines = dict.fromkeys(line for text in texts for line in _readings(text))
    text = "\n".join(line for line in lines if len(line) >= SHORT and not is_plain_word(line))
    return (Segment(URL, "parameter", text, part="url"),) if text else ()


def _readings(text: str) -> Iterator[str]:
    """``text`` as servers on the way may read it."""
    for _ in range(_DECODINGS):
        coded, text = text, unquote(text)
        yield text.replace("+", " ")
        yield text
        if text == coded:
            return


def charset_problem(content_types: Iterable[str]) -> str:
    """Why a body can't be read, by what its content types say of it; "" when it can."""
    named = (word for line in content_types for word in _CHARSET.findall(line))
    return "" if all(word.lower() in ("utf-8", "utf8") for word in named) else "charset other than UTF-8"
