"""What is written down of a fleet."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

from weir.datadir import DataDir
from weir.edge.process.fleet.listening import bind
from weir.edge.process.fleet.standing import write_standing


def test_an_address_is_named_once_and_workers_by_seat(tmp_path: Path) -> None:
    run, bound = DataDir(tmp_path / "data").run, bind([("127.0.0.1", 0)], 2)
    seats = {2: SimpleNamespace(pid=12, ready={"started": 5}), 1: SimpleNamespace(pid=11, ready={})}
    write_standing(run, tmp_path / "ready", bound, seats, {"mode": "observe"})  # type: ignore[arg-type]
    told = json.loads((run / "weir.json").read_text())
    assert told == json.loads((tmp_path / "ready").read_text()) and told["mode"] == "observe"
    assert told["listen"] == [list(bound[0].socket.getsockname())]
    assert [(one["number"], one["pid"]) for one in told["workers"]] == [(1, 11), (2, 12)]
    for one in bound:
        one.socket.close()
