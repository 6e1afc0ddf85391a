"""What full Presidio finds in the documents, kept in presidio.json: to find it takes a quarter of a minute.

It is what Presidio finds now as long as the libraries are of the same versions and the documents the same: what is
not found in the file under its text's own digest is asked of Presidio. After an update of either:
``PYTHONPATH=addons:tests python -m golden.dlp_equivalence.stored`` in the repository writes the file anew.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.metadata import version
from itertools import batched
from pathlib import Path
from typing import Any

from golden.dlp_equivalence.corpus import documents, edges
from golden.dlp_equivalence.full import Result, theirs

__all__ = ["DOCUMENTS", "corpus", "kept", "versions"]

DOCUMENTS = 2_000
SEED = 20_240_506
FILE = Path(__file__).with_name("presidio.json")
_LIBRARIES = ("presidio-analyzer", "phonenumbers", "tldextract", "regex")


@cache
def corpus() -> tuple[str, ...]:
    """Every document."""
    return (*edges(SEED), *documents(SEED, DOCUMENTS))


def versions() -> dict[str, str]:
    """Of what decides what Presidio finds."""
    return {name: version(name) for name in _LIBRARIES}


def kept(text: str) -> frozenset[Result] | None:
    """What the file says of ``text``; None when it does not know the text, or is of other versions."""
    return _read().get(_digest(text))


@cache
def _read() -> dict[str, frozenset[Result]]:
    held: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    if held["versions"] != versions():
        return {}
    kinds = held["kinds"]
    return {
        digest: frozenset(
            Result(entity, start, end, score, pattern)
            for kind, start, end in batched(row, 3)
            for entity, score, pattern in [kinds[kind]]
        )
        for digest, *row in held["found"]
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _write() -> None:
    kinds: dict[tuple[str, float, str], int] = {}
    rows = []
    for text in corpus():
        row: list[Any] = [_digest(text)]
        for one in sorted(theirs(text)):
            row += [kinds.setdefault((one.entity, one.score, one.pattern), len(kinds)), one.start, one.end]
        rows.append(json.dumps(row, separators=(",", ":")))
    named = ",\n".join(map(json.dumps, kinds))
    held = f'"versions": {json.dumps(versions())},\n"kinds": [\n{named}\n],\n"found": [\n' + ",\n".join(rows)
    FILE.write_text(f"{{{held}\n]}}\n", "utf-8")


if __name__ == "__main__":
    _write()
