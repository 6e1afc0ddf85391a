"""What each column means, in one line, for the description that goes with the records."""

from __future__ import annotations

from pathlib import Path

import yaml

__all__ = ["MEANINGS"]

_FILE = Path(__file__).with_name("columns.yaml")
MEANINGS: dict[str, str] = yaml.safe_load(_FILE.read_text("utf-8"))
