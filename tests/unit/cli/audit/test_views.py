from __future__ import annotations

import json

from typer.testing import CliRunner

from weir.audit.store.views.described import described
from weir.cli.audit.app import app

RUN = CliRunner()


def test_all_are_listed_with_parameters_and_what_they_are_for() -> None:
    done = RUN.invoke(app, ["views"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    for one in described():
        assert one.name in done.stdout and one.comment in done.stdout
    assert "new_destinations(days := 7)" in done.stdout


def test_for_programs() -> None:
    listed = json.loads(RUN.invoke(app, ["views", "--format", "json"]).stdout)["views"]
    assert [one["name"] for one in listed] == [one.name for one in described()]
    assert set(listed[0]) == {"name", "kind", "parameters", "comment", "example"}
    view, macro = json.loads(RUN.invoke(app, ["views", "off_hours", "--format", "json"]).stdout)["views"]
    assert (view["kind"], macro["kind"]) == ("view", "macro")
    assert macro["parameters"] == ["zone := 'UTC'", "begin_hour := 7", "end_hour := 20", "weekend := true"]
    assert {"name": "day", "type": "DATE"} in macro["columns"] and "FROM exchanges" in macro["sql"]


def test_one_shows_its_columns_and_its_sql() -> None:
    done = RUN.invoke(app, ["views", "GAPS"])
    assert done.exit_code == 0
    assert "lasted" in done.stdout and "INTERVAL" in done.stdout and "FROM events WHERE kind = 'gap'" in done.stdout
    assert "made by" not in RUN.invoke(app, ["views", "events"]).stdout


def test_what_is_not_there() -> None:
    done = RUN.invoke(app, ["views", "nothing"])
    assert done.exit_code == 2 and "there is no nothing" in done.stderr
