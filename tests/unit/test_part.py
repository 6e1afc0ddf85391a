"""What all sections of a policy share."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from weir.part import Part


class One(Part):
    """A section."""

    number: int = 1


def test_nothing_unknown_nothing_changed_and_no_input_in_errors() -> None:
    with pytest.raises(ValidationError) as wrong:
        One(nummer="my-input")  # type: ignore[call-arg]
    assert "my-input" not in str(wrong.value)
    with pytest.raises(ValidationError):
        One().number = 2  # type: ignore[misc]
