from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.rig import Rig


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Build a rig under the test policy with some sections replaced: ``make_rig(mode="observe")``."""
    made: list[Rig] = []

    def make(**sections: Any) -> Rig:
        directory = tmp_path / f"rig-{len(made)}"
        directory.mkdir()
        made.append(Rig(directory, **sections))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """A rig under the test policy as it stands."""
    return make_rig()
