from __future__ import annotations

from harness.sealedaudit import SealedAudit
from weir.audit.evidence.rebuilt import line_of
from weir.audit.record import new_event_id
from weir.audit.spool.lines import read_line
from weir.audit.spool.opened import open_segment, segments
from weir.audit.store import database as store


def test_every_line_can_be_made_anew(sealed: SealedAudit) -> None:
    paths = segments(sealed.data.spool)[f"{sealed.data.proxy_id}-0001"]
    lines = []
    for path in paths:
        with open_segment(path) as file:
            lines += list(file)
    with store.connect(sealed.data.path) as connection:
        for line in lines[:4]:
            assert line_of(connection, read_line(line)["event_id"]) == line
        assert line_of(connection, new_event_id()) == b""
