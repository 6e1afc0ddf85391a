"""Tables of any origin, by their header or by what the caller says."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.logs.format import FormatError
from weir.logs.opening import open_log
from weir.logs.reading import Asked, Reading, read


def reading(path: Path, text: str, **columns: str) -> Reading:
    path.write_text(text)
    with open_log(path) as log:
        return read(log, Asked("csv" if columns else "auto", columns))


def test_columns_by_their_usual_names(tmp_path: Path) -> None:
    made = reading(
        tmp_path / "log",
        'Time;User;Domain;Bytes Sent;Dept;Action\r\n2026-01-02 12:00:00;ann;"ai.example";5;"a;b";Blocked\r\n'
        ";;;;;\r\nx\r\n",
    )
    (use,) = made.uses
    assert (use.user, use.host, use.bytes_up, use.department, use.action) == ("ann", "ai.example", 5, "a;b", "blocked")
    assert use.first == 1_767_355_200_000_000
    assert made.bad == {"no destination": 1, "fewer fields than the header names": 1}


def test_columns_by_name_and_number(tmp_path: Path) -> None:
    by_name = reading(tmp_path / "log", "who,where\nann,ai.example\n", host="Where", user="who")
    by_number = reading(tmp_path / "log", "ann,ai.example\n", host="2", user="1")
    assert by_name.uses == by_number.uses
    assert by_name.uses[0].user == "ann"


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="has no column 'nowhere'"):
        reading(tmp_path / "log", "who,where\nann,ai.example\n", host="nowhere")
    with pytest.raises(FormatError, match="no column that is known"):
        reading(tmp_path / "log", "who,where\nann,ai.example\n", user="who")
