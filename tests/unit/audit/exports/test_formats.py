from __future__ import annotations

import json

import pytest

from unit.audit.exports.rows import CONTENT, VERSION, every
from weir.audit.exports.formats import FORMATS, lines


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_is_lines_without_ends(name: str) -> None:
    for row in every():
        found = lines(FORMATS[name](row, VERSION))
        assert found and not any(b"\n" in line or b"\r" in line for line in found)
        assert not any(CONTENT.encode() in line for line in found)
        if name in ("ocsf", "ecs", "jsonl"):
            assert all(isinstance(json.loads(line), dict) for line in found)
