"""What fuzzing has found stays mended, and a little of it happens with every run; ``scripts/fuzz`` does more."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.fuzzing import KEPT, dialect_ids, exercise, mutated, seeds

FOUND = sorted(KEPT.glob("*.bin"))
TRIES = 12


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_was_found_once(path: Path) -> None:
    exercise(path.stem.partition("-")[0], path.read_bytes())


@pytest.mark.parametrize("dialect_id", dialect_ids())
def test_bytes_made_up(dialect_id: str) -> None:
    chance, known = random.Random(20261121), seeds(dialect_id)
    for data in known[:3]:
        exercise(dialect_id, data)
    for _ in range(TRIES):
        exercise(dialect_id, mutated(chance.choice(known), known, chance))
