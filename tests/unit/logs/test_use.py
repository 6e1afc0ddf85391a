"""What all formats come to is a value."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from weir.logs.use import Use


def test_a_use_is_fixed_and_equal_to_its_like() -> None:
    one, same = (Use("a.example", "", "ann", "", "", "", "allowed", "", 1, 0, 0, None, None) for _ in range(2))
    assert one == same
    assert len({one, same}) == 1
    with pytest.raises(FrozenInstanceError):
        one.host = "b.example"  # type: ignore[misc]
