"""Which vocabulary counts which model: the table `data/encodings.yaml`, read and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

__all__ = ["Encodings", "Family", "Vocabulary", "load_encodings"]

_TABLE = Path(__file__).parent / "data" / "encodings.yaml"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One tiktoken vocabulary: where its vendor keeps it, and the SHA-256 that alone makes a file acceptable."""

    name: str
    url: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The name tiktoken itself gives the file in its cache directory: the SHA-1 of the URL, in hex."""
        return hashlib.sha1(self.url.encode(), usedforsecurity=False).hexdigest()

    def accepts(self, data: bytes) -> bool:
        """True when ``data`` is the vocabulary, byte for byte."""
        return hashlib.sha256(data).hexdigest() == self.sha256

    def read(self, cache_dir: Path) -> bytes | None:
        """The verified bytes out of ``cache_dir``; None when the file is absent, unreadable or not the right one."""
        try:
            data = (cache_dir / self.file_name).read_bytes()
        except OSError:
            return None
        return data if self.accepts(data) else None


@dataclass(frozen=True, slots=True)
class Family:
    """Models that share a vocabulary; ``factor`` turns its count into what the provider reports."""

    id: str
    needles: tuple[str, ...]
    encoding: str
    factor: float


@dataclass(frozen=True, slots=True)
class Encodings:
    """The whole table."""

    vocabularies: Mapping[str, Vocabulary]
    families: tuple[Family, ...]
    default: Family

    def family(self, model: str) -> Family:
        """The first family with a needle inside the model's name; provider prefixes and suffixes don't matter."""
        name = model[:256].lower()
        for family in self.families:
            if any(needle in name for needle in family.needles):
                return family
        return self.default


@cache
def load_encodings(path: Path = _TABLE) -> Encodings:
    """Read the table. Raises ValueError naming the entry when a family names a vocabulary that isn't there."""
    doc = yaml.safe_load(path.read_text("utf-8"))
    vocabularies = {
        name: Vocabulary(name=name, url=str(entry["url"]), sha256=str(entry["sha256"]))
        for name, entry in doc["encodings"].items()
    }
    families = tuple(
        Family(str(f["id"]), tuple(str(n).lower() for n in f["needles"]), str(f["encoding"]), float(f["factor"]))
        for f in doc["families"]
    )
    default = Family("default", (), str(doc["default"]["encoding"]), float(doc["default"]["factor"]))
    for family in (*families, default):
        if family.encoding not in vocabularies:
            raise ValueError(f"{path.name}: family {family.id} names the unknown encoding {family.encoding}")
    return Encodings(vocabularies, families, default)
