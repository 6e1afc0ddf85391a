"""A rig that keeps texts, and what it kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.rig import Rig
from weir.audit.content.parts import Content
from weir.audit.content.reader import ContentReader
from weir.audit.record import AuditRecord
from weir.edge.content import writing
from weir.edge.content.wrapping import ring_of


class Keeping:
    """A rig with its writer running."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        rig.ledger.flush = lambda timeout_s: True  # type: ignore[attr-defined]
        writing.start(rig.state)

    def texts(self, record: AuditRecord) -> Content:
        """What stands in the content store for this record."""
        assert self.rig.state.content is not None and self.rig.state.content.flush(5)
        data = self.rig.state.data.path
        with ContentReader(data / "content", ring_of(data, None)) as reader:
            return reader.read(record.event_id, record.content_ct_hash).content


@pytest.fixture
def keeping(make_rig: Callable[..., Rig]) -> Iterator[Callable[..., Keeping]]:
    """``keeping(keep="full", **sections)``: a rig whose policy keeps texts."""
    made: list[Keeping] = []

    def make(content: dict[str, Any] | None = None, durability: str = "strict", **sections: Any) -> Keeping:
        audit = {"durability": durability, "content": content or {"keep": "full"}}
        made.append(Keeping(make_rig(audit=audit, **sections)))
        return made[-1]

    yield make
    for one in made:
        writing.close(one.rig.state, 5)
