"""Counts tokens without ever asking the network: a verified vocabulary from the cache, or else an estimate."""

from __future__ import annotations

import binascii
import hashlib
import math
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

from weir.usage.encodings import Encodings, Family, Vocabulary, load_encodings
from weir.usage.estimate import estimate

if TYPE_CHECKING:
    import tiktoken

__all__ = ["Counter"]

_WHOLE = 2_000_000  # characters up to which every one of them is counted
_PIECE = 32_768  # characters encoded at a time: keeps the other threads' waits short
_LONGEST = 256  # characters of a model name that matter
_LATER_S = 10.0  # whoever starts has enough to do, and may be gone again soon
_SAMPLES = 32  # pieces taken, evenly spread, from a text longer than _WHOLE
_REMEMBERED_FROM = 256  # characters: a shorter text is counted faster than it is looked up
_REMEMBERED = 16_384  # counts, of some hundred bytes each
_BYTES = 4  # of a character, at most


class Counter:
    """Counts tokens of texts. Safe for use by several threads at once; nothing in it fetches anything."""

    def __init__(self, table: Encodings, loaded: dict[str, tiktoken.Encoding]) -> None:
        self._table = table
        self._loaded = loaded
        self._cached = lru_cache(maxsize=4096)(table.family)
        self._folders: tuple[Path, ...] = ()  # where vocabularies are that are still to be loaded
        self._filling = threading.Lock()
        self._known = _Known()

    @classmethod
    def load(cls, *cache_dirs: Path, background: bool = False) -> Counter:
        """A counter with the vocabularies found in ``cache_dirs`` (tiktoken's file names, SHA-256 verified).

        A file that is missing or not the right one is left out, and its models' counts are estimates. Loading takes
        some tenths of a second: with ``background`` it happens in a thread a little later, when whoever starts has
        started, or at the first count, which waits for it. Counts are the same either way.
        """
        counter = cls(load_encodings(), {})
        counter._folders = cache_dirs
        if background:
            timer = threading.Timer(_LATER_S, counter._ready)
            timer.name, timer.daemon = "weir-tokenizers", True
            timer.start()
        else:
            counter._ready()
        return counter

    def _ready(self) -> dict[str, tiktoken.Encoding]:
        """The vocabularies; whoever comes first loads them."""
        if self._folders:
            with self._filling:
                if self._folders:
                    self._fill(self._folders)
                    self._folders = ()
        return self._loaded

    @property
    def loading(self) -> bool:
        """Whether a count would wait for the vocabularies: not for the event loop."""
        return bool(self._folders)

    @property
    def exact(self) -> bool:
        """True when every vocabulary is loaded; False when some counts are made from characters alone."""
        return len(self._ready()) == len(self._table.vocabularies)

    def exact_for(self, model: str) -> bool:
        """True when ``model``'s own vocabulary is loaded and no correction factor is applied to its count."""
        family = self._family(model)
        return family.encoding in self._ready() and family.factor == 1.0 and family is not self._table.default

    def count(self, text: str, model: str) -> int:
        """Tokens of ``text`` as ``model``'s provider would report them, special tokens read as plain text.

        Any str will do, lone surrogates included. Texts over 2,000,000 characters are sampled and extrapolated. A long
        text's count is remembered: most of what an agent sends it has sent before.
        """
        if not text:
            return 0
        family = self._family(model)
        encoding = self._ready().get(family.encoding)
        if len(text) < _REMEMBERED_FROM:
            tokens = _count(text, encoding)
        else:
            key = self._known.key(text, family.encoding)
            found = self._known.get(key)
            tokens = self._known.put(key, _count(text, encoding)) if found is None else found
        return max(1, round(tokens * family.factor))

    def at_most(self, text: str, model: str) -> int:
        """Never less than ``count``, and nothing to wait for: a token has at least one byte."""
        # Of a sampled text a dense piece may stand for much that is not.
        if text.isascii() and len(text) <= _WHOLE:
            most = len(text)
        elif len(text) <= _WHOLE:
            most = len(text.encode("utf-8", "surrogatepass"))
        else:
            most = _BYTES * len(text)
        return math.ceil(most * self._family(model).factor)

    def _family(self, model: str) -> Family:
        return self._cached(model[:_LONGEST])  # names come from clients: nothing long is kept

    def _fill(self, cache_dirs: Sequence[Path]) -> None:
        for vocabulary in self._table.vocabularies.values():
            data = next((found for folder in cache_dirs if (found := vocabulary.read(folder)) is not None), None)
            if data is not None:
                self._loaded[vocabulary.name] = _construct(vocabulary, data)


class _Known:
    """Counts of texts, the least used go first. Digests only, keyed: what was said can't be guessed from them."""

    def __init__(self) -> None:
        self._hasher = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=16)
        self._counts: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, text: str, encoding: str) -> bytes:
        """The name of ``text``, as one vocabulary counts it."""
        hasher = self._hasher.copy()
        hasher.update(text.encode("utf-8", "surrogatepass"))
        hasher.update(b"\xff" + encoding.encode())  # no text in UTF-8 holds this byte
        return hasher.digest()

    def get(self, key: bytes) -> float | None:
        """The count, which thereby has been used."""
        with self._lock:
            found = self._counts.get(key)
            if found is not None:
                self._counts.move_to_end(key)
            return found

    def put(self, key: bytes, count: float) -> float:
        """Keep and return a count."""
        with self._lock:
            self._counts[key] = count
            if len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)
        return count


def _count(text: str, encoding: tiktoken.Encoding | None) -> float:
    pieces, scale = _pieces(text)
    return scale * sum(
        estimate(piece) if encoding is None else len(encoding.encode_ordinary(piece)) for piece in pieces
    )


def _pieces(text: str) -> tuple[list[str], float]:
    """``text`` cut up, and what to multiply the pieces' count by."""
    if len(text) <= _PIECE:
        return [text], 1.0
    if len(text) <= _WHOLE:
        return [text[i : i + _PIECE] for i in range(0, len(text), _PIECE)], 1.0
    step = (len(text) - _PIECE) // (_SAMPLES - 1)
    return [text[i * step : i * step + _PIECE] for i in range(_SAMPLES)], len(text) / (_SAMPLES * _PIECE)


def _construct(vocabulary: Vocabulary, data: bytes) -> tiktoken.Encoding:
    """Build the encoding from verified bytes.

    tiktoken's own constructor is run with our loader in the place of its fetching one: its splitting pattern and its
    special tokens are used as they are installed, and there is no way left for it to reach the network.
    """
    import tiktoken
    from tiktoken_ext import openai_public  # type: ignore[import-untyped]

    def ranks(_url: str, expected_hash: str | None = None) -> dict[bytes, int]:
        if expected_hash != vocabulary.sha256:
            raise ValueError(f"the installed tiktoken expects another {vocabulary.name} than encodings.yaml names")
        pairs = (line.split() for line in data.splitlines() if line)
        return {binascii.a2b_base64(token): int(rank) for token, rank in pairs}

    theirs = getattr(openai_public, vocabulary.name)
    ours = FunctionType(theirs.__code__, {**vars(openai_public), "load_tiktoken_bpe": ranks})
    return tiktoken.Encoding(**ours())
