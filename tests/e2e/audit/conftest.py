"""How long the tests of this folder go on: seconds in the suite, minutes under ``scripts/soak audit``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Scale:
    """Rounds and seconds of this run. ``seed``: the same kills at the same moments, as far as a machine allows."""

    whole: bool
    seed: int

    def of(self, suite: float, soak: float) -> float:
        """One of the two."""
        return soak if self.whole else suite


@pytest.fixture
def scale() -> Scale:
    """The variables WEIR_SOAK and WEIR_SEED decide."""
    made = Scale(bool(os.environ.get("WEIR_SOAK")), int(os.environ.get("WEIR_SEED", "20240607")))
    print(f"seed {made.seed}")  # pytest shows it when the test fails
    return made


@pytest.fixture
def tell(request: pytest.FixtureRequest, scale: Scale) -> Callable[[str], None]:
    """Print a figure, at full length only."""

    def told(text: str) -> None:
        print(f"\n{request.node.name}: {text}", file=sys.stderr if scale.whole else sys.stdout)

    return told
