"""What goes where, and that nothing a stranger sent reaches a terminal as a command."""

from __future__ import annotations

import io
import json
from datetime import datetime

import pytest
import typer

from weir.cli import output
from weir.cli.output import Progress, StoreTrouble, clean, fail, store_errors, table, write_json


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (3, "3"),
        ("plain ü 漢", "plain ü 漢"),
        (["a", "b"], "a, b"),
        ("red\x1b[31m", "red\ufffd[31m"),
        ("c1\u009b31m", "c1\ufffd31m"),
        ("bidi\u202egnp.exe", "bidi\ufffdgnp.exe"),
        ("half\ud800", "half\ufffd"),
        ("two\nlines", "two\nlines"),
        (["\x07"], "\ufffd"),
        (False, "false"),
        ([True], "true"),
    ],
)
def test_clean(value: object, shown: str) -> None:
    assert clean(value) == shown


def test_an_error_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    raised = fail("keys", "no such key", 2)
    assert isinstance(raised, typer.Exit)
    assert raised.exit_code == 2
    assert capsys.readouterr() == ("", "weir keys: no such key\n")


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"ä": [1, None]})
    assert json.loads(capsys.readouterr().out) == {"ä": [1, None]}


def test_a_table_loses_nothing_and_reads_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 200
    table(("name", "count"), [(f"[red]{long}[/red]", 1), ("\x1b[2J", None)], "Title")
    out = capsys.readouterr().out
    assert "Title" in out
    assert "[red]" in out
    assert out.count("x") == 200
    assert "\x1b" not in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_many_columns_stand_one_below_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"column_{number}" for number in range(12)]
    table(names, [list(range(12)), [None] * 12])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "-- 1"
    assert [line.split() for line in lines[1:13]] == [[name, str(number)] for number, name in enumerate(names)]
    assert lines[13] == "-- 2"


def test_names_are_broken_at_their_joints_and_nothing_trails(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("detector", "action", "rule", "findings", "users", "when")
    row = ("secret/github-personal-access-token", "pseudonymise", "no-credentials-leave", 12, 1, "2026-01-01 08:05")
    table(names, [row], stack=False)
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)
    parts = {part for line in lines[1:] for part in line.split()}
    assert {"pseudonymise", "2026-01-01", "12"} <= parts
    assert "".join(line[:20].split()[0] for line in lines[1:]).startswith("secret/github-")


def test_a_whole_table_breaks_its_last_column_only(capsys: pytest.CaptureFixture[str]) -> None:
    place = "share/" + "deep/" * 20 + "a.txt: part/1/text,5:13"
    table(("place", "n", "what"), [(place, 3, "some words " * 9)], whole=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"{place}  3  some words")
    assert all(set(line[: len(place)]) == {" "} for line in lines[2:]) and len(lines) > 2


def test_many() -> None:
    assert [output.many(count, "file") for count in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]


def test_an_empty_table_says_so_and_is_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    table(("a",), [])
    table(("a",), [], "Findings")
    assert capsys.readouterr() == ("", "no rows\nFindings: nothing\n")


class FromDuckdb(Exception):
    """Stands for an error of the store's library."""


FromDuckdb.__module__ = "duckdb"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FromDuckdb("Parser Error: no\n\nLINE 1: …"), "Parser Error: no"),
        (FromDuckdb("bad \x1b[31m"), "bad \ufffd[31m"),
        (FromDuckdb(""), "FromDuckdb"),
        (FromDuckdb('No "x"!\nCandidate bindings: "y"\n\nLINE 1: …'), 'No "x"! Candidate bindings: "y"'),
        (PermissionError(13, "Permission denied", "/x"), "the store cannot be used (Permission denied)"),
    ],
)
def test_store_errors_become_one_line(error: Exception, message: str) -> None:
    with pytest.raises(StoreTrouble) as caught, store_errors():
        raise error
    assert str(caught.value) == message
    assert caught.value.__cause__ is None


def test_a_reader_who_has_seen_enough_is_no_trouble_of_the_store() -> None:
    with pytest.raises(BrokenPipeError), store_errors():
        raise BrokenPipeError


class Screen(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, now = Screen(), [0.0]
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    progress = Progress("audit verify")
    progress(1 << 20, 5 << 20)
    progress.clear()
    assert screen.getvalue() == "", "what is quick shows nothing"
    now[0] = 1.0
    progress(1 << 20, 5 << 20)
    progress(2 << 20, 5 << 20)
    progress.clear()
    assert screen.getvalue() == "\rweir audit verify: 1 of 5 MiB\x1b[K\r\x1b[K"


def test_progress_elsewhere_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    progress = Progress("audit verify")
    for now[0] in (1.0, 11.0, 12.0, 22.0):
        progress(3 << 20, 5 << 20)
    progress.clear()
    assert capsys.readouterr() == ("", "weir audit verify: 3 of 5 MiB\n" * 2)


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), store_errors():
        raise ZeroDivisionError


def test_the_console_follows_todays_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    output.console().print("now")
    assert capsys.readouterr().out == "now\n"


def test_grid_shows_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    output.grid({"When": str(datetime(2026, 1, 1)), "Who": "ann"})
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["When", "2026-01-01", "00:00:00"],
        ["Who", "ann"],
    ]


def test_json_moves_no_cursor_and_holds_what_it_held(capsys: pytest.CaptureFixture[str]) -> None:
    said = "ä\x1b[2J\x9b31m\x7f\u202e\u061c\ud800\U0001f600"
    write_json({"said": said})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"said": said} and shown.encode()
    assert "ä" in shown and not set("\x1b\x9b\x7f\u202e\u061c\ud800") & set(shown)
