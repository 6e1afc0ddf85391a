"""A directory stands for its files."""

from __future__ import annotations

import os
from pathlib import Path

from weir.cli.discover.files import logs_of


def test_a_directory_is_its_files_and_nothing_else_in_it(tmp_path: Path) -> None:
    for name in ("b.log", "a.log.gz", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "sub").mkdir()
    os.mkfifo(tmp_path / "pipe")  # opening it would wait for ever
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    a, b = str(tmp_path / "a.log.gz"), str(tmp_path / "b.log")
    assert logs_of(["-", b, str(tmp_path), "missing"]) == (["-", b, a, "missing"], [])
    assert logs_of([str(tmp_path / "sub")]) == ([], [(str(tmp_path / "sub"), "is a directory without files")])
