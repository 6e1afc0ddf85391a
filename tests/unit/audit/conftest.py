"""Records to test with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.stores import one_place
from weir.audit.record import AuditRecord, new_event_id, now_us
from weir.audit.spool.writer import Spool


def make_record(**given: Any) -> AuditRecord:
    """A reply record with the usual columns set; ``given`` overrides them."""
    values: dict[str, Any] = {
        "event_id": new_event_id(),
        "exchange_id": new_event_id(),
        "kind": "response",
        "ts": now_us(),
        "user": "anna",
        "team": "finance",
        "host": "api.openai.com",
        "service": "openai",
        "service_status": "sanctioned",
        "request_model": "gpt-5",
        "inspection": "inspected",
        "mode": "enforce",
        "verdict": "allow",
        "action": "allow",
    }
    return AuditRecord(**{**values, **given})


@pytest.fixture(scope="session")
def record() -> Callable[..., AuditRecord]:
    return make_record


@pytest.fixture
def tmp_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One place, as stores are made in most tests: to make one where none was takes a fifth of a second."""
    yield from one_place(tmp_path_factory, "audit")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """A started spool in ``tmp_path/spool``."""
    made = Spool(tmp_path / "spool", "p1", new_event_id(), segment_bytes_max=1 << 20)
    made.start()
    yield made
    made.close(5)
