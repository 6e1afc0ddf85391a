from __future__ import annotations

import pytest

from weir.dlp.core.engine import Engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine.load(fingerprint_key=b"unit-test-fingerprint-key")
