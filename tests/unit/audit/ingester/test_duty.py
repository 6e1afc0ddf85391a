"""What a duty is given."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from weir.audit.ingester.duty import Desk
from weir.sections_audit import Audit


def test_a_duty_cannot_change_what_the_next_one_gets(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Audit())
    with pytest.raises(FrozenInstanceError):
        desk.data = tmp_path / "elsewhere"  # type: ignore[misc]
