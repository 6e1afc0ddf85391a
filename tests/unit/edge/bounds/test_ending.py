"""What a limit ends says so in its records."""

from __future__ import annotations

from pathlib import Path

from harness.rig import Rig, chat
from weir.edge.bounds.ending import give_up
from weir.edge.trace import link_of


def test_a_connection_and_its_open_exchanges(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    flow = rig.flow(chat())
    trace = rig.play(flow, "requestheaders")
    done = rig.flow(chat())
    done.client_conn = flow.client_conn
    closed = rig.play(done, "requestheaders")
    closed.closed = True
    give_up(flow.client_conn, "idle for too long")
    link = link_of(flow.client_conn)
    assert (link.refused, link.refused_by, link.refused_why) == (True, "limit", "idle for too long")
    assert (trace.refused_by, trace.refused_why) == ("limit", "idle for too long")
    assert closed.refused_by == ""
    rig.close()
